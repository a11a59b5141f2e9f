from __future__ import annotations

from collections.abc import Callable

import pytest

from emoscope.export.between import FacesBetween
from emoscope.results import FaceEmotion


@pytest.fixture
def face(make_face: Callable[..., FaceEmotion]) -> Callable[..., FaceEmotion]:
    def build(time_s: float, x: float, track_id: int = 0, share: float = 0.7) -> FaceEmotion:
        return make_face((x, 0, x + 50, 60), "happy", time_s, track_id, share)

    return build


def test_boxes_and_scores_move_in_straight_lines(face: Callable[..., FaceEmotion]) -> None:
    between = FacesBetween([face(1.0, 0, share=0.5), face(1.4, 100, share=0.9)], 0.4)
    (found,) = between.at(1.1)
    assert found.box_xyxy == pytest.approx((25, 0, 75, 60))
    assert found.scores.confidence == pytest.approx(0.6)
    assert found.box_held
    assert between.at(1.4)[0].box_xyxy == pytest.approx((100, 0, 150, 60))


def test_a_face_is_gone_when_it_was_absent(face: Callable[..., FaceEmotion]) -> None:
    between = FacesBetween([face(1.0, 0), face(2.0, 100), face(2.1, 110)], 0.1)
    assert between.at(0.9) == []
    assert len(between.at(1.05)) == 1
    assert between.at(1.5) == []
    assert between.at(1.95) == []
    assert len(between.at(2.05)) == 1
    assert len(between.at(2.2)) == 1
    assert between.at(2.3) == []


def test_few_readings_a_second_are_no_absence(face: Callable[..., FaceEmotion]) -> None:
    between = FacesBetween([face(0.0, 0), face(2.0, 100)], 2.0)
    assert between.at(1.0)[0].box_xyxy[0] == pytest.approx(50)


def test_tracks_are_kept_apart(face: Callable[..., FaceEmotion]) -> None:
    readings = [face(0.0, 0, 0), face(0.0, 500, 7), face(0.5, 10, 0), face(0.5, 600, 7)]
    found = FacesBetween(readings, 0.5).at(0.25)
    assert {f.track_id: f.box_xyxy[0] for f in found} == {0: 5.0, 7: 550.0}


def test_a_rounded_time_stamp_shows_the_reading(face: Callable[..., FaceEmotion]) -> None:
    assert len(FacesBetween([face(0.0337, 0)], 0.1).at(0.0333)) == 1
