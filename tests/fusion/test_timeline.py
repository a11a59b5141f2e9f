"""The time line: what is fused when, and whose face speaks."""

from __future__ import annotations

import numpy as np
import pytest

from emoscope.fusion.model import FusionModel
from emoscope.fusion.pool import Evidence
from emoscope.fusion.timeline import (
    HOLD_S,
    Said,
    Seen,
    TimeLine,
    fuse_all,
    heard,
    models_of,
    seen,
    smoothed,
    written,
)
from emoscope.labels import SHARED, SHARED_LABELS, VOICE_LABELS
from emoscope.results import FaceEmotion, FusedEmotion, Scores, TextEmotion, VoiceEmotion

MODEL = FusionModel(
    "t", "1", {"face": 1.0, "voice": 1.0, "words": 1.0}, {"face+voice": 0.5}, {}, {}
)


def row(label: str) -> tuple[float, ...]:
    return tuple(0.7 if name == label else 0.05 for name in SHARED)


def scores(label: str) -> Scores:
    return Scores(SHARED, row(label))


def face(time_s: float, label: str, track_id: int = 0, prominence: float = 50.0) -> Seen:
    return Seen(time_s, track_id, prominence, Evidence(row(label), {}))


def span(start_s: float, end_s: float, label: str) -> Said:
    return Said(start_s, end_s, Evidence(row(label), {}))


def test_frames_meet_the_voice_and_the_words_that_hold_then() -> None:
    times = [0.0, 0.5, 1.0, 1.5]
    found = fuse_all(
        MODEL,
        times,
        [face(t, "happy") for t in times[:3]],
        [span(0.5, 1.5, "angry")],
        [span(1.0, 1.2, "sad")],
    )
    assert [(one.time_s, one.modalities) for one in found] == [
        (0.0, ("face",)), (0.5, ("face", "voice")), (1.0, ("face", "voice", "words")),
    ]  # fmt: skip
    assert found[0].scores.probabilities == row("happy")
    assert found[0].congruence is None
    assert found[1].congruence is not None


def test_a_frame_without_a_face_speaks_while_somebody_does() -> None:
    found = fuse_all(MODEL, [0.0, 1.0, 2.0], [], [span(0.5, 1.5, "sad")], [])
    assert [(one.time_s, one.track_id, one.end_s) for one in found] == [(1.0, None, None)]
    assert found[0].scores.probabilities == row("sad")


def test_a_recording_gives_one_answer_for_each_stretch() -> None:
    found = fuse_all(
        MODEL,
        [],
        [],
        [span(0.0, 2.0, "sad"), span(3.0, 4.0, "angry")],
        [span(0.0, 0.5, "happy"), span(0.5, 2.0, "sad"), span(6.0, 7.0, "fear")],
    )
    assert [(one.time_s, one.end_s, one.modalities) for one in found] == [
        (0.0, 2.0, ("voice", "words")), (3.0, 4.0, ("voice",)), (6.0, 7.0, ("words",)),
    ]  # fmt: skip
    assert found[0].congruence == pytest.approx(1.0)


def test_sound_that_outlasts_its_film_is_kept() -> None:
    found = fuse_all(MODEL, [0.0], [face(0.0, "happy")], [span(5.0, 6.0, "sad")], [])
    assert [(one.time_s, one.end_s) for one in found] == [(0.0, None), (5.0, 6.0)]


def test_one_face_speaks_and_it_does_not_change_from_frame_to_frame() -> None:
    faces = [
        face(0.0, "happy", 0, 50), face(0.0, "sad", 1, 51),
        face(1.0, "happy", 0, 52), face(1.0, "sad", 1, 50),
        face(2.0, "sad", 1, 10),
    ]  # fmt: skip
    found = fuse_all(MODEL, [0.0, 1.0, 2.0], faces, [], [])
    assert [one.track_id for one in found] == [1, 1, 1]
    assert {one.scores.top for one in found} == {"sad"}


def test_where_stretches_overlap_the_later_one_counts() -> None:
    found = fuse_all(MODEL, [1.0], [], [span(0.0, 2.0, "sad"), span(0.9, 1.1, "angry")], [])
    assert [one.scores.top for one in found] == ["angry"]


def test_readings_bring_what_tells_their_quality() -> None:
    one = FaceEmotion(1.0, (0.0, 0.0, 40.0, 40.0), 0.9, 3, scores("happy"))
    made = seen(one, "yunet@2023", 44.0, 0.7)
    assert made.evidence.measures == {"yunet_score": 0.9, "size_px": 44.0, "sharpness": 0.7}
    assert (made.time_s, made.track_id, made.prominence) == (1.0, 3, pytest.approx(39.6))
    calm = Scores.of(VOICE_LABELS, [0, 0, 0, 0, 0, 0, 0.25, 0.75])
    voice = heard(VoiceEmotion(1.0, 2.5, calm), 20.0)
    assert voice.evidence.measures == {"voiced_s": 1.5, "snr_db": 20.0}
    assert voice.evidence.probabilities == tuple(calm.shared.values())
    text = written(TextEmotion(0.0, 1.0, "so happy today!", scores("happy")))
    assert text is not None
    assert text.evidence.measures == {"words": 3.0}


def test_words_that_could_not_be_read_take_no_part() -> None:
    even = Scores.of(SHARED_LABELS, np.ones(7), 1.0)
    assert written(TextEmotion(0.0, 1.0, "мне грустно", even)) is None


def fused(time_s: float, label: str) -> FusedEmotion:
    return FusedEmotion(time_s, scores(label), {"face": 1.0, "voice": 0.0, "words": 0.0})


def test_smoothing_is_by_choice_and_keeps_all_but_the_scores() -> None:
    rows = [fused(0.0, "happy"), fused(0.5, "happy"), fused(0.6, "angry"), fused(5.0, "angry")]
    assert smoothed(rows, "none") == tuple(rows)
    for how in ("window", "exponential"):
        steadier = smoothed(rows, how)  # type: ignore[arg-type]
        assert [one.scores.top for one in steadier] == ["happy", "happy", "happy", "angry"]
        assert [one.time_s for one in steadier] == [0.0, 0.5, 0.6, 5.0]
        assert steadier[2].weights == rows[2].weights
        assert steadier[3].scores.probabilities == pytest.approx(row("angry"), abs=1e-3)
    with pytest.raises(ValueError, match="smooth must be one of"):
        TimeLine(smooth="strongly")  # type: ignore[arg-type]


def test_now_holds_a_voice_for_a_while() -> None:
    line = TimeLine()
    line.add_voice(VoiceEmotion(0.0, 1.0, scores("sad")), np.ones(16_000, np.float32))
    there = line.now(1.0 + HOLD_S, 0, ())
    assert there is not None
    assert there.scores.probabilities == row("sad")
    assert line.now(1.1 + HOLD_S, 0, ()) is None


def test_the_model_is_named_where_it_took_part() -> None:
    assert models_of([fused(0.0, "happy")]) == {}
    both = FusedEmotion(0.0, scores("happy"), {"face": 0.5, "voice": 0.5, "words": 0.0})
    assert set(models_of([both])) == {"fusion"}
