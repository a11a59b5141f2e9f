"""Analyses that outlive their request: in line, running, done; remembered for a while."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from emoscope.apps.api.options import AnalyzeOptions
from emoscope.apps.api.problems import ProblemError, problem_of
from emoscope.apps.api.service import Answer, Service
from emoscope.apps.api.uploads import Upload
from emoscope.errors import EmoscopeError
from emoscope.export.formats import Format
from emoscope.results import Analysis

_log = logging.getLogger(__name__)


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job:
    """One analysis of a long medium.

    Attributes:
        id: hard to guess.
        state: how far it is.
        done_s: seconds of the medium that were read.
        total_s: its length, None while it is not known.
        analysis: what was read, when done.
        annotated: the annotated medium, where it was asked for, when done.
        problem: why it failed.
    """

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(18)
        self.created = datetime.now(UTC)
        self.state = JobState.WAITING
        self.done_s = 0.0
        self.total_s: float | None = None
        self.analysis: Analysis | None = None
        self.annotated: Answer | None = None
        self.problem: ProblemError | None = None
        self.ended_s: float | None = None
        self.cancel = threading.Event()
        self.future: Future[None] | None = None

    def step(self, done_s: float, total_s: float | None) -> None:
        """Note how far the reading is."""
        self.done_s, self.total_s = done_s, total_s


class Jobs:
    """The jobs of a service; thread-safe.

    Args:
        service: does the work.
        clock: seconds, for forgetting.
    """

    def __init__(self, service: Service, clock: Callable[[], float] = time.monotonic) -> None:
        self._service, self._clock = service, clock
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def check(self) -> None:
        """Refuse early, before a body is received in vain.

        Raises:
            ProblemError: 429, as many jobs as may be are remembered; 503, the service is stopping.
        """
        self.forget_old()
        most = self._service.settings.jobs_kept
        if len(self._jobs) >= most:
            raise ProblemError(
                429,
                "too-many-jobs",
                f"{most} jobs are remembered already; delete one that is done, or try again later",
                limit=most,
                retry_after_s=30,
            )
        self._service.jobs.check()

    def add(self, upload: Upload, options: AnalyzeOptions, *, annotated: bool) -> Job:
        """Take a job on; the upload is removed when it is over.

        Raises:
            ProblemError: as :meth:`check`.
        """
        job = Job()
        with self._lock:
            self.check()
            self._jobs[job.id] = job
        try:
            job.future = self._service.jobs.submit(
                lambda: self._run(job, upload, options, annotated=annotated)
            )
        except ProblemError:
            self._jobs.pop(job.id, None)
            raise
        # Also where it is cancelled before its turn.
        job.future.add_done_callback(lambda future: upload.remove())
        return job

    def find(self, job_id: str) -> Job:
        """The job of that name.

        Raises:
            ProblemError: 404, there is none, or no more.
        """
        self.forget_old()
        job = self._jobs.get(job_id)
        if job is None:
            raise ProblemError(
                404, "no-such-job", "there is no such job, or its time is over", field="job_id"
            )
        return job

    def delete(self, job_id: str) -> None:
        """Stop a job if it runs, and forget it.

        Raises:
            ProblemError: 404, there is none, or no more.
        """
        job = self.find(job_id)
        with self._lock:
            self._jobs.pop(job_id, None)
        self._drop(job)

    def forget_old(self) -> None:
        """Forget jobs that ended long ago."""
        before = self._clock() - self._service.settings.job_kept_s
        old = [
            job
            for job in list(self._jobs.values())
            if job.ended_s is not None and job.ended_s < before
        ]
        for job in old:
            self._jobs.pop(job.id, None)
            self._drop(job)

    def _drop(self, job: Job) -> None:
        job.cancel.set()
        if job.future is not None:
            job.future.cancel()
        if job.annotated is not None and job.annotated.path is not None:
            job.annotated.path.unlink(missing_ok=True)

    def _run(self, job: Job, upload: Upload, options: AnalyzeOptions, *, annotated: bool) -> None:
        service = self._service
        about: dict[str, Any] = {
            "timeout_s": service.settings.job_timeout_s,
            "cancelled": job.cancel.is_set,
        }
        job.state = JobState.RUNNING
        try:
            analysis = service.read(
                upload, options, limits=service.settings.limits, progress=job.step, **about
            )
            if annotated:
                job.annotated = service.answer(analysis, upload, Format.ANNOTATED, **about)
            job.analysis = analysis
            job.state = JobState.DONE
        except ProblemError as problem:
            job.problem, job.state = problem, JobState.FAILED
        except EmoscopeError as error:
            job.problem, job.state = problem_of(error), JobState.FAILED
        except Exception:  # noqa: BLE001 - whatever it was, its client is told
            _log.exception("a job failed")
            job.problem = ProblemError(500, "failed", "the service failed; its log says why")
            job.state = JobState.FAILED
        finally:
            upload.remove()
            job.ended_s = self._clock()
            if job.cancel.is_set():
                self._drop(job)  # it was deleted while the last of it was written
