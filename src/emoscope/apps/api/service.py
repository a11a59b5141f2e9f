"""What all requests of one service share, and the one thing it does: read an upload."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from emoscope.apps.api.folder import UploadFolder
from emoscope.apps.api.metrics import Metrics
from emoscope.apps.api.models import Shelf
from emoscope.apps.api.options import AnalyzeOptions
from emoscope.apps.api.problems import ProblemError
from emoscope.apps.api.queue import WorkQueue
from emoscope.apps.api.settings import ServiceSettings
from emoscope.apps.api.uploads import Upload
from emoscope.errors import EmoscopeError, MissingExtraError
from emoscope.export.formats import Format, render
from emoscope.guard import DecodePool
from emoscope.media import Limits
from emoscope.results import Analysis

Progress = Callable[[float, float | None], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True)
class Answer:
    """A result as it is sent: ``content``, or a file at ``path`` that is to be removed."""

    media_type: str
    file_name: str
    content: bytes = b""
    path: Path | None = None


class Service:
    """The models, the decoders, the lines in front of them, and the counts.

    Args:
        settings: how it runs.

    Attributes:
        is_ready: the models are loaded and requests are taken.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.shelf = Shelf(settings)
        self.is_ready = False
        self.uploads = 0
        # Jobs take long; they have threads of their own, so that direct requests get through.
        job_workers = max(1, settings.workers // 2)
        self.direct = WorkQueue(settings.workers, settings.waiting, "emoscope-direct")
        self.jobs = WorkQueue(job_workers, settings.jobs_kept, "emoscope-job")
        self.pool = DecodePool(
            limits=settings.limits,
            memory_bytes=settings.decode_memory_bytes,
            timeout_s=settings.decode_timeout_s,
            children=settings.workers + job_workers,
        )
        self.folder = UploadFolder()
        self.metrics = Metrics(
            {
                "queue_waiting": lambda: self.direct.waiting,
                "queue_running": lambda: self.direct.running,
                "jobs_running": lambda: self.jobs.running,
                "uploads": lambda: self.uploads,
                "decoder_restarts": lambda: self.pool.restarts,
                "ready": lambda: self.is_ready,
            },
            lambda: self.shelf.loaded,
        )

    def start(self) -> None:
        """Load the models and start the decoders.

        Raises:
            EmoscopeError: a model cannot be had, or no decoder started.
        """
        self.shelf.load()
        self.pool.start()
        self.is_ready = True

    def stop(self) -> None:
        """Finish what runs, then let go of everything."""
        self.is_ready = False
        # Work that is still at it then is cut short.
        enough = threading.Timer(self.settings.grace_s, self.pool.close)
        enough.start()
        self.direct.close(finish_waiting=True)
        self.jobs.close(finish_waiting=False)
        enough.cancel()
        self.pool.close()
        self.folder.close()

    def read(
        self,
        upload: Upload,
        options: AnalyzeOptions,
        *,
        limits: Limits,
        timeout_s: float,
        cancelled: Cancelled,
        progress: Progress | None = None,
    ) -> Analysis:
        """Read an upload; called in a thread of a queue.

        Raises:
            EmoscopeError: what :meth:`emoscope.guard.DecodePool.open` and the models raise.
            ProblemError: an option cannot be had.
        """
        kind, outcome = "unknown", "failed"
        begun = monotonic()
        try:
            analyzer = self.shelf.analyzer(options)
            with self.pool.open(
                upload.medium,
                name=upload.name,
                limits=options.within(limits),
                timeout_s=timeout_s,
                cancelled=cancelled,
            ) as media:
                kind = media.kind
                analysis = analyzer.analyze_media(media, progress=progress)
                decode_s = media.waited_s
            outcome = "read"
        except EmoscopeError as error:
            outcome = type(error).__name__
            raise
        finally:
            self.metrics.media.labels(kind, outcome).inc()
        self.metrics.stage("decode", decode_s)
        self.metrics.stage("read", monotonic() - begun - decode_s)
        self.metrics.media_seconds.inc(analysis.duration_s)
        return analysis

    def answer(
        self,
        analysis: Analysis,
        upload: Upload | None,
        wanted: Format,
        *,
        timeout_s: float,
        cancelled: Cancelled,
        progress: Progress | None = None,
    ) -> Answer:
        """The result in a format; annotated media need the upload once more.

        Raises:
            ProblemError: 406, this input has no such format; 507, there is no room for it.
            EmoscopeError: the medium could not be read again.
        """
        if not wanted.applies_to(analysis):
            kinds = ", ".join(one.value for one in Format if one.applies_to(analysis))
            raise ProblemError(
                406,
                "not-acceptable",
                f"there is no {wanted.value} for this {analysis.kind}; there are {kinds}",
                field="Accept",
            )
        media_type, ending = wanted.media_type(analysis), wanted.ending(analysis)
        name = f"{Path(analysis.source).stem}{ending}"
        with self.metrics.timed("write"):
            if wanted is not Format.ANNOTATED:
                return Answer(media_type, name, _rendered(analysis, wanted))
            assert upload is not None, "annotated media are drawn while the upload is there"
            out = self.folder.new_path(ending)
            try:
                with upload.on_disk(self.folder) as path:
                    self.pool.annotate(
                        path,
                        analysis,
                        out,
                        out_bytes=2 * self.settings.limits.max_bytes,
                        name=upload.name,
                        timeout_s=timeout_s,
                        cancelled=cancelled,
                        progress=progress,
                    )
            except OSError as error:
                out.unlink(missing_ok=True)
                raise ProblemError(
                    507,
                    "no-space",
                    "there is no room for the annotated medium; ask for JSON, or try again later",
                    retry_after_s=30,
                ) from error
        return Answer(media_type, name, path=out)

    @property
    def direct_limits(self) -> Limits:
        """For media that are read while their client waits."""
        limits = self.settings.limits
        longest = min(limits.max_duration_s, self.settings.direct_s)
        return dataclasses.replace(limits, max_duration_s=longest)


def _rendered(analysis: Analysis, wanted: Format) -> bytes:
    if wanted is Format.JSON:  # on one line, as ``emoscope analyze --json`` writes it
        text = json.dumps(analysis.to_dict(), ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace")
    try:
        return render(analysis, wanted)
    except MissingExtraError as error:
        raise ProblemError(
            406, "not-acceptable", f"this service cannot give {wanted.value}", field="Accept"
        ) from error
