"""JSON documents come back as what they were made from; anything else is refused."""

from __future__ import annotations

import copy
import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings

from emoscope.results import (
    Analysis,
    FaceEmotion,
    FusedEmotion,
    Scores,
    TextEmotion,
    VoiceEmotion,
    Word,
)

from .made_up import some_analyses


@given(some_analyses())
@settings(max_examples=100, deadline=None)
def test_a_document_comes_back_as_it_was(analysis: Analysis) -> None:
    document = analysis.to_dict()
    back = Analysis.from_dict(json.loads(json.dumps(document)))
    again = back.to_dict()
    del document["summary"], again["summary"]  # the means are taken of what was rounded
    assert again == document
    assert [face.scores.min_confidence for face in back.faces] == [
        face.scores.min_confidence for face in analysis.faces
    ]
    for found, meant in zip(back.faces, analysis.faces, strict=True):
        assert found.scores.probabilities == pytest.approx(meant.scores.probabilities, abs=1.01e-4)
        assert found.box_xyxy == pytest.approx(meant.box_xyxy, abs=0.051)


SCORES = Scores(("happy", "sad"), (0.75, 0.25), 0.3)
EVERYTHING = Analysis(
    "talk.mp4",
    "video",
    2.0,
    (640, 480),
    True,
    3,
    {"face": "emoscope-face@1"},
    (FaceEmotion(0.0, (1.0, 2.0, 3.0, 4.0), 0.9, 0, SCORES),),
    (VoiceEmotion(0.0, 1.0, SCORES),),
    (TextEmotion(0.0, 1.0, "so", SCORES, "en", 0.9, (Word("so", 0.0, 1.0, 0.5),)),),
    (FusedEmotion(0.0, SCORES, {"face": 1.0}, {"face": 0.9}, 0.5, {"face+voice": 0.5}, 0),),
)


def test_everything_comes_back() -> None:
    assert Analysis.from_dict(EVERYTHING.to_dict()) == EVERYTHING
    assert Analysis.from_dict({**EVERYTHING.to_dict(), "new": 1}) == EVERYTHING


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


DOCUMENT = EVERYTHING.to_dict()
PLACES = [place for place in places(DOCUMENT) if place and place[0] != "summary"]
OPTIONAL = {"confidence"}  # which follows from others


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_whatever_is_wrong_is_a_value_error_or_a_result(place: tuple[Any, ...]) -> None:
    for wrong in (None, True, -1, 1.5, math.nan, 10**400, "x", [], {}, [None], {"x": None}):
        document = copy.deepcopy(DOCUMENT)
        holder = document
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = wrong
        with suppress(ValueError):
            assert isinstance(Analysis.from_dict(document), Analysis)
    if isinstance(holder, dict) and place[-1] not in OPTIONAL:
        del holder[place[-1]]
        if not {"models", "weights", "qualities", "pairs"} & set(place[:-1]):
            with pytest.raises(ValueError, match=r"missing|sum to 1|schema"):
                Analysis.from_dict(document)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": "emoscope/2"}, "newer emoscope"),
        ({"schema": None}, "expected schema 'emoscope/1'"),
        ({"kind": "book"}, "kind"),
        ({"size_px": [1]}, "size_px"),
        ({"duration_s": -1}, "duration_s"),
        ({"faces": [{}]}, r"faces\[0\]: .* is missing"),
        ({"faces": {}}, "faces to be a list"),
        ({"voice": [DOCUMENT["voice"][0], 7]}, r"voice\[1\]: expected an object"),
        ({"voice": [{**DOCUMENT["voice"][0], "top": "sad"}]}, "top is 'sad', but"),
        ({"voice": [{**DOCUMENT["voice"][0], "top": "joy"}]}, "top is 'joy'"),
        ({"voice": [{**DOCUMENT["voice"][0], "top": None}]}, "top is None, but"),
        ({"voice": [{**DOCUMENT["voice"][0], "scores": {"joy": 1.0}}]}, "unknown labels"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Analysis.from_dict({**DOCUMENT, **changes})


@pytest.mark.parametrize("document", [None, [], "emoscope/1", {}])
def test_what_is_no_document_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        Analysis.from_dict(document)
