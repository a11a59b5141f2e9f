"""The words' table: one label each, told apart from what is no such table."""

from __future__ import annotations

from pathlib import Path

import pytest

from emoscope.errors import DatasetError
from emoscope.labels import SHARED
from emoscope.training.fusion.words import read_table


def test_comments_with_one_label_are_kept(tmp_path: Path) -> None:
    rows = ["a rage\t0\tid0", "both\t0,5\tid1", "joy\t3\tid3", "meh\t4\tid4", "tears\t5\tid5"]
    (tmp_path / "dev.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    texts, ids, labels = read_table(tmp_path / "dev.tsv")
    assert texts == ["a rage", "joy", "meh", "tears"]
    assert ids == ["id0", "id3", "id4", "id5"]
    assert [SHARED[label] for label in labels] == ["angry", "happy", "neutral", "sad"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text only\n", "line 1: expected text, labels and id"),
        (b"a\t0\tid\nb\tjoy\tid\n", "line 2"),
        (b"a\t7\tid\n", "no label 7"),
        (b"\xff\xfe\t0\tid\n", "UTF-8"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "dev.tsv").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_table(tmp_path / "dev.tsv")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_table(tmp_path / "gone.tsv")
