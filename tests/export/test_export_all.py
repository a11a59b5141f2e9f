from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from emoscope.export import export_all
from emoscope.results import Analysis, FaceEmotion, VoiceEmotion


@pytest.mark.parametrize(("suffix", "written"), [(".png", ".png"), (".jpg", ".jpg")])
def test_a_picture(
    tmp_path: Path,
    suffix: str,
    written: str,
    make_analysis: Callable[..., Analysis],
    make_face: Callable[..., FaceEmotion],
) -> None:
    source = tmp_path / f"portrait{suffix}"
    cv2.imwrite(str(source), np.full((700, 900, 3), 120, dtype=np.uint8))
    face = make_face((300, 200, 500, 450))
    files = export_all(make_analysis(source, "image", (900, 700), 0, [face]), tmp_path / "out")
    assert [file.name for file in files] == [
        "portrait.json",
        "portrait.csv",
        f"portrait.annotated{written}",
    ]
    assert sorted((tmp_path / "out").iterdir()) == sorted(files)
    drawn = cv2.imread(str(files[2]))
    assert drawn.shape == (700, 900, 3)
    assert np.abs(drawn.astype(int) - 120).max() > 50
    assert np.abs(drawn[:150].astype(int) - 120).max() < 3
    assert json.loads(files[0].read_text(encoding="utf-8"))["kind"] == "image"
    with files[1].open(encoding="utf-8", newline="") as file:
        assert [row["top"] for row in csv.DictReader(file)] == ["happy"]


def test_a_small_picture_is_enlarged_with_its_faces(
    tmp_path: Path,
    make_analysis: Callable[..., Analysis],
    make_face: Callable[..., FaceEmotion],
) -> None:
    source = tmp_path / "small.png"
    cv2.imwrite(str(source), np.full((200, 300, 3), 120, dtype=np.uint8))
    face = make_face((200, 100, 260, 180))
    files = export_all(make_analysis(source, "image", (300, 200), 0, [face]), tmp_path)
    drawn = cv2.imread(str(files[2]))
    assert drawn.shape == (800, 1200, 3)
    rows, columns = np.nonzero((drawn != 120).any(axis=2))
    assert columns.max() == pytest.approx(4 * 260, abs=6)
    assert rows.max() == pytest.approx(4 * 180, abs=6)


def test_a_recording(
    tmp_path: Path,
    make_wav: Callable[..., Path],
    make_analysis: Callable[..., Analysis],
    make_voice: Callable[..., VoiceEmotion],
) -> None:
    source = make_wav(tmp_path / "talk.wav", 0.5 * np.sin(np.arange(32_000) / 20))
    analysis = make_analysis(source, "audio", None, 2.0, voice=[make_voice(0.5, 1.5)])
    steps: list[tuple[float, float | None]] = []
    files = export_all(analysis, tmp_path, lambda *step: steps.append(step), stem="talk-2")
    assert [file.name for file in files] == ["talk-2.json", "talk-2.csv", "talk-2.timeline.png"]
    assert cv2.imread(str(files[2])).shape == (706, 1712, 3)
    assert steps[-1] == (pytest.approx(2.0), pytest.approx(2.0))


def test_a_video(
    tmp_path: Path, make_video: Callable[..., Path], make_analysis: Callable[..., Analysis]
) -> None:
    source = make_video(tmp_path / "clip.mp4")
    files = export_all(make_analysis(source, "video", (160, 120), 1.0), tmp_path)
    assert [file.name for file in files] == ["clip.json", "clip.csv", "clip.annotated.mp4"]
    assert files[2].stat().st_size > 1000


def test_the_input_is_never_overwritten(
    tmp_path: Path, make_wav: Callable[..., Path], make_analysis: Callable[..., Analysis]
) -> None:
    """A recording that somebody named like a result, in the folder that results go to."""
    source = make_wav(tmp_path / "talk.timeline.png", np.zeros(8000))
    before = source.read_bytes()
    files = export_all(make_analysis(source, "audio", None, 0.5), tmp_path, stem="talk")
    assert source.read_bytes() == before
    assert files[2] == tmp_path / "talk-result.timeline.png"
    assert files[2].is_file()
