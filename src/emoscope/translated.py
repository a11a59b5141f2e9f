"""A reading that was not read: one modality in the terms of the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from emoscope.scores import Scores


@dataclass(frozen=True)
class TranslatedReading:
    """What one modality shows, in the terms of the other, which was not there.

    No evidence: whoever fuses readings leaves it out.

    Attributes:
        time_s: of the reading that was translated, seconds from the start of the medium.
        source: the modality that was read.
        to: the modality in whose terms ``scores`` are.
        scores: over the labels of the model of ``to``.
        model: the translation, ``name@version``.
        translated: always true; it stands in the JSON too.
    """

    translated: ClassVar[bool] = True

    time_s: float
    source: Literal["face", "voice"]
    to: Literal["face", "voice"]
    scores: Scores
    model: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.time_s) and self.time_s >= 0):
            raise ValueError(f"expected time_s >= 0, got {self.time_s}")
        if {self.source, self.to} != {"face", "voice"}:
            raise ValueError(
                f"expected one modality to be translated to the other, got {self.source!r} "
                f"to {self.to!r}"
            )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "time_s": round(self.time_s, 3),
            "translated": True,
            "source": self.source,
            "to": self.to,
            "model": self.model,
            "scores": self.scores.to_dict(),
            "top": self.scores.top,
            "confidence": round(self.scores.confidence, 4),
        }
