"""``emoscope history``, and ``analyze --history`` that fills it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")

from emoscope.errors import HistoryError
from emoscope.history import History
from emoscope.labels import SHARED_LABELS
from emoscope.results import Analysis, FaceEmotion, Scores

Models = Sequence[object]


def fill(*sources: str) -> None:
    happy = Scores.of(SHARED_LABELS, [0, 0, 0, 0.9, 0, 0, 0.1])
    face = FaceEmotion(0.0, (1.0, 2.0, 3.0, 4.0), 0.9, 0, happy)
    with History.open() as history:
        for source in sources:
            history.add(Analysis(source, "video", 65.0, (9, 9), False, 1, {}, (face,)))


def test_results_are_kept_when_asked_for(
    run: Callable, models: Models, blank: Path, make_wav: Callable
) -> None:
    assert run("analyze", blank, *models).status == 0
    nothing = run("history", "list")
    assert (nothing.status, nothing.out, nothing.err) == (0, "", "nothing was kept\n")
    wav = make_wav(blank.with_name("hush.wav"), np.zeros(16_000, np.float32))
    ran = run("analyze", "--json", "--history", blank, wav, *models)
    assert (ran.status, len(ran.documents)) == (0, 2)
    assert ran.err == "kept in the history as 1\nkept in the history as 2\n"
    (entries,) = run("history", "list", "--json").documents
    assert [(entry["id"], entry["source"]) for entry in entries] == [(2, str(wav)), (1, str(blank))]
    assert run("history", "show", 1, "--json").documents == ran.documents[:1]
    assert "no face" in run("history", "show", 1).out


def test_the_list_is_a_table_of_pages(run: Callable) -> None:
    fill("a.mp4", "[bold]b.mp4", "c\x1b[31m.mp4")
    first = run("history", "list", "--limit", 2)
    assert "[bold]b.mp4" in first.out
    assert "1:05" in first.out
    assert "happy" in first.out
    assert "\x1b" not in first.out
    assert "a.mp4" not in first.out
    assert first.err == "for older ones: --before 2\n"
    second = run("history", "list", "--limit", 2, "--before", 2)
    assert ("a.mp4" in second.out, second.err) == (True, "")
    (found,) = run("history", "list", "--search", "HAPPY b.mp", "--json").documents
    assert [entry["source"] for entry in found] == ["[bold]b.mp4"]
    assert run("history", "list", "--search", "nothing").err == "nothing matches\n"


def test_all_or_some_are_exported(run: Callable, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    fill("x/a.mp4", "y/a.mp4", "b.mp4")
    lines = tmp_path / "all.jsonl"
    assert run("history", "export", lines).status == 0
    assert [json.loads(line)["source"] for line in lines.read_text().splitlines()] == [
        "x/a.mp4", "y/a.mp4", "b.mp4",
    ]  # fmt: skip
    assert "wrote 2" in run("history", "export", tmp_path / "a.parquet", "--search", "a.mp4").out
    formats = ("--format", "json", "--format", "eaf")
    assert run("history", "export", tmp_path / "some", 1, 2, *formats).status == 0
    assert sorted(path.name for path in (tmp_path / "some").iterdir()) == [
        "a-2.eaf", "a-2.json", "a.eaf", "a.json",
    ]  # fmt: skip
    gone = run("history", "export", tmp_path / "some", 1, "--format", "annotated")
    assert (gone.status, "a.mp4: " in gone.err) == (1, True)


@pytest.mark.parametrize(
    "wrong",
    [
        ("export", "all.txt"),
        ("export", "all.parquet", "--format", "json"),
        ("export", "folder", "1", "--search", "a"),
        ("export", "folder", "1", "--format", "docx"),
        ("export",),
        ("delete",),
        ("delete", "1", "--all"),
        ("show", "first"),
        ("list", "--limit", "0"),
        (),
    ],
)
def test_wrong_usage_is_status_2(run: Callable, wrong: Models) -> None:
    ran = run("history", *wrong)
    assert ran.status == 2
    assert "Traceback" not in ran.err


def test_what_is_not_there_or_cannot_be_written_is_one_line(run: Callable, tmp_path: Path) -> None:
    fill("a.mp4")
    (tmp_path / "file").write_text("")
    for asked in (
        ("show", 7),
        ("delete", 7),
        ("export", tmp_path / "x", 7),
        ("export", tmp_path / "file" / "all.jsonl"),
        ("export", tmp_path / "file" / "below", 1),
    ):
        ran = run("history", *asked)
        assert (ran.status, ran.out) == (1, "")
        assert len(ran.err.splitlines()) == 1


def test_deleting_asks_first(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    fill("a", "b", "c")
    assert run("history", "delete", 2).status == 0
    for answer, status in (("n\n", 1), ("", 1)):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        assert run("history", "delete", "--all").status == status
    with History.open() as history:
        assert [entry.id for entry in history.list()] == [3, 1]
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    agreed = run("history", "delete", "--all")
    assert (agreed.status, "forgot 2" in agreed.err) == (0, True)
    assert run("history", "delete", "--all", "--yes").err == "forgot 0\n"


def test_a_missing_extra_is_named(
    run: Callable, models: Models, blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith("emoscope.history")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    for asked in (("history", "list"), ("analyze", blank, "--history", *models)):
        ran = run(*asked)
        assert (ran.status, ran.out) == (1, "")
        assert "pip install 'emoscope[history]'" in ran.err


def test_a_history_that_cannot_be_opened_is_named_before_anything_is_read(
    run: Callable, models: Models, blank: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMOSCOPE_HISTORY", str(tmp_path))
    ran = run("analyze", blank, "--history", *models)
    assert (ran.status, ran.out) == (1, "")
    assert "the history cannot be opened" in ran.err


def test_names_that_no_file_can_have_are_exported(run: Callable, tmp_path: Path) -> None:
    fill("a\0b.mp4", "\ud800", "..", "", "x\n=1.mp4")
    formats = ("--format", "json", "--format", "csv", "--format", "eaf")
    assert run("history", "export", tmp_path / "out", 1, 2, 3, 4, 5, *formats).status == 0
    assert len(list((tmp_path / "out").iterdir())) == 15
    assert run("history", "export", tmp_path / "out", 1, "--format", "annotated").status == 1
    assert run("history", "show", 2).status == 0


def test_a_result_that_cannot_be_kept_is_one_line_and_the_others_are_done(
    run: Callable, models: Models, blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise HistoryError("history.db: the history failed: database or disk is full")

    monkeypatch.setattr(History, "add", full)
    ran = run("analyze", "--json", "--history", blank, blank, *models)
    assert (ran.status, len(ran.documents)) == (1, 2)
    assert ran.err.count("disk is full") == 2
