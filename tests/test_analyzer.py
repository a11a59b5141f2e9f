"""From a file to an analysis, with tiny models on made media and the shipped ones on real media."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from emoscope import Analyzer, Limits, analyze
from emoscope.errors import MediaLimitError, MediaNotFoundError
from emoscope.media import Frame, open_media
from emoscope.models import store


@pytest.fixture
def tiny(
    tmp_path: Path, tiny_face_model: Callable[..., Path], tiny_voice_model: Callable[..., Path]
) -> dict[str, object]:
    return {
        "face_model": tiny_face_model(tmp_path / "face.onnx"),
        "voice_model": tiny_voice_model(tmp_path / "voice.onnx"),
        "detector": "haar",
        "speech": "light",
    }


def test_frames_are_sampled_at_the_rate_asked_for(
    tiny: dict[str, object], tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    path = tmp_path / "film.mp4"
    make_video(path, seconds=2.0, fps=20)
    analysis = Analyzer(**tiny, fps=5.0).analyze(path)  # type: ignore[arg-type]
    assert analysis.frames_read == 10
    assert analysis.kind == "video"
    assert analysis.duration_s == pytest.approx(2.0, abs=0.1)
    assert not analysis.has_sound
    assert set(analysis.models) == {"detector", "face"}


def test_progress_tells_how_far_it_is(
    tiny: dict[str, object], tmp_path: Path, make_wav: Callable[..., Path]
) -> None:
    path = tmp_path / "hush.wav"
    make_wav(path, np.zeros(48_000, np.float32))
    steps: list[tuple[float, float | None]] = []
    Analyzer(**tiny).analyze(path, progress=lambda done, total: steps.append((done, total)))  # type: ignore[arg-type]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1] == (pytest.approx(3.0), pytest.approx(3.0))


def test_limits_hold(
    tiny: dict[str, object], tmp_path: Path, make_wav: Callable[..., Path]
) -> None:
    path = tmp_path / "hush.wav"
    make_wav(path, np.zeros(48_000, np.float32))
    analyzer = Analyzer(**tiny, limits=Limits(max_duration_s=1.0))  # type: ignore[arg-type]
    with pytest.raises(MediaLimitError, match=r"hush\.wav"):
        analyzer.analyze(path)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(MediaNotFoundError, match="nowhere"):
        analyze("nowhere.png")


@pytest.mark.parametrize(
    "wrong", [{"fps": 0.0}, {"min_confidence": -0.1}, {"fps": -1}, {"min_confidence": 2}]
)
def test_senseless_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Analyzer(**wrong)  # type: ignore[arg-type]


@pytest.fixture(params=["yunet", "haar"])
def shipped(request: pytest.FixtureRequest, shared_dir: Path) -> Analyzer:
    """The shipped models behind each detector."""
    if request.param == "yunet":
        store.fetch("yunet", from_file=shared_dir / "models" / "yunet_n_640_640.onnx")
    return Analyzer(detector=request.param)


def test_the_portrait_holds_one_happy_face(shipped: Analyzer, shared_dir: Path) -> None:
    analysis = shipped.analyze(shared_dir / "media" / "portrait.jpg")
    assert [face.scores.top for face in analysis.faces] == ["happy"]


def test_the_group_has_its_faces(shipped: Analyzer, shared_dir: Path) -> None:
    analysis = shipped.analyze(shared_dir / "media" / "group.jpg")
    if shipped.detector.name.startswith("yunet"):
        assert len(analysis.faces) == 6
    else:
        assert len(analysis.faces) >= 4
    assert len(analysis.track_ids) == len(analysis.faces)


def test_the_smile_is_one_happy_face_throughout(shipped: Analyzer, shared_dir: Path) -> None:
    analysis = shipped.analyze(shared_dir / "media" / "smile.mp4")
    assert analysis.track_ids == (0,)
    assert len(analysis.faces) == analysis.frames_read > 100
    assert analysis.summary["faces"]["tracks"][0]["top_share"]["happy"] > 0.5


@pytest.mark.parametrize("speech", ["light", "silero"])
def test_the_speech_is_found_and_read(speech: str, shared_dir: Path) -> None:
    analysis = Analyzer(speech=speech).analyze(shared_dir / "media" / "speech.flac")  # type: ignore[arg-type]
    seconds = sum(voice.end_s - voice.start_s for voice in analysis.voice)
    assert 6.0 < seconds <= analysis.duration_s
    assert analysis.kind == "audio"
    assert analysis.summary["faces"]["state"] == "no picture"


def test_what_is_not_there_is_translated_and_marked(shared_dir: Path) -> None:
    analyzer = Analyzer(detector="haar", speech="light", min_confidence=0.0)
    stream = analyzer.stream()
    with open_media(shared_dir / "media" / "portrait.jpg") as media:
        for frame in media.read(10):
            assert isinstance(frame, Frame)
            stream.push_frame(frame)
    moment = stream.moment
    assert moment.translated is not None
    said = moment.translated.to_dict()
    assert (said["translated"], said["source"], said["to"]) == (True, "face", "voice")
    assert set(said["scores"]) == set(analyzer.voice.labels.names)
    assert moment.voice is None
    assert moment.fused is not None
    assert moment.fused.weights["voice"] == 0, "a translation is no evidence"
    other = Analyzer(detector="haar", face_model="mini-xception")
    assert other._ships is False


def test_together_is_steadied_where_that_is_wanted(shared_dir: Path) -> None:
    readings = [
        Analyzer(detector="haar", smooth=how).analyze(shared_dir / "media" / "smile.mp4").fused
        for how in ("none", "window")
    ]
    changes = [sum(a.scores.best != b.scores.best for a, b in pairwise(r)) for r in readings]
    assert changes[1] < changes[0]
    assert [r.time_s for r in readings[0]] == [r.time_s for r in readings[1]]
