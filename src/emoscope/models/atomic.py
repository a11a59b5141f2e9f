"""Files that are written whole or not at all, and checked when read."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from emoscope.errors import ModelError, ModelIntegrityError

_STALE_PART_S = 24 * 3600.0


def rename(part: Path, target: Path, sha256: str) -> Path:
    """Move a finished part, whose digest is known, to its place.

    Raises:
        OSError: the place cannot be written.
    """
    try:
        part.replace(target)
    except PermissionError:
        # Windows refuses while another process reads the target: fine if that is the same file.
        if not target.is_file() or digest(target) != sha256:
            raise
    return target


@contextmanager
def part_of(folder: Path, name: str) -> Iterator[tuple[Path, BinaryIO]]:
    """A temporary file beside its final place, gone on leaving unless renamed.

    Raises:
        ModelError: the folder cannot be written, or the disk is full.
    """
    part = folder / f".{name}.{os.getpid()}-{secrets.token_hex(4)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with part.open("xb") as file:
            yield part, file
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot write to the cache: {error.strerror or error}; free some space "
            "there, or choose another folder with EMOSCOPE_CACHE"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed left behind."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE_PART_S:
                part.unlink()


def read(path: Path) -> bytes:
    """Content of a file; :class:`ModelError` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot read it: {error.strerror or error}") from error


def digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal; :class:`ModelError` if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot read it: {error.strerror or error}") from error


def check_digest(path: Path, want: str, repair: str) -> None:
    """Compare a file with the SHA-256 it must have.

    Raises:
        ModelError: the file cannot be read.
        ModelIntegrityError: it differs; the message ends with ``repair``.
    """
    got = digest(path)
    if got != want:
        raise ModelIntegrityError(
            f"{path}: damaged or changed: expected SHA-256 {want}, got {got}; {repair}"
        )
