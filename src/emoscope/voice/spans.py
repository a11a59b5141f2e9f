"""From speech probabilities, one per step, to spans in seconds: the rule both gates share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE


@dataclass(frozen=True)
class Span:
    """One stretch of speech.

    Attributes:
        start_s: where it begins, seconds from the start of the medium.
        end_s: where it ends, after ``start_s``.
    """

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        finite = math.isfinite(self.start_s) and math.isfinite(self.end_s)
        if not (finite and 0 <= self.start_s < self.end_s):
            raise ValueError(f"expected 0 <= start_s < end_s, got {self.start_s} and {self.end_s}")


@dataclass(frozen=True)
class SpanRule:
    """How probabilities become spans.

    Attributes:
        on: a step at or above this begins speech.
        off: speech lasts until a step below this.
        min_speech_s: a span with less active time than this, pauses not counted, is dropped.
        merge_gap_s: pauses shorter than this stay inside a span.
        pad_s: added at both ends, within the medium; at most half of ``merge_gap_s``, so that
            padded spans never touch.
        longest_s: speech that goes on for longer is cut here, into spans that touch: whoever reads
            them need not remember more sound than this.
    """

    on: float = 0.5
    off: float = 0.35
    min_speech_s: float = 0.25
    merge_gap_s: float = 0.4
    pad_s: float = 0.12
    longest_s: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.off <= self.on <= 1:
            raise ValueError(f"expected 0 < off <= on <= 1, got off={self.off} and on={self.on}")
        if self.min_speech_s < 0 or self.merge_gap_s < 0:
            raise ValueError("expected durations that are not negative")
        if not 0 <= self.pad_s <= self.merge_gap_s / 2:
            raise ValueError(f"expected pad_s within [0, merge_gap_s / 2], got {self.pad_s}")
        if not self.longest_s > 2 * (self.min_speech_s + self.merge_gap_s):
            raise ValueError(f"expected longest_s beyond a span and a pause, got {self.longest_s}")


class SpanBuilder:
    """Turns a stream of probabilities into finished spans; keeps a handful of numbers.

    Args:
        rule: thresholds and durations.
        step: samples that one probability stands for.
    """

    def __init__(self, rule: SpanRule, step: int) -> None:
        if step <= 0:
            raise ValueError(f"expected a positive step, got {step}")
        self._rule = rule
        self._step = step
        self._min_speech = round(rule.min_speech_s * SAMPLE_RATE)
        self._gap = round(rule.merge_gap_s * SAMPLE_RATE)
        self._pad = round(rule.pad_s * SAMPLE_RATE)
        self._longest = round(rule.longest_s * SAMPLE_RATE)
        self.reset()

    def reset(self, position: int = 0) -> None:
        """Start over: the next probability is of the step that begins at this sample."""
        self._position = position
        self._active = False
        self._start: int | None = None
        self._last_end = position
        self._voiced = 0
        self._given = position  # where the last span ended

    @property
    def speaking(self) -> bool:
        """A span that is long enough to be kept is open; short pauses belong to it."""
        return self._start is not None and self._voiced >= self._min_speech

    def push(self, probabilities: NDArray[np.float32]) -> list[Span]:
        """Take the next probabilities, shape ``(steps,)``; give the spans that they finish."""
        finished: list[Span] = []
        for probability in probabilities.tolist():
            end = self._position + self._step
            self._active = probability >= (self._rule.off if self._active else self._rule.on)
            if self._active:
                if self._start is None:
                    self._start = self._position
                self._last_end = end
                self._voiced += self._step
            elif self._start is not None and end - self._last_end >= self._gap:
                finished += self._close(end)
            if self._start is not None and end - self._start >= self._longest:
                finished += self._cut(end)
            self._position = end
        return finished

    def flush(self, end: int) -> list[Span]:
        """The medium ended after ``end`` samples: give the span still open, if any."""
        if self._start is None:
            return []
        # The last step may reach past the end of the medium.
        self._voiced -= max(0, self._last_end - end)
        self._last_end = min(self._last_end, end)
        return self._close(end)

    def _cut(self, end: int) -> list[Span]:
        active = self._active
        finished = self._close(end)
        if active:
            self._active, self._start, self._last_end = True, end, end
        return finished

    def _close(self, limit: int) -> list[Span]:
        start, voiced = self._start, self._voiced
        self._start, self._voiced, self._active = None, 0, False
        if start is None or voiced <= 0 or voiced < self._min_speech:
            return []
        first = max(self._given, start - self._pad)
        last = min(limit, self._last_end + self._pad)
        self._given = last
        return [Span(first / SAMPLE_RATE, last / SAMPLE_RATE)]
