"""Small media and a guarded analyzer with tiny models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from emoscope.analyzer import Analyzer
from emoscope.guard import GuardedAnalyzer
from emoscope.media import Limits

LIMITS = Limits(max_pixels=2_000_000, max_duration_s=60, max_bytes=10_000_000)


@pytest.fixture(scope="session")
def analyzer(tmp_path_factory, tiny_face_model, tiny_voice_model) -> Analyzer:
    folder = tmp_path_factory.mktemp("models")
    return Analyzer(
        face_model=tiny_face_model(folder / "face.onnx"),
        voice_model=tiny_voice_model(folder / "voice.onnx"),
        detector="haar",
        speech="light",
        threads=1,
    )


@pytest.fixture
def make_guard(analyzer) -> Iterator[Callable[..., GuardedAnalyzer]]:
    """Builder: ``make_guard(memory_bytes=..., timeout_s=..., children=...)``."""
    made: list[GuardedAnalyzer] = []

    def build(**changes: object) -> GuardedAnalyzer:
        options = {"limits": LIMITS, "memory_bytes": 1 << 30, "timeout_s": 30.0} | changes
        made.append(GuardedAnalyzer(analyzer, **options))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture
def limits() -> Limits:
    """Those of ``make_guard``."""
    return LIMITS


@pytest.fixture
def picture(tmp_path: Path, make_picture) -> Path:
    """A picture of 160 x 120."""
    return make_picture(tmp_path / "picture.png", 160, 120)


@pytest.fixture
def film(tmp_path: Path, make_video) -> Path:
    """Two seconds with sound."""
    tone = 0.3 * np.sin(np.arange(32_000) / 5)
    return make_video(tmp_path / "film.mp4", 2.0, sound=tone)


@pytest.fixture(scope="session")
def make_picture() -> Callable[[Path, int, int], Path]:
    """Builder: ``make_picture(path, width, height)``, a gradient."""

    def build(path: Path, width: int, height: int) -> Path:
        image = np.zeros((height, width, 3), dtype=np.uint8)
        image[:, :, 0] = np.linspace(0, 255, width).astype(np.uint8)
        done, data = cv2.imencode(path.suffix, image)
        assert done
        path.write_bytes(data.tobytes())
        return path

    return build
