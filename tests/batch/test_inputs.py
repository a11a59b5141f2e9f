"""What is meant by paths, folders and lists."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from emoscope.batch.inputs import find_inputs, json_name, mirrored
from emoscope.errors import BatchError


def names(*named: object, leave_out: tuple[Path, ...] = ()) -> list[str]:
    return sorted(one.path for one in find_inputs(list(map(str, named)), leave_out))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.jpg", "below/b.jpg", "below/deeper/c.jpg"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "tree"


def test_a_folder_is_gone_through_with_all_that_lies_below(tree: Path) -> None:
    found = {one.path: one for one in find_inputs([str(tree)])}
    assert sorted(found) == [
        f"{tree}/a.jpg", f"{tree}/below/b.jpg", f"{tree}/below/deeper/c.jpg",
    ]  # fmt: skip
    one = found[f"{tree}/below/b.jpg"]
    assert one.mirror == "below/b.jpg"
    assert one.size == len("below/b.jpg")
    assert one.mtime_ns == (tree / "below/b.jpg").stat().st_mtime_ns


def test_results_among_the_files_are_not_read(tree: Path) -> None:
    found = names(tree, leave_out=(tree / "below", tree / "not there"))
    assert found == [f"{tree}/a.jpg"]
    assert names(tree / "a.jpg", leave_out=(tree / "a.jpg",)) == []


def test_links_in_a_circle_end_and_what_they_lead_to_is_read_once(tree: Path) -> None:
    (tree / "below" / "up").symlink_to(tree)
    (tree / "aa").symlink_to(tree / "below")
    (tree / "itself").symlink_to(tree / "itself")
    assert names(tree) == [
        f"{tree}/a.jpg", f"{tree}/below/b.jpg", f"{tree}/below/deeper/c.jpg", f"{tree}/itself",
    ]  # fmt: skip


def test_a_list_holds_paths_of_files_and_folders(tree: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"{tree}/a.jpg\r\n\n{tree}/below\nmissing.jpg")
    wanted = [f"{tree}/a.jpg", f"{tree}/below/b.jpg", f"{tree}/below/deeper/c.jpg", "missing.jpg"]
    assert names(listed) == wanted
    listed.write_bytes(b"\0".join(os.fsencode(p) for p in (tree / "a.jpg", "with\nbreak.jpg")))
    assert names(listed) == sorted([f"{tree}/a.jpg", "with\nbreak.jpg"])


def test_a_list_may_come_on_standard_input(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.BufferedReader(io.BytesIO(f"{tree}/a.jpg\n".encode()))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=given))
    assert names("-") == [f"{tree}/a.jpg"]


def test_a_list_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "film.txt").write_bytes(b"x" * 200_000)
    with pytest.raises(BatchError, match="one path a line"):
        names(tmp_path / "film.txt")
    with pytest.raises(BatchError, match="cannot read the list"):
        names(tmp_path / "missing.txt")


def test_a_name_that_is_no_text_is_kept(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff\xfe.jpg")
    try:
        (tmp_path / odd).write_text("x")
    except OSError:
        pytest.skip("this file system takes only text")
    assert names(tmp_path) == [f"{tmp_path}/{odd}"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may list all")
def test_a_folder_that_cannot_be_listed_is_not_lost(tree: Path) -> None:
    (tree / "below").chmod(0)
    try:
        assert f"{tree}/below" in names(tree)
    finally:
        (tree / "below").chmod(0o755)


@pytest.mark.parametrize(
    ("path", "mirror"),
    [
        ("/media/a.jpg", "media/a.jpg"),
        ("../../a.jpg", "_/_/a.jpg"),
        ("./b/c.jpg", "b/c.jpg"),
        ("/", ""),
    ],
)
def test_a_mirror_lies_below(path: str, mirror: str) -> None:
    assert mirrored(path) == mirror


def test_documents_never_stand_where_a_folder_belongs() -> None:
    assert json_name("a") == "a.json"
    assert json_name("a.json/b.jpg") == "a.json~/b.jpg.json"
    assert json_name("x.jpg", 2) == "x.jpg~2.json"
    assert len(os.fsencode(json_name("ü" * 200 + ".jpg"))) < 255
