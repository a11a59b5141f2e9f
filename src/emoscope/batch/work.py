"""The work on one file: the same in a local worker and on a cluster."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from emoscope._optional import require
from emoscope.batch.task import Outcome, Task
from emoscope.errors import (
    CorruptMediaError,
    EmoscopeError,
    MediaError,
    MediaLimitError,
    MediaNotFoundError,
    ModelError,
    UnsupportedMediaError,
)
from emoscope.media.limits import Limits
from emoscope.results import Analysis

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (MediaNotFoundError, "not found"),
    (UnsupportedMediaError, "not a medium"),
    (MediaLimitError, "over a limit"),
    (CorruptMediaError, "damaged"),
    (MediaError, "not readable"),
    (MemoryError, "out of memory"),
    (ModelError, "model failed"),
)
_LONGEST_ERROR = 500


class Reader(Protocol):
    """What reads a file; :class:`~emoscope.analyzer.Analyzer` is one."""

    def analyze(self, source: str, /) -> Analysis:
        """Read one file."""


@dataclass(frozen=True)
class Settings:
    """How files are read: what a worker needs to know, as plain values.

    Attributes:
        options: for the factory; by default those of :class:`~emoscope.analyzer.Analyzer`, with
            ``max_pixels`` and ``max_duration_s`` for its limits.
        factory: ``module:function`` that makes a reader from the options and a number of threads.
        timeout_s: a file that takes longer is given up.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    factory: str = "emoscope.batch.work:analyzer"
    timeout_s: float = 3600.0

    def __post_init__(self) -> None:
        if not self.timeout_s > 0:
            raise ValueError(f"expected timeout_s > 0, got {self.timeout_s}")

    def reader(self, threads: int) -> Reader:
        """What reads files by these settings."""
        module, _, name = self.factory.partition(":")
        made: Reader = getattr(import_module(module), name)(dict(self.options), threads)
        return made


def analyzer(options: dict[str, Any], threads: int) -> Reader:
    """The usual reader."""
    import cv2

    from emoscope.analyzer import Analyzer

    cv2.setNumThreads(threads)
    bounds = {name: options.pop(name) for name in ("max_pixels", "max_duration_s")
              if name in options}  # fmt: skip
    return Analyzer(**options, limits=Limits(**bounds), threads=threads)


def prepare(folder: Path | None) -> None:
    """Load what writes results, so that it takes none of the first file's time."""
    if folder is None:
        import emoscope.batch.parquet
        import emoscope.export.parquet

        require("pyarrow", extra="batch")
    else:
        import emoscope.export.formats  # noqa: F401


def read(reader: Reader, task: Task, folder: Path | None) -> Outcome:
    """Read one file and write its result, or give its rows.

    Whatever is wrong with the file itself is in the outcome.

    Args:
        reader: reads it.
        task: the file.
        folder: where JSON documents go; None: the rows are given instead.

    Raises:
        ModelError: a model cannot be had, or fails on this file.
        EmoscopeError: something else that the settings need is not to be had.
        OutputError: the result cannot be written.
    """
    began = time.monotonic()
    found: dict[str, Any] = {"number": task.number, "path": task.path}
    try:
        found |= _fingerprint(task.path)
        if task.digest is not None and found["digest"] == task.digest:
            return Outcome(**found, status="unchanged")
        analysis = reader.analyze(task.path)
    except MediaError as error:
        return failure(found, error, time.monotonic() - began)
    except EmoscopeError:
        raise
    except Exception as error:  # noqa: BLE001 - one file must not stop ten million
        return failure(found, error, time.monotonic() - began)
    found |= {
        "kind": analysis.kind,
        "duration_s": round(analysis.duration_s, 3),
        "faces": len(analysis.track_ids),
        "speech_s": round(sum(v.end_s - v.start_s for v in analysis.voice), 3),
    }
    rows = _keep(analysis, task, folder, found["digest"])
    return Outcome(**found, status="done", seconds=_spent(began), rows=rows)


class OutputError(Exception):
    """The result cannot be written."""


def failure(found: Mapping[str, Any], error: BaseException, seconds: float) -> Outcome:
    """The outcome of a file that cannot be read."""
    for kind, name in _REASONS:
        if isinstance(error, kind):
            reason = name
            break
    else:
        reason = "internal error"
    if isinstance(error, MediaError):
        told = error.problem
    elif isinstance(error, MemoryError):
        told = "needs more memory than there is"
    else:
        told = f"{type(error).__name__}: {error}"
    line = " ".join(told.split())[:_LONGEST_ERROR]
    return Outcome(**found, status="failed", reason=reason, error=line, seconds=round(seconds, 3))


def _fingerprint(path: str) -> dict[str, Any]:
    """Digest and times of a plain file; an empty digest of anything else, which is not opened.

    The file is opened once more to be read: what is wrong with it is told there, in full.
    """
    try:
        before = os.stat(path)  # noqa: PTH116 - takes odd names as they are
    except (OSError, ValueError):
        return {"digest": None}
    if stat.S_ISDIR(before.st_mode):
        # A folder that could be listed does not come here.
        raise UnsupportedMediaError(path, "a folder that cannot be listed; change its permissions")
    if not stat.S_ISREG(before.st_mode) or before.st_size > Limits().max_bytes:
        return {"digest": None}
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            status = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return {"digest": None}
    return {
        "digest": digest,
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "ctime_ns": status.st_ctime_ns,
    }


def _keep(analysis: Analysis, task: Task, folder: Path | None, digest: str | None) -> bytes:
    if folder is not None and task.output is not None:
        from emoscope.export.formats import Format, write

        try:
            write(analysis, folder / task.output, Format.JSON)
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot write there: {error.strerror or error}; "
                "free some space, and go on with --resume"
            ) from error
        return b""
    from emoscope.batch.parquet import rows_of

    return rows_of(analysis, digest)


def _spent(began: float) -> float:
    return round(time.monotonic() - began, 3)
