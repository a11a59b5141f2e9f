"""Bodies of requests, kept as they come and never beyond the limit: small ones in memory."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import mimetypes
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from io import FileIO
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
# A file costs more than handing over so few bytes; with all places taken it is still little memory.
IN_MEMORY = 256 * 1024
_AT_ONCE = 4 * 1024**2
_LONGEST_NAME = 200


@dataclass
class Upload:
    """A received file.

    Attributes:
        medium: where it lies, under a name that is ours; the bytes themselves of a small one.
        name: what the client called it, without folders.
        fields: the other fields of the form.
        received_s: how long it took to come.
        kept: somebody else than the request removes it.
    """

    medium: Path | bytes
    name: str = "upload"
    fields: dict[str, str] = field(default_factory=dict)
    received_s: float = 0.0
    kept: bool = False

    @contextlib.contextmanager
    def on_disk(self, folder: UploadFolder) -> Iterator[Path]:
        """Where it lies; what is in memory lies there meanwhile.

        Raises:
            OSError: there is no room for it.
        """
        if isinstance(self.medium, Path):
            yield self.medium
            return
        path = folder.new_path()
        try:
            path.write_bytes(self.medium)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Let go of it; may be called more than once."""
        if isinstance(self.medium, Path):
            with contextlib.suppress(OSError):
                self.medium.unlink(missing_ok=True)
        else:
            self.medium = b""


async def receive(
    request: Request, folder: UploadFolder, *, max_bytes: int, timeout_s: float
) -> Upload:
    """Take the request's medium in.

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
    begun = time.monotonic()
    place = _Place(folder, max_bytes)
    try:
        async with asyncio.timeout(timeout_s):
            form = await _take(request, place, content_type if is_form else None, allowed)
        upload = Upload(place.finished())
    except TimeoutError:
        place.remove()
        raise ProblemError(
            408,
            "too-slow",
            f"the body did not arrive within {timeout_s:g} s",
            field="file",
            limit=timeout_s,
        ) from None
    except OSError as error:
        place.remove()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise ProblemError(
            507 if full else 500,
            "no-space" if full else "failed",
            "there is no room for the upload now" if full else "the upload cannot be kept",
            retry_after_s=30 if full else None,
        ) from error
    except BaseException:
        place.remove()
        raise
    if form is None:
        upload.name = plain_name("", essence)
    else:
        upload.name = plain_name(form.file_name or "", form.file_type)
        upload.fields = form.fields
    upload.received_s = time.monotonic() - begun
    return upload


class _Place:
    """Where a body goes: into memory while it is small, then into a file."""

    def __init__(self, folder: UploadFolder, max_bytes: int) -> None:
        self._folder, self.max_bytes = folder, max_bytes
        self._small = bytearray()
        self._file: FileIO | None = None
        self._path: Path | None = None
        self._written = 0

    def write(self, data: bytes) -> None:
        """Take the next bytes of the medium.

        Raises:
            ProblemError: 413, these are too many.
            OSError: the disk is full.
        """
        self._written += len(data)
        if self._written > self.max_bytes:
            raise _too_large(self.max_bytes)
        if self._file is None:
            if self._written <= IN_MEMORY:
                self._small += data
                return
            self._path = self._folder.new_path()
            self._file = self._path.open("wb", buffering=0)
            self._put(self._small)
            self._small = bytearray()
        self._put(data)

    def finished(self) -> Path | bytes:
        """The whole medium.

        Raises:
            ProblemError: 422, it is empty.
        """
        if not self._written:
            raise ProblemError(422, "unreadable-medium", "the file is empty", field="file")
        if self._file is None or self._path is None:
            return bytes(self._small)
        self._file.close()
        return self._path

    def remove(self) -> None:
        """It is wanted no more."""
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _put(self, data: bytes | bytearray) -> None:
        assert self._file is not None
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]


async def _take(
    request: Request, place: _Place, form_type: str | None, allowed: int
) -> FormReader | None:
    """Put the medium in its place; returns the rest of the form, if it was one."""
    form = None if form_type is None else FormReader(form_type, place.write)
    take = place.write if form is None else form.feed
    seen = 0
    async for chunk in _chunks(request):
        seen += len(chunk)
        if seen > allowed:
            raise _too_large(place.max_bytes)
        # A little goes into the disk's cache at once; a lot may have to wait for the disk.
        if seen <= _AT_ONCE:
            take(chunk)
        else:
            await run_in_threadpool(take, chunk)
    if form is not None:
        form.finish()
    return form


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
