"""What every source of media gives: pictures and sound with their time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples per second of every waveform."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture.

    Attributes:
        time_s: seconds from the start of the medium, 0 for a picture.
        image_rgb: (height, width, 3) uint8, contiguous, upright as a viewer shows it.
    """

    time_s: float
    image_rgb: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Sound:
    """A stretch of sound; the next one begins where it ends.

    Attributes:
        time_s: seconds from the start of the medium to the first sample.
        waveform: (time,) float32 within [-1, 1], one channel at ``SAMPLE_RATE``.
    """

    time_s: float
    waveform: NDArray[np.float32]

    @property
    def end_s(self) -> float:
        """Seconds from the start of the medium to the end of the last sample."""
        return self.time_s + len(self.waveform) / SAMPLE_RATE
