"""What lists and charts say of kept results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from emoscope.results import Kind

MODALITIES = ("face", "voice", "words", "fused")


@dataclass(frozen=True)
class Entry:
    """One kept result, without its readings.

    Attributes:
        id: its number; a number is never given twice.
        at: when it was kept, in local time.
        source: the input as the user named it, in one line.
        kind: ``image``, ``audio`` or ``video``.
        duration_s: length of the medium in seconds.
        faces: how many different faces.
        labels: of ``face``, ``voice``, ``words`` and ``fused``: the most probable label on the
            whole; None where nothing was read or the mean abstains.
    """

    id: int
    at: datetime
    source: str
    kind: Kind
    duration_s: float
    faces: int
    labels: Mapping[str, str | None]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "id": self.id,
            "at": self.at.isoformat(timespec="seconds"),
            "source": self.source,
            "kind": self.kind,
            "duration_s": self.duration_s,
            "faces": self.faces,
            "labels": dict(self.labels),
        }


@dataclass(frozen=True)
class Day:
    """What was kept on one day, for charts.

    Attributes:
        day: the date, local where it was kept.
        results: how many.
        labels: of each modality: how many results have which label.
    """

    day: date
    results: int
    labels: Mapping[str, Mapping[str, int]]
