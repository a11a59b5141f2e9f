"""Numbers that stay with their faces."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.face.detect import Detection
from emoscope.face.track import FaceTracker, _assign

STEP = 0.1


def face(x: float, y: float = 100.0, side: float = 40.0, score: float = 0.9) -> Detection:
    return Detection((x - side / 2, y - side / 2, x + side / 2, y + side / 2), score)


def ids(tracker: FaceTracker, time_s: float, *faces: Detection) -> list[int]:
    return [track.track_id for track in tracker.update(time_s, faces)]


def test_a_picture_numbers_from_left_to_right() -> None:
    tracks = FaceTracker().update(0.0, [face(300), face(100), face(200)])
    assert [(t.track_id, t.box_xyxy[0]) for t in tracks] == [(0, 80), (1, 180), (2, 280)]
    assert not any(track.held for track in tracks)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1 / 30, 0.1, 0.5, 1.0]))
def test_jitter_keeps_the_number(seed: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    tracker = FaceTracker()
    for frame in range(40):
        x, y = 200 + rng.uniform(-4, 4), 100 + rng.uniform(-4, 4)
        assert ids(tracker, frame * step, face(x, y, 40 * rng.uniform(0.85, 1.15))) == [0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_the_order_of_detections_does_not_matter(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    ahead, shuffled = FaceTracker(), FaceTracker()
    for frame in range(8):
        found = [face(*rng.uniform(0, 400, 2), score=rng.uniform(0.6, 1)) for _ in range(count)]
        order = rng.permutation(count)
        expected = ahead.update(frame * STEP, found)
        assert shuffled.update(frame * STEP, [found[i] for i in order]) == expected


def test_a_short_miss_is_held_and_keeps_the_number() -> None:
    tracker = FaceTracker()
    for frame in range(5):
        tracker.update(frame * STEP, [face(200)])
    for frame in range(5, 14):
        (track,) = tracker.update(frame * STEP, [])
        assert (track.track_id, track.held, track.score) == (0, True, 0.9)
        assert track.box_xyxy == pytest.approx((180, 80, 220, 120))
    (track,) = tracker.update(14 * STEP, [face(202)])
    assert (track.track_id, track.held) == (0, False)


def test_a_long_miss_ends_the_track_and_its_number() -> None:
    tracker = FaceTracker()
    for frame in range(5):
        tracker.update(frame * STEP, [face(200)])
    assert ids(tracker, 1.4) == [0]
    assert ids(tracker, 1.5) == []
    seen = [ids(tracker, 2 + frame * STEP, face(200)) for frame in range(5)]
    assert seen == [[], [], [1], [1], [1]]


def test_a_false_face_of_one_frame_gets_no_number() -> None:
    tracker = FaceTracker()
    for frame in range(30):
        found = [face(200)] + ([face(500, 300)] if frame % 7 == 3 else [])
        assert ids(tracker, frame * STEP, *found) == [0]
    assert ids(tracker, 3.0, face(200)) == [0]


def test_one_person_with_misses_and_false_faces_is_one_track() -> None:
    rng = np.random.default_rng(3)
    tracker = FaceTracker()
    seen = set()
    for frame in range(300):
        found = [] if rng.random() < 0.2 and frame else [face(*rng.normal((200, 100), 3))]
        if frame and rng.random() < 0.1:
            found.append(face(*rng.uniform((300, 0), (900, 400))))
        seen.update(ids(tracker, frame / 15, *found))
    assert seen == {0}


@pytest.mark.parametrize("step", [1 / 30, 0.1])
def test_two_crossing_faces_keep_their_numbers(step: float) -> None:
    tracker = FaceTracker()
    frames = round(4 / step)
    for frame in range(frames + 1):
        part = frame / frames
        a, b = face(50 + 300 * part, 100), face(350 - 300 * part, 112)
        tracks = tracker.update(frame * step, [b, a])
        assert [t.track_id for t in tracks] == [0, 1]
        assert tracks[0].box_xyxy == a.box_xyxy
        assert tracks[1].box_xyxy == b.box_xyxy


def test_a_covered_face_is_not_reported_but_keeps_its_number() -> None:
    tracker = FaceTracker()
    for frame in range(6):
        tracker.update(frame * STEP, [face(145), face(160)])
    for frame in range(6, 10):
        assert ids(tracker, frame * STEP, face(158)) == [1]
    (left, right) = tracker.update(1.0, [face(160), face(143)])
    assert (left.track_id, left.box_xyxy[0]) == (0, 123)
    assert (right.track_id, right.box_xyxy[0]) == (1, 140)


def test_when_one_of_a_row_leaves_the_others_keep_their_numbers() -> None:
    tracker = FaceTracker()
    row = [face(100 + 60 * i) for i in range(5)]
    for second in range(4):
        assert ids(tracker, float(second), *row) == [0, 1, 2, 3, 4]
    tracks = tracker.update(4.0, row[1:])
    places = {t.track_id: t.box_xyxy[0] for t in tracks if not t.held}
    assert places == {1: 140, 2: 200, 3: 260, 4: 320}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1000), max_size=3), min_size=2, max_size=40))
def test_numbers_are_dense_rise_and_are_never_used_again(frames: list[list[float]]) -> None:
    tracker = FaceTracker()
    gone: set[int] = set()
    now: set[int] = set()
    highest = -1
    for index, places in enumerate(frames):
        reported = ids(tracker, index * 0.8, *[face(x) for x in places])
        assert len(set(reported)) == len(reported)
        new = sorted(set(reported) - now - gone)
        assert new == list(range(highest + 1, highest + 1 + len(new)))
        highest += len(new)
        # 0.8 s between frames: what is neither seen nor held now may only be covered for 1 s.
        alive = {t.track_id for t in tracker.predict(index * 0.8)}
        gone |= now - alive - set(reported)
        now = alive | set(reported)
        assert not gone & now


def test_prediction_follows_the_motion_and_changes_nothing() -> None:
    tracker = FaceTracker()
    for frame in range(20):
        tracker.update(frame * STEP, [face(100 + 100 * frame * STEP)])
    before = tracker.predict(1.9)
    (track,) = tracker.predict(1.95)
    assert track.held
    assert sum(track.box_xyxy[::2]) / 2 == pytest.approx(295, abs=1.5)
    tracker.predict(2.5)
    assert tracker.predict(1.9) == before
    assert tracker.predict(2.95) == []


def test_slow_readings_need_no_holding() -> None:
    tracker = FaceTracker()
    for index in range(5):
        assert ids(tracker, index * 2.0, face(200 + 20 * index)) == [0]


def test_after_a_long_gap_nothing_is_matched() -> None:
    tracker = FaceTracker()
    assert ids(tracker, 0.0, face(200)) == [0]
    assert ids(tracker, 60.0, face(200)) == []
    assert ids(tracker, 60.3, face(200)) == [1]


def test_time_may_not_run_backwards() -> None:
    tracker = FaceTracker()
    tracker.update(1.0, [])
    for call in (lambda: tracker.update(0.9, []), lambda: tracker.predict(0.9)):
        with pytest.raises(ValueError, match=r"at least 1\.0; got 0\.9"):
            call()
    with pytest.raises(ValueError, match="finite"):
        tracker.update(float("nan"), [])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_assignment_is_the_best_of_all(rows: int, columns: int, seed: int) -> None:
    cost = np.random.default_rng(seed).random((rows, columns))
    pairs = _assign(cost)
    assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == min(rows, columns)
    wide = cost if rows <= columns else cost.T
    best = min(
        sum(wide[i, c] for i, c in enumerate(choice))
        for choice in itertools.permutations(range(wide.shape[1]), wide.shape[0])
    )
    assert sum(cost[r, c] for r, c in pairs) == pytest.approx(best)
