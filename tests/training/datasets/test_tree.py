from __future__ import annotations

import os
from pathlib import Path

import pytest

from emoscope.errors import DatasetError
from emoscope.training.datasets import tree
from emoscope.training.datasets.tree import found_in, label_of, list_files, split_folders, split_of


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("angry", "angry"),
        ("Anger", "angry"),
        ("HAPPINESS", "happy"),
        (" Sadness ", "sad"),
        ("surprised", "surprise"),
        ("pleasant_surprise", "surprise"),
        ("Pleasant-Surprised", "surprise"),
        ("fearful", "fear"),
        ("disgusted", "disgust"),
        ("Neutral", "neutral"),
        ("calm", "calm"),
        ("boredom", "boredom"),
        ("Contempt", "contempt"),
        ("0", ""),
        ("04", ""),
        ("Actor_01", ""),
        ("unhappy", ""),
        ("", ""),
    ],
)
def test_folders_are_called_as_people_call_emotions(folder: str, label: str) -> None:
    assert label_of(folder) == label


def test_splits_have_a_few_names() -> None:
    names = ("Train", "validation", "val", "valid", "TEST", "trains", "happy")
    splits = ("train", "validation", "validation", "validation", "test", "", "")
    assert tuple(map(split_of, names)) == splits


def test_files_come_in_order_of_path_without_what_systems_leave_behind(tmp_path: Path) -> None:
    for name in ("b/2.WAV", "b/1.wav", "a/x.png", ".git/c.wav", "__MACOSX/d.wav", "b/._1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = list_files(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in found.files]
    assert names == ["a/x.png", "b/1.wav", "b/2.WAV"]
    assert [path.name for path in found.named((".wav",))] == ["1.wav", "2.WAV"]
    assert not found.skipped
    assert not found.notes


def test_links_are_followed_but_never_round_in_circles(tmp_path: Path) -> None:
    (tmp_path / "corpus" / "happy").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.wav").touch()
    root = tmp_path / "corpus"
    (root / "sad").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "happy" / "up").symlink_to(root, target_is_directory=True)
    (root / "self").symlink_to(root / "self")
    (root / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    found = list_files(root)
    names = [path.relative_to(root).as_posix() for path in found.files]
    assert names == ["gone.wav", "sad/1.wav", "self"]
    assert len(found.notes) == 1
    assert "up leads to" in found.notes[0]


def test_a_folder_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("angry", "happy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.wav").touch()
    scan = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "angry":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(tree.os, "scandir", refuse)
    found = list_files(tmp_path)
    assert [path.parent.name for path in found.files] == ["happy"]
    assert found.skipped == (f"{tmp_path / 'angry'}: cannot be read: Permission denied",)
    with pytest.raises(DatasetError, match="Permission denied"):
        list_files(tmp_path / "angry")


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none: no such folder$"):
        list_files(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match=r"file: a file, not a folder$"):
        list_files(tmp_path / "file")


def test_errors_show_a_few_of_the_names_that_are_there(tmp_path: Path) -> None:
    assert found_in(tmp_path) == "found nothing"
    for name in "abcde":
        (tmp_path / name).mkdir()
    assert found_in(tmp_path) == "found a/, b/, c/, d/, e/"
    (tmp_path / "f.txt").touch()
    assert found_in(tmp_path) == "found a/, b/, c/, d/ and 2 more"
    assert "No such file" in found_in(tmp_path / "none")


def test_two_folders_of_one_split_are_refused(tmp_path: Path) -> None:
    for name in ("train", "test", "val"):
        (tmp_path / name).mkdir()
    assert list(split_folders(tmp_path)) == ["train", "validation", "test"]
    (tmp_path / "Valid").mkdir()
    with pytest.raises(DatasetError, match="both validation"):
        split_folders(tmp_path)
