"""``emoscope report``: the page, the summary, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("matplotlib")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two files that were read, and one that could not be."""
    import pyarrow as pa

    from emoscope.batch.parquet import schema

    face = {"kind": "image", "modality": "face", "top": "happy", "confidence": 0.8, "time_s": 0.0}
    rows = [
        {"source": "a.jpg", **face},
        {"source": "b.jpg", **face, "top": None},
        {"source": "c.jpg", "modality": "none", "reason": "damaged", "error": "no end"},
    ]
    path = tmp_path / "all.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=schema()), path)
    return path


def test_a_page_and_a_few_lines(run: Callable, table: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    ran = run("report", table, "--out", page)
    assert ran.status == 0
    assert "2 of 3 files read" in ran.out
    assert "happy 50%, unsure 50%" in ran.out
    assert "1 damaged" in ran.out
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "no end" in text


def test_the_counts_as_json_and_nothing_else(run: Callable, table: Path, tmp_path: Path) -> None:
    ran = run("report", table, "--out", tmp_path / "page.html", "--json")
    assert ran.status == 0
    (found,) = ran.documents
    assert found["files"] == 3
    assert found["shares"] == {"face": {"happy": 0.5, "unsure": 0.5}}
    assert found["failures"] == [{"source": "c.jpg", "reason": "damaged", "error": "no end"}]
    assert "page.html" in ran.err


def test_what_is_no_table_is_one_line(run: Callable, tmp_path: Path) -> None:
    (tmp_path / "none.parquet").write_text("no table")
    for name in ("none.parquet", "missing.parquet"):
        ran = run("report", tmp_path / name, "--out", tmp_path / "page.html")
        assert ran.status == 1
        assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "page.html").exists()
    assert run("report").status == 2
