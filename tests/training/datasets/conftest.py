"""Tiny pictures, sounds and trees for the loaders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.voice.spans import Span

Build = Callable[..., Path]
LOUD = 0.01  # the gate below hears speech above this


class LevelGate:
    """Speech is whatever is louder than ``LOUD``, in blocks of 0.1 s."""

    name = "level@1"
    speaking = False

    def reset(self) -> None:
        """Nothing is remembered."""

    def push(self, waveform: NDArray[np.float32]) -> list[Span]:
        blocks = np.abs(waveform[: len(waveform) // 1600 * 1600]).reshape(-1, 1600).max(1) > LOUD
        return [Span(i / 10, (i + 1) / 10) for i in np.flatnonzero(blocks)]

    def flush(self) -> list[Span]:
        return []


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Put the level gate in place of the real ones; the choices asked for."""
    asked: list[str] = []

    def load(choice: str) -> LevelGate:
        asked.append(choice)
        return LevelGate()

    monkeypatch.setattr("emoscope.training.datasets.speech.load_gate", load)
    return asked


@pytest.fixture
def make_sounds(make_wav: Build) -> Build:
    """Builder ``(folder, names)``: 0.2 s silence, 0.4 s of a tone, 0.2 s silence, at each name."""

    def build(folder: Path, names: list[str]) -> Path:
        quiet = np.zeros(3200)
        tone = 0.5 * np.sin(np.arange(6400) / 9)
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            make_wav(path, np.concatenate([quiet, tone, quiet]))
        return folder

    return build


@pytest.fixture
def make_pictures() -> Build:
    """Builder ``(folder, names, size=(48, 48))``: a picture of one grey at each name, in order."""

    def build(folder: Path, names: list[str], size: tuple[int, int] = (48, 48)) -> Path:
        width, height = size
        for number, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), np.full((height, width, 3), 10 + number, np.uint8))
        return folder

    return build
