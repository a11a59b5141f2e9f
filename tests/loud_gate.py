"""A speech gate that anyone can foretell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE
from emoscope.voice.spans import Span


class LoudGate:
    """Speech is where the sound is loud, in steps of 0.1 s."""

    name = "loud@test"
    step = SAMPLE_RATE // 10

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.waiting = np.zeros(0, np.float32)
        self.done_s = 0.0
        self.start: float | None = None

    @property
    def speaking(self) -> bool:
        return self.start is not None

    def push(self, waveform: NDArray[np.float32]) -> list[Span]:
        self.waiting = np.concatenate([self.waiting, waveform])
        finished = []
        while len(self.waiting) >= self.step:
            loud = np.abs(self.waiting[: self.step]).mean() > 0.01
            self.waiting = self.waiting[self.step :]
            if loud and self.start is None:
                self.start = self.done_s
            elif not loud and self.start is not None:
                finished.append(Span(self.start, self.done_s))
                self.start = None
            self.done_s = round(self.done_s + 0.1, 6)
        return finished

    def flush(self) -> list[Span]:
        end_s = self.done_s + len(self.waiting) / SAMPLE_RATE
        finished = [] if self.start is None else [Span(self.start, end_s)]
        self.reset()
        return finished
