"""Gathers stretches of speech into passages that Whisper hears at once.

Whisper listens to 30 seconds at a time: a sentence with its neighbours is understood better than
alone, and costs less. Between the stretches the sound is silenced, so that only speech is heard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE

LONGEST_S = 28.0
LONGEST_PAUSE_S = 2.0
# A gate tells of speech when it has lasted a quarter of a second, pauses not counted: what began
# longer ago than this is known by now, or was no speech.
_UNDECIDED_S = 4.0


@dataclass(frozen=True, eq=False)
class Passage:
    """Speech with silence between: ``waveform`` (time,) float32 at 16 kHz from ``start_s`` on."""

    start_s: float
    waveform: NDArray[np.float32]


class Passages:
    """Gathers what the speech gate finds; keeps at most one passage.

    How the sound was cut into chunks has no influence on the passages.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[float, NDArray[np.float32]]] = []

    def push(self, start_s: float, waveform: NDArray[np.float32]) -> list[Passage]:
        """Take the next stretch of speech; give the passage that it ends, if any.

        Args:
            start_s: where it begins, seconds from the start of the medium.
            waveform: ``(time,)`` float32 at 16 kHz.
        """
        end_s = start_s + len(waveform) / SAMPLE_RATE
        ended: list[Passage] = []
        if self._parts and (
            start_s - self._end_s > LONGEST_PAUSE_S or end_s - self._parts[0][0] > LONGEST_S
        ):
            ended = self.flush()
        self._parts.append((start_s, waveform))
        return ended

    def quiet(self, heard_s: float) -> list[Passage]:
        """Nobody speaks, and the sound was heard up to here: give what cannot go on any more."""
        if self._parts and heard_s - self._end_s > LONGEST_PAUSE_S + _UNDECIDED_S:
            return self.flush()
        return []

    def flush(self) -> list[Passage]:
        """The medium ends: give what is left."""
        if not self._parts:
            return []
        first_s = self._parts[0][0]
        whole = np.zeros(round((self._end_s - first_s) * SAMPLE_RATE), dtype=np.float32)
        for start_s, waveform in self._parts:
            at = round((start_s - first_s) * SAMPLE_RATE)
            part = waveform[: len(whole) - at]
            whole[at : at + len(part)] = part
        self._parts.clear()
        return [Passage(first_s, whole)]

    @property
    def _end_s(self) -> float:
        start_s, waveform = self._parts[-1]
        return start_s + len(waveform) / SAMPLE_RATE
