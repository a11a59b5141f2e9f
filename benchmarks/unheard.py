"""Clips of RAVDESS actors that ``emoscope-voice`` never heard, for what its benchmarks measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.training.datasets.speech import list_clips, read_waveform, speech_extent
from emoscope.voice.activity import SpeechGate

ACTORS = ("17", "18", "19", "20")


@dataclass(frozen=True)
class Unheard:
    """A clip as it is, and the first sample of its speech and the one behind the last."""

    speaker: str
    label: str
    wave: NDArray[np.float32]
    start: int
    end: int


def unheard(data: Path, gate: SpeechGate) -> list[Unheard]:
    """All clips of those actors in the folder of RAVDESS, in the order of their names."""
    found = []
    for clip in list_clips("ravdess", data):
        if clip.speaker in ACTORS:
            wave = read_waveform(clip.path)
            found.append(Unheard(clip.speaker, clip.label, wave, *speech_extent(wave, gate)[:2]))
    return found
