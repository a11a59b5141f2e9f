"""The only place that opens libav, and how it is kept from opening anything else."""

from __future__ import annotations

from typing import Any, BinaryIO, Final, NoReturn

import av
import av.container
import av.error
import av.logging

LIBAV_ERRORS: Final = (
    av.error.FFmpegError,
    ValueError,
    RuntimeError,
    OSError,
    ArithmeticError,
    LookupError,
    AssertionError,
    AttributeError,
    MemoryError,
    TypeError,
)
"""What libav and PyAV raise on damaged data (PyAV lets plain Python errors through, too)."""

# No log line of libav ever reaches the terminal: errors are raised, warnings are of no use there.
av.logging.set_level(None)


class _NamelessFile:
    """A file for libav to read: without a name it cannot resolve anything relative to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


class _NestedMediumError(OSError):
    """A medium asked for another file or address."""


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise _NestedMediumError(f"the medium refers to another one: {url[:80]}")


def open_stream(file: BinaryIO, demuxer: str) -> av.container.InputContainer:
    """Open a medium with one demuxer, sealed off from files and network.

    Args:
        file: seekable, positioned anywhere.
        demuxer: libav's name of the container format.

    Raises:
        LIBAV_ERRORS: not readable as that format.
    """
    file.seek(0)
    # Three bars before any reference in the data: no protocol, no external MOV tracks, and no way
    # to open a second file at all.
    container_options = {"protocol_whitelist": "none", "format_whitelist": _alias(demuxer)}
    if demuxer == "mov":
        container_options |= {"enable_drefs": "0", "use_absolute_path": "0"}
    opened: Any = av.open(
        _NamelessFile(file),
        mode="r",
        format=demuxer,
        container_options=container_options,
        metadata_errors="replace",
        buffer_size=65_536,
        io_open=_refuse,
    )
    return opened  # type: ignore[no-any-return]


def _alias(demuxer: str) -> str:
    # The white list is compared with a demuxer's full list of names.
    return {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}.get(demuxer, demuxer)
