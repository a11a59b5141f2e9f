"""Made-up readings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from emoscope.labels import SHARED
from emoscope.results import Analysis, FaceEmotion, Scores, VoiceEmotion


def _scores(top: str, share: float = 0.7, min_confidence: float = 0.3) -> Scores:
    rest = (1 - share) / (len(SHARED) - 1)
    return Scores(SHARED, tuple(share if n == top else rest for n in SHARED), min_confidence)


@pytest.fixture
def scores() -> Callable[..., Scores]:
    """Builder: ``scores(top, share=0.7, min_confidence=0.3)`` over the shared seven."""
    return _scores


@pytest.fixture
def make_face() -> Callable[..., FaceEmotion]:
    """Builder: ``make_face(box, top="happy", time_s=0.0, track_id=0, share=0.7)``."""

    def build(
        box: tuple[float, float, float, float],
        top: str = "happy",
        time_s: float = 0.0,
        track_id: int = 0,
        share: float = 0.7,
    ) -> FaceEmotion:
        return FaceEmotion(time_s, box, 0.9, track_id, _scores(top, share))

    return build


@pytest.fixture
def make_voice() -> Callable[..., VoiceEmotion]:
    """Builder: ``make_voice(start_s, end_s, top="sad", share=0.7)``."""

    def build(start_s: float, end_s: float, top: str = "sad", share: float = 0.7) -> VoiceEmotion:
        return VoiceEmotion(start_s, end_s, _scores(top, share))

    return build


@pytest.fixture
def make_analysis() -> Callable[..., Analysis]:
    """Builder: ``make_analysis(source, kind, size_px=None, duration_s=0.0, faces=(), ...)``."""

    def build(
        source: object,
        kind: str,
        size_px: tuple[int, int] | None = None,
        duration_s: float = 0.0,
        faces: Sequence[FaceEmotion] = (),
        voice: Sequence[VoiceEmotion] = (),
        has_sound: bool = True,
    ) -> Analysis:
        frames = len(np.unique([face.time_s for face in faces])) if faces else 1
        return Analysis(
            str(source),
            kind,  # type: ignore[arg-type]
            duration_s,
            size_px,
            has_sound,
            frames,
            {"face": "tiny@1"},
            tuple(faces),
            tuple(voice),
        )

    return build
