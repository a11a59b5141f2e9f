from __future__ import annotations

import io
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emoscope.apps.dashboard.gather import PEAKS
from emoscope.apps.dashboard.reading import SHOWN_PX, Reading, read
from emoscope.errors import AnalysisCancelledError, MediaError

from .conftest import MediaReader


def _read(name: str, data: bytes, reader: MediaReader) -> tuple[Reading, list[float]]:
    shares: list[float] = []
    return read(name, data, reader, shares.append, lambda: False), shares


def test_a_picture(
    picture: bytes, media_reader: MediaReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    reading, shares = _read("holiday/a b.png", picture, media_reader)
    assert reading.analysis.source == "holiday/a b.png"
    assert reading.annotated.startswith(b"\x89PNG")
    assert reading.shown is not None
    shown = cv2.imdecode(np.frombuffer(reading.shown.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape[:2] == (reading.shown.height, reading.shown.width)
    (face,) = reading.faces
    crop = cv2.imdecode(np.frombuffer(face.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert crop is not None
    assert crop.shape == (160, 160, 3)
    assert abs(int(crop[80, 80, 0]) - 200) < 12, "the face's own colour is in the middle"
    assert (reading.peaks, reading.sound) == (None, None)
    assert shares == sorted(shares)
    assert list(tmp_path.iterdir()) == []


def test_a_large_picture_is_shown_smaller(media_reader: MediaReader) -> None:
    large = cv2.imencode(".jpg", np.zeros((900, 3000, 3), np.uint8))[1].tobytes()
    reading, _ = _read("a.jpg", bytes(large), media_reader)
    assert reading.shown is not None
    assert (reading.shown.width, reading.shown.height) == (SHOWN_PX, 720)


def test_a_recording_is_played_as_it_is(
    make_wav: Callable[..., Path], tmp_path: Path, media_reader: MediaReader
) -> None:
    data = make_wav(tmp_path / "a.wav", np.sin(np.arange(16_000) / 9) * 0.5).read_bytes()
    reading, _ = _read("a.wav", data, media_reader)
    assert reading.sound == (data, "audio/wav")
    assert reading.peaks is not None
    assert reading.peaks.shape == (PEAKS, 2)
    assert reading.peaks.max() == pytest.approx(0.5, abs=0.02)
    assert reading.annotated.startswith(b"\x89PNG")


def test_a_recording_that_browsers_cannot_play_becomes_wav(
    make_wav: Callable[..., Path], tmp_path: Path, media_reader: MediaReader
) -> None:
    data = make_wav(tmp_path / "a.wav", np.full(16_000, 0.25)).read_bytes()
    reading, _ = _read("voice.amr", data, media_reader)
    assert reading.sound is not None
    content, kind = reading.sound
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (16_000, 1, 16_000)
    assert kind == "audio/wav"


def test_a_video(
    make_video: Callable[..., Path], tmp_path: Path, media_reader: MediaReader
) -> None:
    sound: Any = np.sin(np.arange(16_000) / 9) * 0.3
    data = make_video(tmp_path / "v.mp4", seconds=1.0, sound=sound).read_bytes()
    reading, shares = _read("v.mp4", data, media_reader)
    assert b"ftyp" in reading.annotated[:16]
    assert reading.peaks is not None
    assert reading.sound is None
    (face,) = reading.faces
    assert (face.start_s, face.end_s) == (0.0, pytest.approx(0.9))
    assert shares == sorted(shares)


@pytest.mark.parametrize("data", [b"", b"no medium", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_cannot_be_read_leaves_nothing(
    data: bytes, media_reader: MediaReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(MediaError):
        _read("a.png", data, media_reader)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../../evil.png", "a.png/../../x", "/etc/passwd", "a\0b.png", ""])
def test_a_name_leads_nowhere(name: str, picture: bytes, media_reader: MediaReader) -> None:
    reading, _ = _read(name, picture, media_reader)
    assert reading.analysis.source == name or name == ""
    assert media_reader.folders[0].name.startswith("emoscope-")


def test_it_stops_between_two_steps(picture: bytes) -> None:
    gone = False

    def leave() -> None:
        nonlocal gone
        gone = True

    with pytest.raises(AnalysisCancelledError):
        read("a.png", picture, MediaReader(before=leave), lambda share: None, lambda: gone)
