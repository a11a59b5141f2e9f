"""The sound heard last, so that a stretch of it can be read once its end is known."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE, Sound


class SoundMemory:
    """The last stretch of sound, long enough for any span that a gate may still finish.

    A gate counts seconds of sound that it heard; a medium's sound may begin later than 0.
    """

    KEEP_S = 30.0

    def __init__(self) -> None:
        self._chunks: deque[NDArray[np.float32]] = deque()
        self._first = 0  # number of the first sample that is kept
        self._end = 0
        self._offset_s = 0.0

    @property
    def end_s(self) -> float:
        """Where the sound heard so far ends, seconds from the start of the medium."""
        return self.medium_time(self._end / SAMPLE_RATE) if self._end else 0.0

    def push(self, sound: Sound) -> None:
        """Take the next stretch; what is older than :attr:`KEEP_S` is forgotten."""
        if not self._end:
            self._offset_s = sound.time_s
        self._chunks.append(sound.waveform)
        self._end += len(sound.waveform)
        keep = round(self.KEEP_S * SAMPLE_RATE)
        while self._chunks and self._end - (self._first + len(self._chunks[0])) >= keep:
            self._first += len(self._chunks.popleft())

    def medium_time(self, heard_s: float) -> float:
        """Seconds of sound heard as seconds from the start of the medium."""
        return heard_s + self._offset_s

    def remembered(self, start_s: float, end_s: float) -> tuple[float, float]:
        """The part that is kept of a stretch of the medium, in seconds of sound heard."""
        first, last = self._first / SAMPLE_RATE, self._end / SAMPLE_RATE
        start = min(max(start_s - self._offset_s, first), last)
        return start, max(start, min(end_s - self._offset_s, last))

    def between(self, start_s: float, end_s: float) -> NDArray[np.float32]:
        """Samples from ``start_s`` to ``end_s``, in seconds of sound heard; one at least."""
        start = max(0, round(start_s * SAMPLE_RATE) - self._first)
        end = max(start + 1, round(end_s * SAMPLE_RATE) - self._first)
        whole = np.concatenate(self._chunks)
        return whole[start:end]
