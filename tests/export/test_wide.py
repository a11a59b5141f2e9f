"""One row per moment, with the same columns for every input."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO

import pytest
from hypothesis import given, settings

from emoscope.export.formats import Format, render
from emoscope.export.wide import COLUMNS
from emoscope.labels import SHARED
from emoscope.results import (
    Analysis,
    FaceEmotion,
    FusedEmotion,
    Scores,
    TextEmotion,
    VoiceEmotion,
)

from ..made_up import some_analyses  # noqa: TID252

HAPPY = Scores(("happy", "sad"), (0.75, 0.25))
CALM = Scores(("calm", "sad"), (0.75, 0.25))
UNSURE = Scores(("happy", "sad"), (0.5, 0.5), 0.6)


def rows(analysis: Analysis) -> list[dict[str, str]]:
    written = render(analysis, Format.CSV_WIDE).decode("utf-8")
    return list(csv.DictReader(StringIO(written, newline=""), strict=True))


def test_a_moment_holds_all_that_holds_then() -> None:
    small, large = (0.0, 0.0, 5.0, 5.0), (0.0, 0.0, 9.0, 9.0)
    analysis = Analysis(
        "talk.mp4", "video", 3.0, (9, 9), True, 3, {},
        (
            FaceEmotion(0.0, small, 0.9, 0, HAPPY),
            FaceEmotion(0.0, large, 0.9, 1, UNSURE),
            FaceEmotion(0.5, small, 0.9, 0, HAPPY),
            FaceEmotion(0.5, large, 0.9, 1, UNSURE),
        ),
        (VoiceEmotion(0.25, 1.0, CALM),),
        (TextEmotion(0.5, 1.0, "so", HAPPY), TextEmotion(2.0, 2.5, "well", HAPPY)),
        (
            FusedEmotion(0.0, HAPPY, {"face": 1.0}, track_id=0),
            FusedEmotion(0.5, HAPPY, {"face": 0.5, "voice": 0.25, "words": 0.25}, {}, 0.875),
        ),
    )  # fmt: skip
    first, both, words = rows(analysis)
    assert [first[c] for c in ("time_s", "end_s", "faces", "track_id")] == ["0.0", "", "2", "0"]
    assert [first[c] for c in ("face_top", "face_happy", "voice_top")] == ["happy", "0.75", ""]
    assert [first[c] for c in ("weight_face", "weight_voice", "congruence")] == ["1.0", "0.0", ""]
    assert [both[c] for c in ("track_id", "face_top", "face_sad")] == ["1", "", "0.5"]
    assert [both[c] for c in ("voice_top", "voice_neutral")] == ["calm", "0.75"]
    assert [both[c] for c in ("end_s", "words_top", "congruence")] == ["1.0", "happy", "0.875"]
    assert [words[c] for c in ("time_s", "end_s", "faces")] == ["2.0", "2.5", "0"]
    assert [words[c] for c in ("words_top", "fused_top", "weight_face")] == ["happy", "", ""]


def test_nothing_read_is_a_header() -> None:
    analysis = Analysis("a", "audio", 1.0, None, True, 0, {})
    written = render(analysis, Format.CSV_WIDE).decode()
    assert written == ",".join(COLUMNS) + "\r\n"


@given(some_analyses())
@settings(max_examples=60, deadline=None)
def test_every_reading_is_in_a_row_and_pandas_reads_them(analysis: Analysis) -> None:
    pandas = pytest.importorskip("pandas")
    tops = {f"{name}_top": "str" for name in ("face", "voice", "words", "fused")}
    found = pandas.read_csv(BytesIO(render(analysis, Format.CSV_WIDE)), dtype=tops)
    assert tuple(found.columns) == COLUMNS
    times = list(found["time_s"])
    assert times == sorted(set(times))
    moments = {round(one.time_s, 3) for one in (*analysis.faces, *analysis.fused)}
    assert moments <= set(times)
    for stretch in (*analysis.voice, *analysis.words):
        start, end = round(stretch.start_s, 3), round(stretch.end_s, 3)
        assert any(start <= time <= end for time in times)
    for name, readings in (("face", analysis.faces), ("fused", analysis.fused)):
        read = found[found[f"{name}_confidence"].notna()]
        assert len(read) == len({round(one.time_s, 3) for one in readings})
        sums = read[[f"{name}_{label}" for label in SHARED]].sum(axis=1)
        assert list(sums) == pytest.approx([1.0] * len(read), abs=2e-3)
