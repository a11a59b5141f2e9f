"""One table for everything, read back by others than the one that wrote it."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings

from emoscope.errors import MissingExtraError
from emoscope.export.formats import Format, render
from emoscope.export.plain import escaped
from emoscope.labels import SHARED
from emoscope.results import Analysis, FusedEmotion, Scores

from ..made_up import some_analyses  # noqa: TID252

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet as pq  # noqa: E402

from emoscope.export import parquet  # noqa: E402

NOTHING = Analysis("=a\udc80\n.png", "image", 0.0, (9, 9), False, 1, {})


@given(some_analyses())
@settings(max_examples=60, deadline=None)
def test_readings_come_back(analysis: Analysis) -> None:
    found = pq.read_table(BytesIO(render(analysis, Format.PARQUET)))
    assert found.schema.equals(parquet.schema())
    assert found.schema.metadata[b"emoscope"] == b"emoscope/1"
    rows = found.to_pylist()
    readings = [*analysis.faces, *analysis.voice, *analysis.words, *analysis.fused]
    assert len(rows) == max(len(readings), 1)
    assert {row["source"] for row in rows} == {escaped(analysis.source)}
    for row, reading in zip(rows, readings, strict=False):
        assert row["top"] == reading.scores.top
        assert row["confidence"] == pytest.approx(reading.scores.confidence, abs=1e-6)
        assert dict(row["scores"]) == pytest.approx(
            dict(zip(reading.scores.labels, reading.scores.probabilities, strict=True)), abs=1e-6
        )
        shared = {name: row[f"p_{name}"] for name in SHARED}
        assert shared == pytest.approx(reading.scores.shared, abs=1e-6)
    faces = rows[: len(analysis.faces)]
    for row, face in zip(faces, analysis.faces, strict=True):
        box = [row[corner] for corner in ("x1", "y1", "x2", "y2")]
        assert box == pytest.approx(face.box_xyxy, abs=0.006)
        assert (row["modality"], row["track_id"]) == ("face", face.track_id)
    said = [row["text"] for row in rows if row["modality"] == "words"]
    assert said == [escaped(text.text) for text in analysis.words]


def test_an_input_without_readings_has_a_row() -> None:
    (row,) = parquet.table(NOTHING).to_pylist()
    told = {name: value for name, value in row.items() if value is not None}
    assert told == {
        "source": "=a\\udc80\n.png", "kind": "image", "duration_s": 0.0, "modality": "none",
    }  # fmt: skip


def test_tables_of_different_inputs_are_put_together() -> None:
    scores = Scores(("calm", "sad"), (0.75, 0.25))
    both = FusedEmotion(1.0, scores, {"face": 0.5, "voice": 0.5}, {}, 0.5)
    alone = FusedEmotion(2.0, scores, {"voice": 1.0}, end_s=3.0)
    models = {"fusion": "emoscope-fusion@1"}
    talk = Analysis("b", "audio", 1.0, None, True, 0, models, fused=(both, alone))
    whole = pyarrow.concat_tables([parquet.table(NOTHING), parquet.table(talk)])
    assert whole["modality"].to_pylist() == ["none", "fused", "fused"]
    assert whole["model"].to_pylist() == [None, "emoscope-fusion@1", None]
    assert whole["end_s"].to_pylist() == [None, None, 3.0]
    assert whole["p_neutral"].to_pylist() == [None, 0.75, 0.75]


def test_pandas_and_polars_read_the_same() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    scores = Scores(("happy", "sad"), (0.75, 0.25))
    analysis = Analysis("b", "audio", 1.0, None, True, 0, {}, fused=(FusedEmotion(1.0, scores),))
    data = render(analysis, Format.PARQUET)
    seen: list[dict[str, Any]] = [
        pandas.read_parquet(BytesIO(data)).iloc[0].to_dict(),
        polars.read_parquet(BytesIO(data)).row(0, named=True),
    ]
    for row in seen:
        assert (row["modality"], row["top"], row["time_s"]) == ("fused", "happy", 1.0)
        assert row["p_sad"] == pytest.approx(0.25)


def test_the_columns_are_described() -> None:
    described = parquet.__doc__ or ""
    for name in parquet.schema().names:
        assert f"``{name}``" in described or name in {f"p_{label}" for label in SHARED}


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"emoscope\[parquet\]"):
        parquet.table(NOTHING)
