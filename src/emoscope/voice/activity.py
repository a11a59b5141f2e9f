"""Speech activity: one interface, two ways behind it."""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from emoscope.voice.light_gate import LightGate
from emoscope.voice.silero_gate import SileroGate, silero_path
from emoscope.voice.spans import Span, SpanRule

GateChoice = Literal["auto", "light", "silero"]

__all__ = ["GateChoice", "Span", "SpanRule", "SpeechGate", "load_gate"]


class SpeechGate(Protocol):
    """Finds the stretches of speech in a stream of sound.

    The sizes of the chunks have no influence on the spans. No clock is read; time is counted in
    samples. Memory does not grow with the length.
    """

    @property
    def name(self) -> str:
        """What finds the speech, ``name@version``, for the record in the results."""

    @property
    def speaking(self) -> bool:
        """Inside speech now; pauses that a span would bridge count as speech."""

    def push(self, waveform: NDArray[np.float32]) -> list[Span]:
        """Take ``(time,)`` samples at 16 kHz; give the spans that are finished now."""

    def flush(self) -> list[Span]:
        """The medium ends: give what is still open and start over."""

    def reset(self) -> None:
        """Forget everything; the next sample is at 0 s."""


def load_gate(choice: GateChoice = "auto") -> SpeechGate:
    """A fresh gate.

    Args:
        choice: ``light`` needs nothing; ``silero`` needs the ``words`` extra; ``auto`` takes
            Silero where its file is, else the light one.

    Raises:
        MissingExtraError: ``silero`` without the ``words`` extra.
        ValueError: an unknown choice.
    """
    if choice not in get_args(GateChoice):
        raise ValueError(f"expected one of {', '.join(get_args(GateChoice))}, got {choice!r}")
    if choice == "light" or (choice == "auto" and silero_path() is None):
        return LightGate()
    return SileroGate()
