"""``POST /v1/analyze``: one medium, read while its client waits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from emoscope.apps.api import schema
from emoscope.apps.api.accept import wanted_format
from emoscope.apps.api.direct_route import DirectRoute
from emoscope.apps.api.options import AnalyzeOptions, with_fields
from emoscope.apps.api.problems import ProblemError, problem_of, responses
from emoscope.apps.api.requests import in_line, response_of, service_of, uploaded
from emoscope.apps.api.service import Answer, Cancelled
from emoscope.apps.api.settings import ServiceSettings
from emoscope.errors import MediaLimitError

router = APIRouter(tags=["analysis"], route_class=DirectRoute)


@router.post(
    "/v1/analyze",
    operation_id="analyze",
    summary="Read one picture, recording or video",
    response_class=Response,
    responses={
        200: schema.results(),
        **responses(400, 401, 403, 406, 408, 413, 415, 422, 429, 500, 503, 507),
    },
    openapi_extra={"requestBody": schema.body()},
)
async def analyze(request: Request, options: Annotated[AnalyzeOptions, Query()]) -> Response:
    """Send the file in the form field `file`, or as the body itself.

    The `Accept` header chooses the answer: JSON (also the default), CSV, WebVTT, the annotated
    picture or video, and more. A medium that is longer than the service reads at once is refused
    with 413; give it to `/v1/jobs`.
    """
    service = service_of(request)
    settings = service.settings
    wanted = wanted_format(request.headers.get("accept"), options.format)
    service.direct.check()
    async with uploaded(request) as upload:
        chosen = with_fields(options, upload.fields)

        def work(cancelled: Cancelled) -> Answer:
            try:
                analysis = service.read(
                    upload,
                    chosen,
                    limits=service.direct_limits,
                    timeout_s=settings.decode_timeout_s,
                    cancelled=cancelled,
                )
            except MediaLimitError as error:
                raise _or_a_job(error, settings) from error
            return service.answer(
                analysis,
                upload,
                chosen.format or wanted,
                timeout_s=settings.decode_timeout_s,
                cancelled=cancelled,
            )

        return response_of(await in_line(request, work))


def _or_a_job(error: MediaLimitError, settings: ServiceSettings) -> ProblemError:
    """What is too long to wait for may not be too long for a job."""
    problem = problem_of(error)
    if error.limit == settings.direct_s < settings.limits.max_duration_s:
        problem.detail = (
            f"longer than the {settings.direct_s:g} s that are read at once; "
            f"POST /v1/jobs takes up to {settings.limits.max_duration_s:g} s"
        )
    return problem
