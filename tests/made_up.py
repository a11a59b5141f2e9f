"""Results that hypothesis makes up: whatever the types allow."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from emoscope.labels import FERPLUS_LABELS, SHARED, VOICE_LABELS
from emoscope.results import (
    Analysis,
    FaceEmotion,
    FusedEmotion,
    Scores,
    TextEmotion,
    VoiceEmotion,
    Word,
)

seconds = st.floats(0, 1e5)
shares = st.floats(0, 1)
# Whatever JSON can carry, lone surrogates too; and what some format gives a meaning to.
texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.sampled_from(
        [
            'a "b" "" c"', "<b>&amp;", "]]>", "{\\an8}\\N", "-->", "1\n\n00:00:00.000 --> 00:01",
            "=1+1", "@x", "\r", "\0", "\x1b[2J", "\ud800", "\ufffe", "a,b;\tc", "NOTE x", "WEBVTT",
            "intervals [1]:", "NA", "é 😀 مرحبا", "long " * 30,
        ]
    ),
)  # fmt: skip
MODALITIES = ("face", "voice", "words")


@st.composite
def some_scores(draw: st.DrawFn) -> Scores:
    speakers = tuple(f"actor {n}/{name}" for n in range(4) for name in VOICE_LABELS.names)
    sets = [SHARED, VOICE_LABELS.names, FERPLUS_LABELS.names, ("happy", "sad"), speakers]
    labels = draw(st.sampled_from(sets))
    # Few numbers drawn, for speed, and ties among them.
    parts = draw(st.lists(st.floats(1e-6, 1), min_size=2, max_size=4)) * len(labels)
    parts = parts[: len(labels)]
    total = math.fsum(parts)
    least = draw(st.one_of(shares, st.sampled_from([0.0, 0.3, max(parts) / total])))
    return Scores(labels, tuple(part / total for part in parts), least)


@st.composite
def some_spans(draw: st.DrawFn) -> tuple[float, float]:
    start_s = draw(seconds)
    return start_s, start_s + draw(st.floats(0, 100))


@st.composite
def some_faces(draw: st.DrawFn) -> FaceEmotion:
    x, y = draw(st.floats(-100, 4000)), draw(st.floats(-100, 4000))
    return FaceEmotion(
        draw(seconds),
        (x, y, x + draw(st.floats(0.001, 500)), y + draw(st.floats(0.001, 500))),
        draw(shares),
        draw(st.integers(0, 3)),
        draw(some_scores()),
        draw(st.booleans()),
    )


@st.composite
def some_words(draw: st.DrawFn) -> TextEmotion:
    return TextEmotion(
        *draw(some_spans()),
        draw(texts),
        draw(some_scores()),
        draw(st.none() | st.sampled_from(["de", "yue"])),
        draw(st.none() | shares),
        tuple(
            Word(text, *span, draw(shares))
            for text, span in draw(st.lists(st.tuples(texts, some_spans()), max_size=3))
        ),
        draw(st.booleans()),
        draw(st.none() | texts),
    )


@st.composite
def some_fused(draw: st.DrawFn) -> FusedEmotion:
    start_s, end_s = draw(some_spans())
    by_name = st.dictionaries(st.sampled_from(MODALITIES), shares)
    return FusedEmotion(
        start_s,
        draw(some_scores()),
        draw(by_name),
        draw(by_name),
        draw(st.none() | shares),
        draw(st.dictionaries(st.sampled_from(["face+voice", "voice+words"]), shares)),
        draw(st.none() | st.integers(0, 3)),
        draw(st.none() | st.just(end_s)),
    )


def alike(readings: list[Any]) -> tuple[Any, ...]:
    """Those over the labels of the first: one model reads all of one kind."""
    return tuple(one for one in readings if one.scores.labels == readings[0].scores.labels)


@st.composite
def some_analyses(draw: st.DrawFn) -> Analysis:
    return Analysis(
        draw(texts),
        draw(st.sampled_from(["image", "audio", "video"])),
        draw(seconds),
        draw(st.none() | st.tuples(st.integers(1, 9000), st.integers(1, 9000))),
        draw(st.booleans()),
        draw(st.integers(0, 10_000)),
        draw(st.dictionaries(st.sampled_from(["face", "voice", "transcriber"]), texts)),
        alike(draw(st.lists(some_faces(), max_size=3))),
        alike(draw(st.lists(some_voice(), max_size=3))),
        alike(draw(st.lists(some_words(), max_size=2))),
        alike(draw(st.lists(some_fused(), max_size=2))),
    )


def some_voice() -> st.SearchStrategy[VoiceEmotion]:
    return st.builds(lambda span, scores: VoiceEmotion(*span, scores), some_spans(), some_scores())
