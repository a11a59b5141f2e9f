"""How loud it is: the level that a meter shows."""

from __future__ import annotations

import math

import numpy as np

from emoscope.live.state import SILENT_DBFS
from emoscope.media import SAMPLE_RATE, Sound

WINDOW_S = 0.05
"""The level is that of so many seconds."""
STALE_S = 0.5
"""Without sound for so long the level falls to the floor."""

_WINDOW = round(WINDOW_S * SAMPLE_RATE)


class LevelMeter:
    """The level of the last :data:`WINDOW_S` seconds; keeps no more sound than that."""

    def __init__(self) -> None:
        self._last = np.zeros(0, np.float32)
        self._end_s = -math.inf

    def push(self, sound: Sound) -> None:
        """Take the next stretch of sound."""
        self._last = np.concatenate([self._last, sound.waveform[-_WINDOW:]])[-_WINDOW:]
        self._end_s = sound.end_s

    def at(self, time_s: float) -> float:
        """Decibels relative to full scale, from :data:`SILENT_DBFS` to 0."""
        if not self._last.size or time_s - self._end_s > STALE_S:
            return SILENT_DBFS
        return loudness_dbfs(self._last)


def loudness_dbfs(waveform: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    """Root mean square of ``(time,)`` samples in decibels relative to full scale."""
    power = float(np.mean(np.square(waveform, dtype=np.float64))) if waveform.size else 0.0
    if not power > 0:
        return SILENT_DBFS
    return min(max(10 * math.log10(power), SILENT_DBFS), 0.0)
