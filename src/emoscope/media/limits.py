"""How much of a medium is accepted."""

from __future__ import annotations

import math
from dataclasses import dataclass

_GIB = 1024**3


@dataclass(frozen=True)
class Limits:
    """What a medium may hold at most; raise a limit to accept more.

    Attributes:
        max_pixels: width times height of a picture or of one video frame.
        max_duration_s: seconds of a recording or video, as declared and as decoded.
        max_bytes: size of the file.

    Raises:
        ValueError: a limit is not a positive number.
    """

    max_pixels: int = 100_000_000
    max_duration_s: float = 6 * 3600
    max_bytes: int = 16 * _GIB

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_duration_s", "max_bytes"):
            value = getattr(self, name)
            if math.isnan(value) or value <= 0:
                raise ValueError(f"expected {name} > 0, got {value}")
