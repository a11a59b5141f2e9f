"""Results validate themselves and have one shape."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emoscope.labels import RAVDESS_LABELS, SHARED, SHARED_LABELS, VOICE_LABELS, LabelSet
from emoscope.results import (
    Analysis,
    FaceEmotion,
    FusedEmotion,
    Scores,
    TextEmotion,
    VoiceEmotion,
    Word,
    mean_scores,
)

positive = st.floats(1e-3, 1.0)


def scores(*values: float, min_confidence: float = 0.0) -> Scores:
    return Scores.of(SHARED_LABELS, values, min_confidence)


HAPPY = scores(0.1, 0, 0, 0.7, 0.1, 0, 0.1)
SAD = scores(0.1, 0, 0, 0.1, 0.7, 0, 0.1)


@given(arrays(np.float64, 7, elements=positive))
def test_scores_are_a_distribution_with_the_right_top(values: np.ndarray) -> None:
    found = Scores.of(SHARED_LABELS, values)
    assert sum(found.probabilities) == pytest.approx(1.0)
    # Two values that differ by less than rounding may change places.
    assert values[SHARED.index(found.best)] == pytest.approx(values.max())
    assert found.confidence == pytest.approx(values.max() / values.sum())
    assert sum(found.shared.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ((0.5, 0.5), "expected 7 probabilities, got 2"),
        ((1.5, -0.5, 0, 0, 0, 0, 0), "within"),
        ((0.5, 0, 0, 0, 0, 0, 0), "sum to 1"),
        ((math.nan, 0, 0, 0, 0, 0, 1), "within"),
    ],
)
def test_scores_that_are_none_are_refused(probabilities: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scores(SHARED, probabilities)


def test_it_abstains_below_the_stated_confidence_and_not_at_it() -> None:
    assert scores(0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, min_confidence=0.31).top is None
    assert scores(0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, min_confidence=0.3).top == "angry"


def test_native_labels_map_to_the_shared_seven() -> None:
    calm = Scores.of(RAVDESS_LABELS, [0.1, 0.5, 0.4, 0, 0, 0, 0, 0])
    assert calm.top == "calm"
    assert calm.shared["neutral"] == pytest.approx(0.6)
    bored = Scores.of(LabelSet(("boredom", "sad", "happy")), [0.5, 0.4, 0.1])
    assert bored.shared["sad"] == pytest.approx(0.8)


@given(arrays(np.float64, (3, 8), elements=positive))
def test_mapping_keeps_the_mass(values: np.ndarray) -> None:
    values = values / values.sum(1, keepdims=True)
    shared = VOICE_LABELS.to_shared(values)
    assert shared.shape == (3, 7)
    np.testing.assert_allclose(shared.sum(1), 1.0)
    np.testing.assert_allclose(shared[:, 3], values[:, 3])


def test_a_label_without_counterpart_leaves_an_even_answer() -> None:
    np.testing.assert_allclose(LabelSet(("contempt",)).to_shared(np.array([1.0])), 1 / 7)


def test_unknown_and_repeated_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="joy"):
        LabelSet(("joy",))
    with pytest.raises(ValueError, match="distinct"):
        LabelSet(("sad", "sad"))


def face(time_s: float, of: Scores, track_id: int = 0) -> FaceEmotion:
    return FaceEmotion(time_s, (10.0, 20.0, 30.04, 50.0), 0.9, track_id, of)


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 10), (0, 10, 10, 0), (0, 0, math.inf, 1), (math.nan, 0, 1, 1)]
)
def test_boxes_without_an_area_are_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="box"):
        FaceEmotion(0.0, box, 0.9, 0, HAPPY)


@pytest.mark.parametrize(("start", "end"), [(-1.0, 1.0), (2.0, 1.0), (0.0, math.inf)])
def test_spans_that_are_none_are_refused(start: float, end: float) -> None:
    with pytest.raises(ValueError, match="start_s"):
        VoiceEmotion(start, end, HAPPY)


def test_the_mean_is_weighted_and_wants_one_label_set() -> None:
    mean = mean_scores([HAPPY, SAD], [3.0, 1.0])
    assert mean.probabilities[3] == pytest.approx(0.55)
    with pytest.raises(ValueError, match="at least one"):
        mean_scores([], [])
    with pytest.raises(ValueError, match="same labels"):
        mean_scores([HAPPY, Scores.of(VOICE_LABELS, np.ones(8))], [1, 1])


def analysis(**changes: object) -> Analysis:
    values: dict[str, object] = {
        "source": "talk.mp4",
        "kind": "video",
        "duration_s": 2.0,
        "size_px": (640, 480),
        "has_sound": True,
        "frames_read": 3,
        "models": {"face": "emoscope-face@1"},
        "faces": (face(0.0, HAPPY), face(0.5, HAPPY), face(0.5, SAD, 1), face(1.0, SAD)),
        "voice": (VoiceEmotion(0.0, 1.5, HAPPY), VoiceEmotion(1.5, 2.0, SAD)),
    }
    return Analysis(**{**values, **changes})  # type: ignore[arg-type]


def test_the_document_has_the_stated_shape_and_is_plain_json() -> None:
    document = json.loads(json.dumps(analysis().to_dict(), allow_nan=False))
    assert set(document) == {
        "schema", "source", "kind", "duration_s", "size_px", "has_sound", "frames_read",
        "models", "faces", "voice", "words", "fused", "summary",
    }  # fmt: skip
    assert document["schema"] == "emoscope/1"
    first = document["faces"][0]
    assert set(first) == {
        "time_s", "box_xyxy", "box_held", "detection_score", "track_id", "scores", "top",
        "confidence", "min_confidence",
    }  # fmt: skip
    assert first["box_xyxy"] == [10.0, 20.0, 30.0, 50.0]
    assert first["top"] == "happy"
    assert list(first["scores"]) == list(SHARED)
    assert set(document["voice"][0]) == {
        "start_s", "end_s", "scores", "top", "confidence", "min_confidence",
    }  # fmt: skip


def test_the_summary_speaks_of_each_track_and_weighs_the_voice_by_its_seconds() -> None:
    summary = analysis().summary
    tracks = summary["faces"]["tracks"]
    assert [track["track_id"] for track in tracks] == [0, 1]
    assert tracks[0]["readings"] == 3
    assert tracks[0]["top_share"] == {"happy": 0.6667, "sad": 0.3333}
    assert tracks[0]["top"] == "happy"
    assert summary["voice"]["speech_s"] == 2.0
    assert summary["voice"]["scores"]["happy"] == pytest.approx(0.7 * 0.75 + 0.1 * 0.25)


def test_absence_is_said() -> None:
    assert analysis(faces=(), voice=()).summary == {
        "faces": {"state": "no face", "tracks": []},
        "voice": {"state": "no speech"},
        "words": {"state": "not transcribed"},
        "fused": {"state": "nothing to fuse"},
    }
    nothing = analysis(faces=(), voice=(), size_px=None, has_sound=False)
    assert nothing.summary == {
        "faces": {"state": "no picture", "tracks": []},
        "voice": {"state": "no sound"},
        "words": {"state": "no sound"},
        "fused": {"state": "nothing to fuse"},
    }


def said(text: str, of: Scores, **more: object) -> TextEmotion:
    words = tuple(Word(word, 0.0, 1.0, 0.5) for word in text.split())
    return TextEmotion(0.0, 1.0, text, of, words=words, **more)  # type: ignore[arg-type]


def test_words_are_weighed_by_their_number_and_say_what_was_translated() -> None:
    words = (
        said("one two three", HAPPY, language="en"),
        said("vier", SAD, language="de", translated=True, scored_text="four"),
    )
    found = analysis(words=words, models={"transcriber": "tiny"})
    summary = found.summary["words"]
    assert (summary["words"], summary["readings"], summary["languages"]) == (4, 2, ["en", "de"])
    assert summary["scores"]["happy"] == pytest.approx(0.7 * 0.75 + 0.1 * 0.25)
    document = found.to_dict()["words"][1]
    assert (document["translated"], document["scored_text"]) == (True, "four")
    assert document["words"] == [{"text": "vier", "start_s": 0.0, "end_s": 1.0, "probability": 0.5}]
    silent = analysis(models={"transcriber": "tiny"})
    assert silent.summary["words"] == {"state": "no words"}


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_impossible_probabilities_of_words_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="within"):
        Word("so", 0.0, 1.0, share)
    with pytest.raises(ValueError, match="within"):
        TextEmotion(0.0, 1.0, "so", HAPPY, language_probability=share)


def test_abstentions_count_as_unsure() -> None:
    unsure = scores(0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, min_confidence=0.5)
    found = analysis(faces=(face(0, unsure),)).summary["faces"]["tracks"][0]
    assert found["top_share"] == {"unsure": 1.0}
    assert found["top"] is None


def fused(
    time_s: float, of: Scores, congruence: float | None = None, **more: object
) -> FusedEmotion:
    shares = {"face": 1.0, "voice": 0.0, "words": 0.0}
    if congruence is not None:
        shares = {"face": 0.75, "voice": 0.25, "words": 0.0}
    return FusedEmotion(time_s, of, shares, congruence=congruence, **more)  # type: ignore[arg-type]


def test_fused_answers_list_every_modality_and_who_spoke() -> None:
    one = fused(1.0, HAPPY, 0.4, pairs={"face+voice": 0.4}, qualities={"face": 1.0}, track_id=2)
    assert one.modalities == ("face", "voice")
    document = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    assert set(document) == {
        "time_s", "end_s", "track_id", "modalities", "weights", "qualities", "congruence", "pairs",
        "scores", "top", "confidence", "min_confidence",
    }  # fmt: skip
    assert document["weights"] == {"face": 0.75, "voice": 0.25, "words": 0.0}
    assert (document["modalities"], document["track_id"]) == (["face", "voice"], 2)
    assert fused(0.0, SAD).to_dict()["congruence"] is None


def test_the_summary_says_how_far_they_agree_and_when_least() -> None:
    rows = (fused(0.0, HAPPY, 0.9), fused(0.5, HAPPY, 0.3), fused(1.0, SAD))
    found = analysis(fused=rows).summary["fused"]
    assert (found["state"], found["readings"], found["together"]) == ("found", 3, 2)
    assert found["congruence"] == pytest.approx(0.6)
    assert found["least_congruent_s"] == 0.5
    assert found["scores"]["happy"] == pytest.approx(0.5)
    alone = analysis(fused=(fused(0.0, HAPPY),)).summary["fused"]
    assert (alone["congruence"], alone["least_congruent_s"]) == (None, None)


def test_stretches_are_weighed_by_their_seconds() -> None:
    rows = (fused(0.0, HAPPY, end_s=3.0), fused(3.0, SAD, end_s=4.0))
    found = analysis(fused=rows).summary["fused"]
    assert found["scores"]["happy"] == pytest.approx(0.7 * 0.75 + 0.1 * 0.25)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": {"face": 1.5}}, {"congruence": -0.1}, {"congruence": math.nan},
        {"qualities": {"face": 2.0}}, {"pairs": {"face+voice": 1.1}}, {"end_s": 0.5},
    ],
)  # fmt: skip
def test_fused_answers_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        FusedEmotion(1.0, HAPPY, **wrong)  # type: ignore[arg-type]
