"""From what the user named to an open file."""

from __future__ import annotations

import io
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from emoscope.errors import (
    CorruptMediaError,
    MediaError,
    MediaLimitError,
    MediaNotFoundError,
    UnsupportedMediaError,
)
from emoscope.media.limits import Limits

# Two letters at least: "C:" is a drive. The second half: what libav takes without slashes.
_SCHEME = re.compile(
    r"([a-z][a-z0-9+.\-]+):/|(file|data|concatf?|pipe|fd|subfile|cache|crypto|async|tee)[:,]",
    re.IGNORECASE,
)


def open_file(source: str | Path, limits: Limits) -> tuple[BinaryIO, int]:
    """Open a plain local file for reading.

    Args:
        source: a path; addresses are refused.
        limits: the largest size of a file.

    Returns:
        The open file and its size in bytes.

    Raises:
        MediaNotFoundError: no such file.
        UnsupportedMediaError: an address, a directory, a device, or not allowed to read.
        CorruptMediaError: an empty file.
        MediaLimitError: more bytes than allowed.
    """
    name = str(source)
    try:
        status = os.stat(source)  # noqa: PTH116 - takes odd names as they are
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise _missing(name) from None
    except OSError as error:
        raise _missing(name) if _SCHEME.match(name) else _unreadable(name, error) from None
    if stat.S_ISDIR(status.st_mode):
        raise UnsupportedMediaError(name, "a directory; give the files in it")
    if not stat.S_ISREG(status.st_mode):
        raise UnsupportedMediaError(name, "not a plain file; save the medium to a file first")
    _check_size(status.st_size, name, limits)
    try:
        return open(source, "rb"), status.st_size  # noqa: PTH123 - the caller closes it
    except OSError as error:
        raise _unreadable(name, error) from None


def as_file(data: bytes, name: str, limits: Limits) -> BinaryIO:
    """What :func:`open_file` gives, of a file that is in memory already.

    Raises:
        CorruptMediaError: no bytes at all.
        MediaLimitError: more bytes than allowed.
    """
    _check_size(len(data), name, limits)
    return io.BytesIO(data)


def _check_size(size: int, name: str, limits: Limits) -> None:
    if size == 0:
        raise CorruptMediaError(name, "the file is empty; get a complete copy of it")
    if size > limits.max_bytes:
        raise MediaLimitError(
            name,
            f"{size:,} bytes are more than the {limits.max_bytes:,} allowed; "
            "raise the size limit or give a shorter medium",
            limits.max_bytes,
        )


def _missing(name: str) -> MediaError:
    scheme = _SCHEME.match(name)
    if scheme is None:
        return MediaNotFoundError(name, "no such file; check the path")
    if (scheme[1] or scheme[2]).lower() == "file":
        return UnsupportedMediaError(name, "an address, not a path; give the path without 'file:'")
    return UnsupportedMediaError(
        name, "an address, not a file; download or record it first and give the file's path"
    )


def _unreadable(name: str, error: OSError) -> MediaError:
    if isinstance(error, PermissionError):
        return UnsupportedMediaError(
            name, "may not be read (permission denied); change the file's permissions"
        )
    reason = error.strerror or type(error).__name__
    return UnsupportedMediaError(name, f"cannot be opened ({reason}); check the path")
