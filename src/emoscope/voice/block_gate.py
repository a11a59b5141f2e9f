"""What the gates share: sound is cut into blocks of one size, whatever the chunks were.

The blocks that a chunk completes are given at once. A gate answers for each of them what it would
answer for it alone, so the spans do not depend on the sizes of the chunks, to the last bit. The
first block begins where digital silence ends: how much of it there is before a recording moves no
span.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from emoscope.voice.spans import Span, SpanBuilder, SpanRule

# Beyond any sensible sound; keeps squares finite in single precision.
_LOUDEST = 1e4
# A third of the smallest step of sixteen bits: what a codec makes of digital silence is as silent.
SILENT = 1e-5
MOST_BLOCKS = 256  # at once, to bound the memory of one step


class BlockGate(ABC):
    """A speech gate over fixed blocks; subclasses give probabilities for a block.

    Args:
        rule: thresholds and durations.
        step: samples that one probability stands for.
        block: samples in a block, a multiple of ``step``.
    """

    name: str

    def __init__(self, rule: SpanRule, *, step: int, block: int) -> None:
        if block <= 0 or block % step:
            raise ValueError(f"expected blocks of whole steps of {step}, got {block}")
        self.rule = rule
        self._step = step
        self._block = block
        self._spans = SpanBuilder(rule, step)
        self._start_over()

    def _start_over(self) -> None:
        self._spans.reset()
        self._waiting = np.zeros(self._block, dtype=np.float32)
        self._filled = 0
        self._samples = 0
        self._began: int | None = None  # the first sample that is no digital silence
        self._decided = 0

    @property
    def speaking(self) -> bool:
        """Inside speech now, short pauses included."""
        return self._spans.speaking

    def reset(self) -> None:
        """Forget everything; the next sample is the first of a new medium."""
        self._start_over()
        self._forget()

    def push(self, waveform: NDArray[np.float32]) -> list[Span]:
        """Take the next samples; give the spans that they finish, in order of time.

        Args:
            waveform: ``(time,)`` at 16 kHz, of any length; what is not finite counts as silence.

        Raises:
            ValueError: the waveform has another number of dimensions.
        """
        chunk = np.asarray(waveform, dtype=np.float32)
        if chunk.ndim != 1:
            raise ValueError(f"expected a waveform of shape (time,), got {chunk.shape}")
        finished: list[Span] = []
        taken = self._begin(chunk) if self._began is None else 0
        while taken < chunk.size:
            whole = 0 if self._filled else (chunk.size - taken) // self._block
            whole = min(whole, MOST_BLOCKS)
            if whole:
                end = taken + whole * self._block
                finished += self._take(chunk[taken:end].reshape(whole, self._block))
                self._samples += end - taken
                taken = end
                continue
            count = min(self._block - self._filled, chunk.size - taken)
            self._waiting[self._filled : self._filled + count] = chunk[taken : taken + count]
            self._filled += count
            self._samples += count
            taken += count
            if self._filled == self._block:
                finished += self._take(self._waiting[None])
        return finished

    def flush(self) -> list[Span]:
        """The medium ends here: give what is still open, then start over as after ``reset``."""
        finished: list[Span] = []
        end = self._samples
        heard = 0 if self._began is None else end - self._began
        steps = -(-heard // self._step)
        while self._decided < steps:
            self._waiting[self._filled :] = 0.0
            finished += self._take(self._waiting[None], steps)
        finished += self._spans.flush(end)
        self.reset()
        return finished

    def _begin(self, chunk: NDArray[np.float32]) -> int:
        """Begin blocks and spans with the first sound, if there is one; the samples before it."""
        sound = np.isfinite(chunk) & (np.abs(chunk) > SILENT)
        count = int(sound.argmax()) if sound.any() else chunk.size
        self._samples += count
        if count < chunk.size:
            self._began = self._samples
            self._spans.reset(self._began)
        return count

    def _take(self, blocks: NDArray[np.float32], limit: int | None = None) -> list[Span]:
        clean = np.nan_to_num(blocks, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(clean, -_LOUDEST, _LOUDEST, out=clean)
        self._filled = 0
        probabilities = self._probabilities(clean)
        if limit is not None:
            probabilities = probabilities[: limit - self._decided]
        self._decided += probabilities.size
        return self._spans.push(probabilities)

    @abstractmethod
    def _probabilities(self, blocks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of speech for the steps that these ``(n, block)`` samples decide."""

    @abstractmethod
    def _forget(self) -> None:
        """Drop what earlier blocks left behind."""
