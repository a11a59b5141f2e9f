"""Labels that do not flicker, and faces that stay through short misses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emoscope.labels import SHARED
from emoscope.live.steady import FORGET_S, HOLD_S, SteadyFaces, SteadyScores, SteadyTogether
from emoscope.results import FaceEmotion, FusedEmotion, Scores
from emoscope.translated import TranslatedReading


def scores(label: str, share: float = 0.9, min_confidence: float = 0.3) -> Scores:
    rest = (1 - share) / (len(SHARED) - 1)
    row = tuple(share if name == label else rest for name in SHARED)
    return Scores(SHARED, row, min_confidence)


def face(time_s: float, label: str = "happy", track: int = 0, held: bool = False) -> FaceEmotion:
    return FaceEmotion(time_s, (10.0, 10.0, 50.0, 60.0), 0.9, track, scores(label), held)


def labels_of(steady: SteadyScores, shown: list[tuple[float, Scores]]) -> list[str | None]:
    return [steady.push(time_s, one).label for time_s, one in shown]


@pytest.mark.parametrize("rate", [5, 15, 30])
def test_readings_that_alternate_keep_their_label(rate: int) -> None:
    shown = [
        (index / rate, scores("neutral" if index % 3 == 2 else "happy", 0.6))
        for index in range(10 * rate)
    ]
    assert set(labels_of(SteadyScores(0.5), shown)) == {"happy"}


def test_a_clear_change_is_shown_within_three_seconds() -> None:
    steady = SteadyScores(0.5)
    for index in range(50):
        steady.push(index / 10, scores("neutral"))
    seen = [(t / 10, steady.push(t / 10, scores("happy")).label) for t in range(50, 80)]
    changed = next(time_s for time_s, label in seen if label == "happy")
    assert 5.5 < changed < 8.0
    assert {label for time_s, label in seen if time_s >= changed} == {"happy"}


def test_the_first_reading_does_not_cling() -> None:
    steady = SteadyScores(0.5)
    steady.push(0.0, scores("fear"))
    assert steady.push(0.5, scores("happy")).label == "happy"


def test_without_smoothing_each_reading_stands_for_itself() -> None:
    steady = SteadyScores(0.0)
    assert labels_of(steady, [(0.0, scores("happy")), (0.1, scores("sad"))]) == ["happy", "sad"]
    assert steady.push(0.2, scores("sad", 0.25)).label is None
    assert steady.push(0.3, scores("sad", 0.7)).scores == scores("sad", 0.7)


def test_an_unsure_label_does_not_come_and_go() -> None:
    steady = SteadyScores(0.5)
    assert steady.push(0.0, scores("sad", 0.25)).label is None
    assert steady.push(1.0, scores("sad", 0.9)).label == "sad"
    wavering = [(1 + index / 10, scores("sad", 0.25 + 0.1 * (index % 2))) for index in range(1, 40)]
    assert set(labels_of(steady, wavering)) == {"sad"}
    faint = [(5 + index / 10, scores("sad", 0.145)) for index in range(200)]
    assert labels_of(steady, faint)[-1] is None


def test_what_is_smoothed_still_sums_to_one() -> None:
    steady = SteadyScores(0.5)
    for index in range(1000):
        shown = steady.push(index / 30, scores(SHARED[index % 7], 0.5 + index % 5 / 10))
        assert sum(shown.scores.probabilities) == pytest.approx(1.0, abs=1e-9)


def test_a_face_is_held_for_a_moment_and_then_gone() -> None:
    faces = SteadyFaces(0.5)
    assert [f.held for f in faces.push(0.0, [face(0.0)])] == [False]
    assert [f.held for f in faces.push(0.2, [])] == [True]
    assert faces.push(0.2 + HOLD_S, []) == ()
    back = faces.push(1.0, [face(1.0)])
    assert [(f.track_id, f.held) for f in back] == [(0, False)]


def test_a_missed_face_keeps_its_scores() -> None:
    faces = SteadyFaces(0.0)
    faces.push(0.0, [face(0.0, "happy")])
    held = faces.push(0.1, [replace(face(0.1, "fear", held=True), box_xyxy=(12, 10, 52, 60))])
    assert [(f.label, f.held, f.box_xyxy[0]) for f in held] == [("happy", True, 12)]


def test_between_detections_nothing_is_missed() -> None:
    faces = SteadyFaces(0.0, detect_every=3)
    shown = []
    for index in range(6):
        label = "happy" if index < 3 else "sad"
        shown += faces.push(index / 10, [face(index / 10, label, held=index > 0)])
    assert [f.held for f in shown] == [False, False, False, True, True, True]
    assert [f.label for f in shown[:3]] == ["happy"] * 3


def test_faces_are_steadied_each_for_itself_and_forgotten() -> None:
    faces = SteadyFaces(0.5)
    both = faces.push(0.0, [face(0.0, "happy", 1), face(0.0, "sad", 0)])
    assert [(f.track_id, f.label) for f in both] == [(0, "sad"), (1, "happy")]
    for track in range(2, 200):
        faces.push(track * 1.0, [face(track * 1.0, track=track)])
    assert len(faces._known) <= FORGET_S + 2


def test_what_is_fused_begins_anew_after_an_interruption() -> None:
    together = SteadyTogether(0.5)
    first = together.fused(0.0, FusedEmotion(0.0, scores("happy")))
    assert first is not None
    assert first.label == "happy"
    assert together.fused(0.1, None) is None
    again = together.fused(0.2, FusedEmotion(0.2, scores("sad")))
    assert again is not None
    assert again.label == "sad"


def test_a_translation_is_smoothed_for_its_side() -> None:
    together = SteadyTogether(0.5)

    def reading(time_s: float, to: str, label: str) -> TranslatedReading:
        source = "face" if to == "voice" else "voice"
        return TranslatedReading(time_s, source, to, scores(label), "t@1")  # type: ignore[arg-type]

    for tenth in range(5):
        together.translated(tenth / 10, reading(tenth / 10, "voice", "happy"))
    shown = together.translated(0.5, reading(0.5, "voice", "sad"))
    assert shown is not None
    assert shown.scores.top == "happy"
    other = together.translated(0.6, reading(0.6, "face", "sad"))
    assert other is not None
    assert other.scores.top == "sad"
    assert together.translated(0.7, None) is None


def test_a_track_that_breaks_off_hands_its_label_on() -> None:
    steady = SteadyFaces(0.5)
    for index in range(20):
        steady.push(index / 10, [face(index / 10)])
    again = face(2.0, "neutral", track=1)
    shown = steady.push(2.0, [face(2.0, held=True), again])
    assert [(one.track_id, one.label) for one in shown] == [(1, "happy")]


def test_a_face_elsewhere_begins_anew() -> None:
    steady = SteadyFaces(0.5)
    steady.push(0.0, [face(0.0)])
    there = replace(face(0.1, "neutral", track=1), box_xyxy=(500.0, 0.0, 600.0, 100.0))
    assert {one.track_id: one.label for one in steady.push(0.1, [face(0.1), there])} == {
        0: "happy",
        1: "neutral",
    }
