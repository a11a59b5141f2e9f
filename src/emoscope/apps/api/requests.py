"""From an HTTP request to a piece of work and back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from fastapi.responses import FileResponse, Response
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from emoscope.apps.api.problems import ProblemError, problem_of
from emoscope.apps.api.service import Answer, Cancelled, Service
from emoscope.apps.api.uploads import Upload, receive
from emoscope.errors import EmoscopeError

_T = TypeVar("_T")


def service_of(request: Request) -> Service:
    """The service that an app belongs to."""
    service: Service = request.app.state.service
    return service


@asynccontextmanager
async def uploaded(request: Request) -> AsyncIterator[Upload]:
    """The request's medium; the caller takes it over by setting ``upload.kept``.

    Raises:
        ProblemError: as :func:`emoscope.apps.api.uploads.receive`; 429, too many at a time.
    """
    service = service_of(request)
    settings = service.settings
    if service.uploads >= settings.uploads:
        raise ProblemError(
            429,
            "too-many-uploads",
            f"{settings.uploads} uploads are being received already; try again later",
            limit=settings.uploads,
            retry_after_s=2,
        )
    service.uploads += 1
    try:
        upload = await receive(
            request,
            service.folder,
            max_bytes=settings.limits.max_bytes,
            timeout_s=settings.upload_timeout_s,
        )
    finally:
        service.uploads -= 1
    service.metrics.stage("upload", upload.received_s)
    try:
        yield upload
    finally:
        if not upload.kept:
            upload.remove()


async def in_line(request: Request, work: Callable[[Cancelled], _T]) -> _T:
    """Do a piece of work in a thread when its turn comes; it is dropped if the client goes away.

    Raises:
        ProblemError: 503, there is no room; or what the work raises.
    """
    service = service_of(request)
    cancel = threading.Event()
    asked = monotonic()

    def run() -> _T:
        service.metrics.stage("queue", monotonic() - asked)
        return work(cancel.is_set)

    future = service.direct.submit(run)
    waiting = asyncio.wrap_future(future)
    gone = asyncio.create_task(_until_gone(request))
    try:
        both: set[asyncio.Future[Any]] = {waiting, gone}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise ProblemError(499, "cancelled", "the client has gone")
        return waiting.result()
    except EmoscopeError as error:
        raise problem_of(error) from error
    finally:
        cancel.set()
        gone.cancel()
        waiting.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def response_of(answer: Answer) -> Response:
    """The HTTP answer for a result."""
    headers = {"Vary": "Accept"}
    if answer.path is not None:
        return _PassingFile(
            answer.path,
            media_type=answer.media_type,
            filename=answer.file_name,
            headers=headers,
            content_disposition_type="inline",
        )
    charset = "; charset=utf-8" if answer.media_type.startswith("text/") else ""
    return Response(answer.content, headers=headers, media_type=answer.media_type + charset)


class _PassingFile(FileResponse):
    """A file that is removed when it was sent, or could not be."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            Path(self.path).unlink(missing_ok=True)
