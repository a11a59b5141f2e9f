from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from emoscope.apps.dashboard.timeline import COLUMNS, MOST_TRACKS, lanes
from emoscope.labels import COLOURS, SHARED
from emoscope.results import Analysis, FusedEmotion

from .conftest import face_of, scores_of


def test_a_face_becomes_stretches_of_one_label(talk: Analysis) -> None:
    (face,) = lanes(talk, None)["faces"]
    spans = [(run["label"], run["start"], run["end"]) for run in face["runs"]]
    assert face["name"] == "face"
    assert spans == [("neutral", 0.0, 1.5), ("happy", 1.5, 4.0)]
    assert face["runs"][0]["share"] == pytest.approx(0.8)


def test_a_share_is_rounded_once_where_it_is_shown() -> None:
    faces = (face_of(0.0, "happy", 0.4146), face_of(0.1, "happy", 0.4146))
    video = Analysis("v.mp4", "video", 1.0, (200, 100), False, 2, {}, faces=faces)
    (run,) = lanes(video, None)["faces"][0]["runs"]
    assert f"{run['share']:.0%}" == "41%"
    assert f"{run['ranked'][0][1]:.0%}" == "41%"


def test_a_face_that_was_out_of_sight_leaves_a_gap() -> None:
    faces = (face_of(0.0, "happy"), face_of(0.1, "happy"), face_of(3.0, "happy"))
    video = Analysis("v.mp4", "video", 4.0, (200, 100), False, 3, {}, faces=faces)
    runs = lanes(video, None)["faces"][0]["runs"]
    assert [(run["start"], run["end"]) for run in runs] == [(0.0, 0.85), (3.0, 3.1)]


def test_no_reading_goes_beyond_the_end() -> None:
    video = Analysis("v.mp4", "video", 1.0, (200, 100), False, 1, {}, faces=(face_of(0.98, "sad"),))
    assert lanes(video, None)["faces"][0]["runs"][0]["end"] == 1.0


def test_together_is_a_mean_of_each_column(talk: Analysis) -> None:
    together = lanes(talk, None)["together"]
    assert together["labels"] == list(SHARED)
    assert len(together["columns"]) == 40
    for column in together["columns"]:
        assert sum(column) == pytest.approx(1.0, abs=0.01)
    happy = SHARED.index("happy")
    assert together["columns"][0][happy] < 0.1 < 0.5 < together["columns"][-1][happy]


def test_a_long_video_has_no_more_columns_than_fit() -> None:
    fused = tuple(FusedEmotion(float(t), scores_of("sad")) for t in range(0, 3600, 2))
    video = Analysis("v.mp4", "video", 3600.0, (9, 9), False, 1800, {}, fused=fused)
    columns = lanes(video, None)["together"]["columns"]
    assert len(columns) == COLUMNS
    assert None not in columns


def test_a_stretch_without_frames_fills_its_columns() -> None:
    fused = (FusedEmotion(1.0, scores_of("sad"), {"voice": 0.5, "words": 0.5}, end_s=2.0),)
    clip = Analysis("a.wav", "audio", 4.0, None, True, 0, {}, fused=fused)
    columns = lanes(clip, None)["together"]["columns"]
    assert [index for index, column in enumerate(columns) if column] == list(range(10, 20))


def test_voice_alone_is_not_shown_twice() -> None:
    fused = (FusedEmotion(1.0, scores_of("sad"), {"voice": 1.0}, end_s=2.0),)
    clip = Analysis("a.wav", "audio", 4.0, None, True, 0, {}, fused=fused)
    assert lanes(clip, None)["together"] is None


def test_faces_beyond_the_first_are_counted() -> None:
    faces = tuple(face_of(0.0, "happy", track=n) for n in range(MOST_TRACKS + 2))
    video = Analysis("v.mp4", "video", 1.0, (900, 90), False, 1, {}, faces=faces)
    drawn = lanes(video, None)
    assert len(drawn["faces"]) == MOST_TRACKS
    assert drawn["more_faces"] == 2
    assert drawn["faces"][0]["name"] == "face 1"


def test_quiet_noise_is_not_drawn_as_speech() -> None:
    recording = Analysis("a.wav", "audio", 1.0, None, True, 0, {})
    quiet = np.tile(np.float32([-0.001, 0.001]), (10, 1))
    loud = quiet * 500
    assert np.abs(lanes(recording, quiet)["peaks"]).max() < 0.05
    assert np.abs(lanes(recording, loud)["peaks"]).max() == pytest.approx(1.0)


def test_it_is_plain_json_with_the_colours_of_everywhere(talk: Analysis) -> None:
    drawn = json.loads(json.dumps(lanes(talk, np.zeros((4, 2), np.float32)), allow_nan=False))
    for label, colour in COLOURS.items():
        assert drawn["looks"][label]["fill"] == colour
    assert drawn["words"][0]["text"] == "Good <b>day</b>"
    assert drawn["voice"][0]["label"] == "calm"
    assert lanes(replace(talk, faces=()), None)["faces"] == []
