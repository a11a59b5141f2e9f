"""Streams that read painted squares and loud tones, so that every label is known beforehand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.face.detect import Detection
from emoscope.face.recognise import FaceRecogniser
from emoscope.labels import SHARED, VOICE_LABELS
from emoscope.media import SAMPLE_RATE, Frame, Sound
from emoscope.stream import EmotionStream, FaceParts, VoiceParts
from emoscope.voice.recognise import VoiceRecogniser

from ..loud_gate import LoudGate  # noqa: TID252


class BrightSquares:
    """Finds the squares that were painted: one in each half that is not black.

    ``gate``: where given, each look waits until it is set; ``looked``: set by each look.
    """

    name = "yunet@test"

    def __init__(self) -> None:
        self.gate: threading.Event | None = None
        self.looked = threading.Event()
        self.calls = 0

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Detection]:
        self.calls += 1
        self.looked.set()
        if self.gate is not None:
            assert self.gate.wait(20)
        found = []
        for x in (20.0, 120.0):
            if image_rgb[50, int(x) + 30].any():
                found.append(Detection((x, 20.0, x + 60.0, 80.0), 0.9))
        return found


class TinyAnalyzer:
    """What the live engine asks of an analyzer, over tiny models."""

    def __init__(self, face: FaceRecogniser, voice: VoiceRecogniser) -> None:
        self.detector = BrightSquares()
        self.face, self.voice = face, voice
        self.min_confidence = 0.3

    def stream(self, **options: Any) -> EmotionStream:
        return EmotionStream(
            lambda: FaceParts(self.detector, self.face),
            lambda: VoiceParts(LoudGate(), self.voice),
            min_confidence=self.min_confidence,
            **options,
        )


@pytest.fixture(scope="session")
def _tiny_recognisers(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_face_model: Callable[..., Path],
    tiny_voice_model: Callable[..., Path],
) -> tuple[FaceRecogniser, VoiceRecogniser]:
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("tiny")
    tiny_face_model(folder / "face.onnx")
    tiny_voice_model(folder / "voice.onnx")
    return (
        FaceRecogniser(folder / "face.onnx", threads=1),
        VoiceRecogniser(folder / "voice.onnx", threads=1),
    )


@pytest.fixture
def analyzer(_tiny_recognisers: tuple[FaceRecogniser, VoiceRecogniser]) -> Any:
    """A fresh :class:`TinyAnalyzer`."""
    return TinyAnalyzer(*_tiny_recognisers)


def _level(label: str, labels: Sequence[str]) -> float:
    return (list(labels).index(label) + 0.5) / len(labels)


@pytest.fixture(scope="session")
def paint() -> Callable[..., Frame]:
    """Builder: ``paint(time_s, left=None, right=None)``, a label in each half; None: black."""

    def build(time_s: float, left: str | None = None, right: str | None = None) -> Frame:
        image = np.zeros((100, 200, 3), np.uint8)
        for half, label in ((slice(0, 100), left), (slice(100, 200), right)):
            if label is not None:
                image[:, half] = round(255 * _level(label, SHARED))
        # Small squares, lighter and darker, so that there is something sharp to see.
        squares = np.indices((100, 200)).sum(0) // 4 % 2 == 0
        image[(image > 0) & squares[:, :, None]] += 6
        image[(image > 0) & ~squares[:, :, None]] -= 6
        return Frame(time_s, image)

    return build


@pytest.fixture(scope="session")
def utter() -> Callable[..., Sound]:
    """Builder: ``utter(time_s, seconds, label=None)``; None: silence."""

    def build(time_s: float, seconds: float, label: str | None = None) -> Sound:
        level = 0.0 if label is None else _level(label, VOICE_LABELS.names)
        return Sound(time_s, np.full(round(seconds * SAMPLE_RATE), level, np.float32))

    return build
