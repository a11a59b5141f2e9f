"""``/v1/jobs``: media that take longer than a client wants to wait."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from emoscope.apps.api import schema
from emoscope.apps.api.accept import wanted_format
from emoscope.apps.api.jobs import Job, Jobs, JobState
from emoscope.apps.api.options import AnalyzeOptions, with_fields
from emoscope.apps.api.problems import Problem, ProblemError, problem_document, responses
from emoscope.apps.api.requests import in_line, response_of, service_of, uploaded
from emoscope.export.formats import Format

router = APIRouter(tags=["jobs"])

JobId = Annotated[str, Path(description="From the answer to POST /v1/jobs.", max_length=64)]


class JobOptions(AnalyzeOptions):
    """Options of a job."""

    annotated: Annotated[
        bool,
        Field(description="Also draw the annotated medium, which is kept as long as the job is."),
    ] = False


class JobStatus(BaseModel):
    """How far a job is."""

    id: str
    state: JobState
    created: datetime
    done_s: Annotated[float, Field(description="Seconds of the medium that were read.")]
    total_s: Annotated[
        float | None, Field(description="Length of the medium; null while it is not known.")
    ]
    progress: Annotated[
        float | None, Field(ge=0, le=1, description="Share that is done; null: not known.")
    ]
    result: Annotated[str | None, Field(description="Where the result is, when done.")]
    problem: Annotated[Problem | None, Field(description="Why it failed.")]


@router.post(
    "/v1/jobs",
    operation_id="createJob",
    summary="Read a long recording or video in the background",
    status_code=202,
    response_model=JobStatus,
    responses=responses(400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 507),
    openapi_extra={"requestBody": schema.body()},
)
async def create(
    request: Request, response: Response, options: Annotated[JobOptions, Query()]
) -> JobStatus:
    """Takes what `/v1/analyze` takes and answers at once with the job."""
    jobs = _jobs(request)
    jobs.check()
    async with uploaded(request) as upload:
        chosen = with_fields(options, upload.fields)
        job = jobs.add(upload, chosen, annotated=chosen.annotated)
        upload.kept = True
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return _status(job)


@router.get(
    "/v1/jobs/{job_id}",
    operation_id="getJob",
    summary="How far a job is",
    response_model=JobStatus,
    responses=responses(401, 403, 404, 422),
)
async def show(request: Request, job_id: JobId) -> JobStatus:
    """With its progress, and where its result is."""
    return _status(_jobs(request).find(job_id))


@router.get(
    "/v1/jobs/{job_id}/result",
    operation_id="getJobResult",
    summary="What a job has read",
    response_class=Response,
    responses={200: schema.results(), **responses(401, 403, 404, 406, 409, 422, 500, 503)},
)
async def result(
    request: Request,
    job_id: JobId,
    format: Annotated[  # noqa: A002 - what clients call it
        Format | None, Query(description="Where the Accept header cannot say.")
    ] = None,
) -> Response:
    """In the format that `Accept` chooses, as for `/v1/analyze`."""
    service = service_of(request)
    job = _jobs(request).find(job_id)
    if job.problem is not None:
        raise job.problem
    analysis = job.analysis
    if analysis is None:
        raise ProblemError(
            409, "not-done", f"the job is {job.state}; its result comes later", field="job_id"
        )
    wanted = wanted_format(request.headers.get("accept"), format)
    if wanted is not Format.ANNOTATED:
        answer = await in_line(
            request,
            lambda cancelled: service.answer(
                analysis, None, wanted, timeout_s=1.0, cancelled=cancelled
            ),
        )
        return response_of(answer)
    drawn = job.annotated
    if drawn is None or drawn.path is None:
        raise ProblemError(
            406,
            "not-acceptable",
            "the annotated medium is only drawn where the job was created with annotated=true",
            field="Accept",
        )
    return FileResponse(
        drawn.path,
        media_type=drawn.media_type,
        filename=drawn.file_name,
        content_disposition_type="inline",
    )


@router.delete(
    "/v1/jobs/{job_id}",
    operation_id="deleteJob",
    summary="Stop and forget a job",
    status_code=204,
    responses=responses(401, 403, 404, 422),
)
async def delete(request: Request, job_id: JobId) -> None:
    """Also removes its results."""
    _jobs(request).delete(job_id)


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def _status(job: Job) -> JobStatus:
    progress = min(job.done_s / job.total_s, 1.0) if job.total_s else None
    if job.state is JobState.DONE:
        progress = 1.0
    return JobStatus(
        id=job.id,
        state=job.state,
        created=job.created,
        done_s=round(job.done_s, 3),
        total_s=None if job.total_s is None else round(job.total_s, 3),
        progress=progress,
        result=f"/v1/jobs/{job.id}/result" if job.state is JobState.DONE else None,
        problem=None if job.problem is None else problem_document(job.problem),
    )
