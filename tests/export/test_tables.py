from __future__ import annotations

import csv
from collections.abc import Callable
from io import BytesIO, StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.export.formats import Format, render
from emoscope.export.plain import escaped
from emoscope.export.tables import COLUMNS, plain_text
from emoscope.labels import SHARED, VOICE_LABELS
from emoscope.results import (
    Analysis,
    FaceEmotion,
    FusedEmotion,
    Scores,
    TextEmotion,
    VoiceEmotion,
)

from ..made_up import some_analyses  # noqa: TID252


def read_back(analysis: Analysis) -> list[dict[str, str]]:
    written = StringIO(render(analysis, Format.CSV).decode("utf-8"), newline="")
    return list(csv.DictReader(written, strict=True))


@st.composite
def some_scores(draw: st.DrawFn, labels: tuple[str, ...] = SHARED) -> Scores:
    parts = draw(st.lists(st.floats(0.01, 1), min_size=len(labels), max_size=len(labels)))
    total = sum(parts)
    return Scores(labels, tuple(p / total for p in parts), draw(st.floats(0, 1)))


@st.composite
def some_faces(draw: st.DrawFn) -> FaceEmotion:
    x, y = draw(st.floats(-100, 4000)), draw(st.floats(-100, 4000))
    return FaceEmotion(
        draw(st.floats(0, 1e5)),
        (x, y, x + draw(st.floats(1, 500)), y + draw(st.floats(1, 500))),
        draw(st.floats(0, 1)),
        draw(st.integers(0, 50)),
        draw(some_scores()),
    )


@given(
    st.lists(some_faces(), max_size=4),
    st.lists(some_scores(VOICE_LABELS.names), max_size=3),
    st.lists(st.tuples(st.text(max_size=30), some_scores()), max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_what_was_written_is_read_back(
    faces: list[FaceEmotion], voices: list[Scores], words: list[tuple[str, Scores]]
) -> None:
    analysis = Analysis(
        "talk.mp4",
        "video",
        9.0,
        (64, 48),
        True,
        3,
        {},
        tuple(faces),
        tuple(VoiceEmotion(1.5, 2.25, scores) for scores in voices),
        tuple(TextEmotion(1.0, 2.0, text, scores) for text, scores in words),
        tuple(FusedEmotion(3.0, scores) for scores in voices),
    )
    rows = read_back(analysis)
    readings = [*analysis.faces, *analysis.voice, *analysis.words, *analysis.fused]
    assert len(rows) == len(readings)
    for row, reading in zip(rows, readings, strict=True):
        assert row["source"] == "talk.mp4"
        assert row["top"] == (reading.scores.top or "")
        assert float(row["confidence"]) == pytest.approx(reading.scores.confidence, abs=1e-6)
        for name in VOICE_LABELS.names:
            cell = row.get(f"p_{name}", "")
            if name in reading.scores.labels:
                share = reading.scores.probabilities[reading.scores.labels.index(name)]
                assert float(cell) == pytest.approx(share, abs=1e-6)
            else:
                assert cell == ""
        if isinstance(reading, FaceEmotion):
            box = [float(row[c]) for c in ("x1", "y1", "x2", "y2")]
            assert box == pytest.approx(reading.box_xyxy, abs=0.0051)
            assert float(row["time_s"]) == pytest.approx(reading.time_s, abs=0.00051)
            assert int(row["track_id"]) == reading.track_id
            assert row["start_s"] == row["text"] == ""
        if isinstance(reading, VoiceEmotion):
            assert (row["modality"], row["start_s"], row["end_s"]) == ("voice", "1.5", "2.25")
        if isinstance(reading, TextEmotion):
            assert row["text"] == plain_text(reading.text)
        if isinstance(reading, FusedEmotion):
            assert (row["modality"], row["time_s"], row["x1"]) == ("fused", "3.0", "")


@given(st.text(max_size=20))
def test_no_text_is_a_formula(text: str) -> None:
    assert not plain_text(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert plain_text(text).removeprefix("'") == text.removeprefix("'")


def test_formulas_are_text_and_numbers_are_numbers() -> None:
    scores = Scores(("happy", "sad"), (0.75, 0.25))
    words = TextEmotion(0.0, 1.0, '=HYPERLINK("x")', scores)
    face = FaceEmotion(0.0, (-3.0, 1.0, 5.0, 6.0), 1.0, 0, scores)
    analysis = Analysis("@talk.mp4", "video", 1, (9, 9), True, 1, {}, (face,), (), (words,))
    face_row, words_row = read_back(analysis)
    assert words_row["text"] == '\'=HYPERLINK("x")'
    assert words_row["source"] == "'@talk.mp4"
    assert face_row["x1"] == "-3.0"


def test_nothing_read_is_a_header(make_analysis: Callable[..., Analysis]) -> None:
    written = render(make_analysis("talk.wav", "audio"), Format.CSV)
    assert written.decode() == ",".join(COLUMNS) + "\r\n"


@given(some_analyses())
@settings(max_examples=40, deadline=None)
def test_pandas_reads_the_same(analysis: Analysis) -> None:
    pandas = pytest.importorskip("pandas")
    texts = dict.fromkeys(("source", "text", "top"), "str")
    file = BytesIO(render(analysis, Format.CSV))
    found = pandas.read_csv(
        file, dtype=texts, keep_default_na=False, na_values={"confidence": [""]}
    )
    readings = [*analysis.faces, *analysis.voice, *analysis.words, *analysis.fused]
    assert list(found["top"]) == [one.scores.top or "" for one in readings]
    confidence = [one.scores.confidence for one in readings]
    assert list(found["confidence"]) == pytest.approx(confidence, abs=1e-6)
    assert set(found["source"]) <= {plain_text(escaped(analysis.source))}
    said = [plain_text(escaped(words.text)) for words in analysis.words]
    assert list(found["text"][found["modality"] == "words"]) == said


def test_fused_answers_say_who_spoke_and_how_far_they_agree() -> None:
    scores = Scores(("happy", "sad"), (0.75, 0.25))
    weights = {"face": 0.6, "voice": 0.4, "words": 0.0}
    both = FusedEmotion(1.0, scores, weights, congruence=0.25, track_id=3)
    alone = FusedEmotion(2.0, scores, {"face": 0.0, "voice": 1.0, "words": 0.0}, end_s=3.5)
    analysis = Analysis("a", "video", 9, None, True, 0, {}, fused=(both, alone))
    rows = read_back(analysis)
    told = [
        [row[c] for c in ("track_id", "start_s", "end_s", "weight_face", "congruence")]
        for row in rows
    ]
    assert told == [["3", "", "", "0.6", "0.25"], ["", "2.0", "3.5", "0.0", ""]]
