"""Made-up states, a session without devices, a display of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.analyzer import Analyzer
from emoscope.labels import SHARED, VOICE_LABELS
from emoscope.live.state import LiveFace, LiveState, LiveVoice
from emoscope.results import FusedEmotion, Scores

Picture = NDArray[np.uint8]


def scores_of(top: str, share: float = 0.7, labels: tuple[str, ...] = SHARED) -> Scores:
    rest = (1 - share) / (len(labels) - 1)
    return Scores(labels, tuple(share if n == top else rest for n in labels), 0.3)


@pytest.fixture
def scores() -> Callable[..., Scores]:
    """Builder: ``scores(top, share=0.7, labels=SHARED)``."""
    return scores_of


@pytest.fixture
def make_state() -> Callable[..., LiveState]:
    """Builder: ``make_state(**changes)`` of a state with a happy face, a sad voice, both fused."""

    def build(**changes: object) -> LiveState:
        face = LiveFace(0, (60.0, 20.0, 100.0, 80.0), scores_of("happy", 0.9), "happy")
        voice = LiveVoice(
            scores_of("sad", 0.6, VOICE_LABELS.names), "sad", start_s=1.0, end_s=3.0, held=False
        )
        fused = FusedEmotion(
            4.0,
            scores_of("happy", 0.8),
            {"face": 0.6, "voice": 0.4, "words": 0.0},
            congruence=0.5,
            track_id=0,
        )
        found: dict[str, object] = {
            "time_s": 4.0,
            "frame_time_s": 4.0,
            "size_px": (160, 90),
            "faces": (face,),
            "voice": voice,
            "speaking": True,
            "level_dbfs": -20.0,
            "fused": fused,
            "fused_label": "happy",
            "fused_confidence": 0.8,
            "readings_per_s": 12.0,
        }
        return LiveState(**(found | changes))  # type: ignore[arg-type]

    return build


@pytest.fixture
def picture() -> Picture:
    """A camera's picture, (90, 160, 3): red on the left, blue on the right."""
    image = np.zeros((90, 160, 3), np.uint8)
    image[:, :80, 0] = 200
    image[:, 80:, 2] = 200
    return image


@pytest.fixture
def analyzer(
    tmp_path: Path, tiny_face_model: Callable[..., Path], tiny_voice_model: Callable[..., Path]
) -> Analyzer:
    """An analyzer with tiny models."""
    return Analyzer(
        face_model=tiny_face_model(tmp_path / "face.onnx"),
        voice_model=tiny_voice_model(tmp_path / "voice.onnx"),
        detector="haar",
        speech="light",
        threads=1,
    )


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A virtual display, for example ``:5``."""
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    read, write = os.pipe()
    options = ["-displayfd", str(write), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(
        # Without -noreset the server starts anew when its last client goes, and drops who comes.
        ["Xvfb", "-noreset", *options],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as said:
        number = said.readline().strip()
    if not number:
        server.wait()
        pytest.skip("Xvfb does not start here")
    yield f":{number}"
    server.terminate()
    server.wait(10)
