"""A file to read, and what came of it: plain values that workers, manifest and table share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["done", "unchanged", "failed", "crashed", "timed out"]


@dataclass(frozen=True)
class Task:
    """One file to read.

    Attributes:
        number: of its row in the manifest.
        path: of the file.
        output: relative name of the JSON document to write; None: the rows are wanted.
        digest: of what an earlier run read there; the same again needs no reading.
        attempts: how often the whole run died while this file was being read.
    """

    number: int
    path: str
    output: str | None = None
    digest: str | None = None
    attempts: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Outcome:
    """What came of one file.

    Attributes:
        number: of the task.
        path: of the file.
        status: ``unchanged``: it holds what it held when it was read before.
        reason: of a failure, in two or three words.
        error: of a failure, in a line.
        digest: SHA-256 of the content; None where it could not be opened.
        size: in bytes, with ``mtime_ns`` and ``ctime_ns`` as found when it was opened.
        mtime_ns: when the content changed.
        ctime_ns: when anything about it changed.
        kind: ``image``, ``audio`` or ``video``.
        duration_s: of the medium.
        seconds: that the reading took.
        faces: distinct ones.
        speech_s: seconds of speech.
        rows: its readings as an Arrow stream, if they were wanted.
    """

    number: int
    path: str
    status: Status
    reason: str | None = None
    error: str | None = None
    digest: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    ctime_ns: int | None = None
    kind: str | None = None
    duration_s: float | None = None
    seconds: float = 0.0
    faces: int = 0
    speech_s: float = 0.0
    rows: bytes = b""

    def to_dict(self) -> dict[str, Any]:
        """All but the rows, as JSON takes it."""
        return {name: value for name, value in self.__dict__.items() if name != "rows"}
