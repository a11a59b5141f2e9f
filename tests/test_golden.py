"""What the shipped models answer, in two tiers.

Tight: from stored inputs straight through the graph. Loose: from the demo's media through the whole
pipeline, where decoders and detectors differ a little between machines. After a model was changed
on purpose: ``python tests/test_golden.py`` writes the answers anew; look at the difference.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope import Analysis, Analyzer
from emoscope.media import SAMPLE_RATE, Sound, open_media
from emoscope.models.load import load

GOLDEN = Path(__file__).parent / "golden" / "shipped.json"
DEMO = Path(str(files("emoscope.apps.cli"))) / "demo_media"


def crops() -> np.ndarray:
    """Four patterns by whole-number arithmetic: the same on every machine."""
    y, x = np.mgrid[0:48, 0:48]
    patterns = [
        (x * 5 + y * 3) % 256,
        np.where((x - 24) ** 2 + (y - 24) ** 2 < 300, 200, 40) + (x * y) % 17,
        (x * x + y * y) % 251,
        np.where((y // 6 + x // 8) % 2 == 0, 60, 180),
    ]
    return np.stack(patterns).astype(np.uint8)


def waveforms() -> tuple[np.ndarray, np.ndarray]:
    """A rising and a falling tone with harmonics, and their lengths."""
    time = np.arange(24_000) / 16_000
    rows = []
    for start, end in ((110.0, 240.0), (320.0, 150.0)):
        phase = 2 * np.pi * (start * time + (end - start) * time**2 / 3)
        voice = sum(np.sin(k * phase) / k for k in range(1, 8))
        rows.append(0.1 * voice * (1 + np.sin(2 * np.pi * 4 * time)) / 2)
    rows[1][18_000:] = 0.0
    return np.stack(rows).astype(np.float32), np.array([24_000, 18_000])


def face_probs() -> np.ndarray:
    return load("emoscope-face", threads=1).run({"crops": crops()})["probs"]


def voice_probs() -> np.ndarray:
    waveform, lengths = waveforms()
    session = load("emoscope-voice", threads=1)
    return session.run({"waveform": waveform, "lengths": lengths})["probs"]


@cache
def golden() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return found


def test_the_face_model_answers_as_stored() -> None:
    np.testing.assert_allclose(face_probs(), golden()["face_probs"], atol=1e-4)


def test_the_voice_model_answers_as_stored() -> None:
    np.testing.assert_allclose(voice_probs(), golden()["voice_probs"], atol=1e-4)


def test_an_answer_does_not_depend_on_the_batch() -> None:
    session = load("emoscope-face", threads=1)
    alone = [session.run({"crops": crop[None]})["probs"][0] for crop in crops()]
    np.testing.assert_allclose(alone, face_probs(), atol=1e-5)
    waveform, lengths = waveforms()
    alone_voice = load("emoscope-voice", threads=1).run(
        {"waveform": waveform[1:, : lengths[1]], "lengths": lengths[1:]}
    )
    np.testing.assert_allclose(alone_voice["probs"][0], voice_probs()[1], atol=1e-4)


def test_gain_is_no_cue() -> None:
    waveform, lengths = waveforms()
    session = load("emoscope-voice", threads=1)
    for gain in (0.5, 2.0):
        probs = session.run({"waveform": waveform * np.float32(gain), "lengths": lengths})["probs"]
        np.testing.assert_allclose(probs, voice_probs(), atol=1e-4)


def test_the_offset_of_a_microphone_is_no_cue() -> None:
    with open_media(DEMO / "speech.flac") as recording:
        sounds = [item.waveform for item in recording.read() if isinstance(item, Sound)]
    waveform = np.concatenate(sounds)[None, : 5 * SAMPLE_RATE]
    session, lengths = load("emoscope-voice", threads=1), np.array([5 * SAMPLE_RATE])
    plain = session.run({"waveform": waveform, "lengths": lengths})["probs"]
    for offset in (-0.03, 0.003, 0.03):
        moved = waveform + np.float32(offset)
        probs = session.run({"waveform": moved, "lengths": lengths})["probs"]
        np.testing.assert_allclose(probs, plain, atol=0.01)


@cache
def demo(name: str) -> Analysis:
    return Analyzer(detector="haar", speech="light").analyze(DEMO / name)


def left_to_right(analysis: Analysis) -> list[list[Any]]:
    """``[label, centre x, centre y]`` per face, by row and column of the picture."""
    rows = [
        [
            face.scores.best,
            round((face.box_xyxy[0] + face.box_xyxy[2]) / 2),
            round((face.box_xyxy[1] + face.box_xyxy[3]) / 2),
        ]
        for face in analysis.faces
    ]
    return sorted(rows, key=lambda row: (row[2] > 340, row[1]))


def test_the_mean_faces_are_found_and_read() -> None:
    found, stored = left_to_right(demo("faces.png")), golden()["faces"]
    assert [row[0] for row in found] == [row[0] for row in stored]
    assert len(found) == 7
    np.testing.assert_allclose([row[1:] for row in found], [row[1:] for row in stored], atol=12)


def test_the_mean_faces_are_read_as_what_they_are_the_means_of() -> None:
    assert [row[0] for row in left_to_right(demo("faces.png"))] == [
        "angry", "disgust", "fear", "happy", "sad", "surprise", "neutral",
    ]  # fmt: skip


def test_the_synthesised_speech_is_found() -> None:
    spans = [[voice.start_s, voice.end_s] for voice in demo("speech.flac").voice]
    np.testing.assert_allclose(spans, golden()["speech"], atol=0.15)


def test_the_video_holds_one_face_and_speech() -> None:
    analysis = demo("clip.mp4")
    assert analysis.track_ids == (0,)
    assert len(analysis.faces) >= 0.9 * analysis.frames_read
    assert analysis.summary["voice"]["state"] == "found"


@pytest.mark.parametrize("name", ["faces.png", "speech.flac", "clip.mp4"])
def test_the_pipeline_gives_the_same_answer_twice(name: str) -> None:
    again = Analyzer(detector="haar", speech="light").analyze(DEMO / name)
    assert again.to_dict() == demo(name).to_dict()


def renew() -> None:
    """Write the answers of the models as they are now."""
    answers = {
        "face_probs": face_probs().round(6).tolist(),
        "voice_probs": voice_probs().round(6).tolist(),
        "faces": left_to_right(demo("faces.png")),
        "speech": [[round(v.start_s, 3), round(v.end_s, 3)] for v in demo("speech.flac").voice],
    }
    GOLDEN.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    renew()
