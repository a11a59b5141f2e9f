"""Bodies of requests, written to disk as they come and never beyond the limit."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import mimetypes
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from emoscope.apps.api.folder import UploadFolder
from emoscope.apps.api.multipart import FormReader
from emoscope.apps.api.problems import ProblemError

_FORM = "multipart/form-data"
# What cannot be a medium; said before anything is read.
_NO_MEDIUM = ("application/json", "application/x-www-form-urlencoded", "text/")
_FORM_BYTES = 256 * 1024  # what a form may hold besides its file
_CHUNK = 256 * 1024
_AT_ONCE = 4 * 1024**2
_LONGEST_NAME = 200


@dataclass
class Upload:
    """A received file.

    Attributes:
        path: where it lies, under a name that is ours.
        name: what the client called it, without folders.
        fields: the other fields of the form.
        received_s: how long it took to come.
        kept: somebody else than the request removes it.
    """

    path: Path
    name: str = "upload"
    fields: dict[str, str] = field(default_factory=dict)
    received_s: float = 0.0
    kept: bool = False

    def remove(self) -> None:
        """Delete the file; may be called more than once."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


async def receive(
    request: Request, folder: UploadFolder, *, max_bytes: int, timeout_s: float
) -> Upload:
    """Write the request's medium to disk.

    Returns:
        The upload; whoever gets it removes it.

    Raises:
        ProblemError: 408 too slow, 413 too large, 415 no medium, 422 no such form, 507 disk full.
        ClientDisconnect: the client has gone.
    """
    content_type = request.headers.get("content-type", "")
    essence = content_type.partition(";")[0].strip().lower()
    if essence.startswith(_NO_MEDIUM):
        raise ProblemError(
            415,
            "unsupported-medium",
            f"{essence} is no picture, recording or video; send the file as the body or as a form",
            field="Content-Type",
        )
    is_form = essence == _FORM
    allowed = max_bytes + (_FORM_BYTES if is_form else 0)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > allowed:
        raise _too_large(max_bytes)
    upload = Upload(folder.new_path())
    begun = time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            await _write(request, upload, content_type if is_form else None, max_bytes, allowed)
    except TimeoutError:
        upload.remove()
        raise ProblemError(
            408,
            "too-slow",
            f"the body did not arrive within {timeout_s:g} s",
            field="file",
            limit=timeout_s,
        ) from None
    except OSError as error:
        upload.remove()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise ProblemError(
            507 if full else 500,
            "no-space" if full else "failed",
            "there is no room for the upload now" if full else "the upload cannot be kept",
            retry_after_s=30 if full else None,
        ) from error
    except BaseException:
        upload.remove()
        raise
    if not is_form:
        upload.name = plain_name("", essence)
    upload.received_s = time.monotonic() - begun
    return upload


async def _write(
    request: Request, upload: Upload, form_type: str | None, max_bytes: int, allowed: int
) -> None:
    with upload.path.open("wb", buffering=0) as file:
        written = 0

        def write(data: bytes) -> None:
            nonlocal written
            written += len(data)
            if written > max_bytes:
                raise _too_large(max_bytes)
            file.write(data)

        form = None if form_type is None else FormReader(form_type, write)
        seen = 0
        async for chunk in _chunks(request):
            seen += len(chunk)
            if seen > allowed:
                raise _too_large(max_bytes)
            take = write if form is None else form.feed
            # A little goes into the disk's cache at once; a lot may have to wait for the disk.
            if seen <= _AT_ONCE:
                take(chunk)
            else:
                await run_in_threadpool(take, chunk)
        if form is not None:
            form.finish()
            upload.name = plain_name(form.file_name or "", form.file_type)
            upload.fields = form.fields
    if not written:
        raise ProblemError(422, "unreadable-medium", "the file is empty", field="file")


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces that are worth a trip to the disk."""
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= _CHUNK:
            yield bytes(waiting)
            waiting.clear()
    request.state.body_is_read = True  # see problems.py
    if waiting:
        yield bytes(waiting)


def plain_name(name: str, media_type: str = "") -> str:
    """What a client calls a file, without folders and what does not print."""
    last = PurePosixPath(name.replace("\\", "/")).name
    printable = "".join(c for c in last if c.isprintable())
    plain = re.sub(r"\s+", " ", printable).strip()[-_LONGEST_NAME:]
    if plain in ("", ".", ".."):
        medium = media_type.startswith(("image/", "audio/", "video/"))
        return f"upload{(medium and mimetypes.guess_extension(media_type)) or ''}"
    return plain


def _too_large(max_bytes: int) -> ProblemError:
    return ProblemError(
        413,
        "beyond-limit",
        f"more than the {max_bytes:,} bytes allowed; send a smaller file",
        field="file",
        limit=max_bytes,
    )
