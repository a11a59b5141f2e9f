"""Runs over many files: results, failures, going on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from emoscope.batch import Settings, Stopped, run
from emoscope.batch.task import Outcome
from emoscope.errors import BatchError, UnknownModelError


def rows(path: Path) -> list[str]:
    """Every row of a table, in an order of its own."""
    return sorted(map(str, pq.read_table(path).to_pylist()))


def sources(path: Path) -> dict[str, int]:
    """File name to number of rows."""
    found: dict[str, int] = {}
    for source in pq.read_table(path, columns=["source"]).column(0).to_pylist():
        found[Path(source).name] = found.get(Path(source).name, 0) + 1
    return found


def test_each_file_gets_a_document_where_it_lies(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder = files(3)
    (folder / "below").mkdir()
    (folder / "below" / "0000.txt.jpg").write_text("read 5")
    out = tmp_path / "out"
    summary = run([str(folder)], out, settings(), workers=2)
    assert (summary.files, summary.done, summary.failed, summary.waiting) == (4, 4, {}, 0)
    assert summary.faces == 4
    assert summary.speech_s == 6.0
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*.json"))
    assert names == [
        "0000.txt.jpg.json", "0001.txt.jpg.json", "0002.txt.jpg.json", "below/0000.txt.jpg.json",
    ]  # fmt: skip
    document = json.loads((out / "below/0000.txt.jpg.json").read_text())
    assert document["source"] == str(folder / "below/0000.txt.jpg")


def test_one_table_holds_the_same_rows_for_one_and_two_workers(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder = files(12, broken="damaged", quiet="read 0")
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    for out, workers in ((one, 1), (two, 2)):
        summary = run([str(folder)], out, settings(), workers=workers)
        assert summary.failed == {"damaged": 1}
        assert [path.name for path in out.with_name(f"{out.name}.run").glob("*.parquet")] == []
    assert rows(one) == rows(two)
    counts = sources(one)
    assert len(counts) == 14
    assert counts["broken.jpg"] == 1
    assert counts["0000.txt.jpg"] == 3


def test_the_rows_are_those_of_the_export_with_three_more_columns(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    import hashlib

    from emoscope.export.parquet import schema

    folder = files(1, broken="damaged")
    out = tmp_path / "all.parquet"
    run([str(folder)], out, settings(), workers=1)
    table = pq.read_table(out)
    assert table.schema.names == [*schema().names, "sha256", "reason", "error"]
    assert table.schema.metadata == schema().metadata
    by_name = {Path(row["source"]).name: row for row in table.to_pylist()}
    assert by_name["broken.jpg"]["reason"] == "damaged"
    assert by_name["broken.jpg"]["error"] == "cannot be decoded"
    assert by_name["broken.jpg"]["modality"] == "none"
    digest = hashlib.sha256((folder / "0000.txt.jpg").read_bytes()).hexdigest()
    assert by_name["0000.txt.jpg"]["sha256"] == digest
    assert by_name["0000.txt.jpg"]["reason"] is None


@pytest.mark.parametrize("table", [False, True])
def test_a_file_that_kills_or_stops_its_worker_is_recorded_and_the_rest_is_read(
    table: bool, files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder = files(4, killer="die", leaver="leave", sleeper="hang", bug="bug", talker="print")
    told: list[Outcome] = []
    out = tmp_path / ("out.parquet" if table else "out")
    summary = run([str(folder)], out, settings(timeout_s=4), workers=2, failed=told.append)
    assert summary.done == 5
    assert summary.failed == {"crashed": 2, "internal error": 1, "timed out": 1}
    errors = {Path(one.path).stem: one.error or "" for one in told}
    assert "SIGKILL" in errors["killer"]
    assert "exit status 7" in errors["leaver"]
    assert "4 seconds" in errors["sleeper"]
    assert "ZeroDivisionError" in errors["bug"]
    again = run([str(folder)], out, settings(timeout_s=4), workers=2, resume=True)
    assert (again.before, again.failed) == (9, summary.failed)
    if table:
        assert len(sources(out)) == 9


def test_a_second_run_is_refused_unless_it_is_meant_to_go_on(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder, out = files(2), tmp_path / "out.parquet"
    run([str(folder)], out, settings(rows=2), workers=1)
    with pytest.raises(BatchError, match="--resume"):
        run([str(folder)], out, settings(rows=2), workers=1)
    with pytest.raises(BatchError, match="rows was 2, is 3"):
        run([str(folder)], out, settings(rows=3), workers=1, resume=True)


def test_going_on_reads_only_what_changed_and_what_could_not_be_opened(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder, log, out = files(4, broken="damaged"), tmp_path / "log", tmp_path / "out.parquet"
    wanted = [str(folder), str(folder / "late.jpg")]
    summary = run(wanted, out, settings(log=str(log)), workers=1)
    assert summary.failed == {"damaged": 1, "not found": 1}
    log.write_text("")
    (folder / "0001.txt.jpg").write_text("read 3")
    (folder / "0002.txt.jpg").touch()
    (folder / "late.jpg").write_text("read 1")
    (folder / "new.jpg").write_text("read 2")
    summary = run(wanted, out, settings(log=str(log)), workers=1, resume=True)
    read = sorted(Path(line).name for line in log.read_text().splitlines())
    assert read == ["0001.txt.jpg", "late.jpg", "new.jpg"]
    assert (summary.files, summary.done, summary.failed) == (7, 6, {"damaged": 1})
    counts = sources(out)
    assert counts == {
        "0000.txt.jpg": 3, "0001.txt.jpg": 3, "0002.txt.jpg": 3, "0003.txt.jpg": 3,
        "broken.jpg": 1, "late.jpg": 3, "new.jpg": 3,
    }  # fmt: skip
    changed = [r for r in pq.read_table(out).to_pylist() if r["source"].endswith("0001.txt.jpg")]
    assert {row["top"] for row in changed} == {"happy"}


def test_a_file_that_can_be_read_no_more_leaves_no_old_document(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder, out = files(2), tmp_path / "out"
    run([str(folder)], out, settings(), workers=1)
    (folder / "0000.txt.jpg").write_text("damaged")
    summary = run([str(folder)], out, settings(), workers=1, resume=True)
    assert summary.failed == {"damaged": 1}
    assert [path.name for path in out.glob("*.json")] == ["0001.txt.jpg.json"]


def test_files_of_one_name_keep_apart(settings: Callable, tmp_path: Path) -> None:
    names = ("a/x.jpg", "b/x.jpg", "A/x.jpg", "a.json/x.jpg", "a")
    for name in names[:4]:
        path = tmp_path / "one" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("read 1")
    listed = tmp_path / "all.txt"
    found = sorted((tmp_path / "one").rglob("x.jpg"))
    listed.write_text("".join(f"{path}\n" for path in [*found, *found]))
    out = tmp_path / "out"
    summary = run([str(listed), str(found[0])], out, settings(), workers=2)
    assert summary.files == len(found)
    documents = [json.loads(path.read_text()) for path in out.rglob("*.json") if path.is_file()]
    assert sorted(d["source"] for d in documents) == sorted(map(str, found))


def test_a_name_that_is_no_text_goes_through_and_on(settings: Callable, tmp_path: Path) -> None:
    import os

    folder = tmp_path / "media"
    folder.mkdir()
    odd = folder / os.fsdecode(b"\xff.jpg")
    try:
        odd.write_text("read 1")
    except OSError:
        pytest.skip("this file system takes only text")
    run([str(folder)], tmp_path / "out", settings(), workers=1)
    assert len(list((tmp_path / "out").glob("*.json"))) == 1
    table = tmp_path / "out.parquet"
    run([str(folder)], table, settings(), workers=1)
    (folder / "b.jpg").write_text("read 1")
    run([str(folder)], table, settings(), workers=1, resume=True)
    assert sources(table) == {"\\udcff.jpg": 3, "b.jpg": 3}


@pytest.mark.parametrize(("word", "kind"), [("unknown", UnknownModelError), ("model", BatchError)])
def test_a_model_that_cannot_be_had_ends_the_run_with_one_line(
    word: str, kind: type[Exception], files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder = files(0, first=word)
    with pytest.raises(kind, match="model"):
        run([str(folder)], tmp_path / "out", settings(), workers=1)
    # Nothing was read: other settings may be tried in the same place.
    (folder / "first.jpg").write_text("read 1")
    assert run([str(folder)], tmp_path / "out", settings(rows=1), workers=1).done == 1


def test_a_model_that_fails_on_one_file_fails_that_file(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder = files(2)
    listed = tmp_path / "list.txt"
    (folder / "odd.jpg").write_text("model")
    listed.write_text(f"{folder}/0000.txt.jpg\n{folder}/odd.jpg\n{folder}/0001.txt.jpg\n")
    summary = run([str(listed)], tmp_path / "out", settings(), workers=1)
    assert (summary.done, summary.failed) == (2, {"model failed": 1})


def test_workers_that_do_not_start_end_the_run(tmp_path: Path, files: Callable) -> None:
    settings = Settings(factory="no_such_module:reader")
    with pytest.raises(BatchError, match="no_such_module"):
        run([str(files(1))], tmp_path / "out", settings, workers=1)


def test_an_interruption_keeps_what_was_read(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder, out = files(6), tmp_path / "out.parquet"
    seen: list[float] = []

    def interrupt(done: float, total: float | None) -> None:
        seen.append(done)
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(Stopped) as stopped:
        run([str(folder)], out, settings(), workers=2, progress=interrupt)
    assert stopped.value.summary.done == 3
    assert stopped.value.summary.waiting == 3
    assert not out.exists()
    summary = run([str(folder)], out, settings(), workers=2, resume=True)
    assert (summary.before, summary.done) == (3, 6)
    assert sources(out) == {f"{number:04}.txt.jpg": 3 for number in range(6)}


def test_two_runs_do_not_write_to_one_place(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder, out = files(1), tmp_path / "out"

    def second(done: float, total: float | None) -> None:
        with pytest.raises(BatchError, match="another run"):
            run([str(folder)], out, settings(), workers=1, resume=True)

    run([str(folder)], out, settings(), workers=1, progress=second)


def test_a_file_with_which_the_whole_run_dies_is_given_up(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder, out = files(2), tmp_path / "out.parquet"
    with pytest.raises(Stopped):
        run([str(folder)], out, settings(), workers=1, progress=_interrupt)
    # What three runs that were killed while reading it leave behind.
    with sqlite3.connect(tmp_path / "out.parquet.run/manifest.sqlite") as manifest:
        manifest.execute(
            "UPDATE files SET status = 'running', attempts = 3 WHERE status = 'waiting'"
        )
    manifest.close()
    summary = run([str(folder)], out, settings(), workers=1, resume=True)
    assert (summary.done, summary.failed) == (1, {"crashed": 1})
    assert sorted(sources(out).values()) == [1, 3]


def _interrupt(done: float, total: float | None) -> None:
    raise KeyboardInterrupt


def test_places_that_cannot_be_are_refused(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder = str(files(1))
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "theirs.parquet").write_text("x")
    for name, word in (
        ("file", "a file"), ("folder.parquet", "a folder"), ("theirs.parquet", "already"),
        ("file/below", "cannot be kept"),
    ):  # fmt: skip
        with pytest.raises(BatchError, match=word):
            run([folder], tmp_path / name, settings(), workers=1)
    assert (tmp_path / "theirs.parquet").read_text() == "x"


def test_a_table_that_was_taken_away_is_missed(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    folder, out = str(files(1)), tmp_path / "out.parquet"
    run([folder], out, settings(), workers=1)
    out.unlink()
    with pytest.raises(BatchError, match="is gone"):
        run([folder], out, settings(), workers=1, resume=True)


def test_killed_between_the_new_table_and_the_note_of_it_nothing_doubles(
    files: Callable, settings: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emoscope.batch.manifest import Manifest

    folder, out = files(3), tmp_path / "out.parquet"
    run([str(folder)], out, settings(), workers=1)
    (folder / "0001.txt.jpg").write_text("read 4")
    (folder / "more.jpg").write_text("read 4")

    class Killed(BaseException):
        pass

    def die(self: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Manifest, "compacted", die)
        with pytest.raises(Killed):
            run([str(folder)], out, settings(), workers=1, resume=True)
    run([str(folder)], out, settings(), workers=1, resume=True)
    expected = {f"{number:04}.txt.jpg": 3 for number in range(3)} | {"more.jpg": 3}
    assert sources(out) == expected


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="timeout_s"):
        Settings(timeout_s=0)
