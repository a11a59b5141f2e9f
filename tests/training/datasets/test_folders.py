from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.face.crop import crop_faces
from emoscope.face.detect import Detection
from emoscope.training.datasets import folders
from emoscope.training.datasets.corpora import FaceCorpus

Build = Callable[..., Path]


def labels(corpus: FaceCorpus) -> list[str]:
    return [corpus.label_set.names[index] for index in corpus.labels]


@pytest.mark.parametrize(
    ("names", "splits", "people"),
    [
        (["Happiness/b.png", "sad/a.jpg"], ("", ""), ("", "")),
        (["train/happy/a.bmp", "val/Sadness/a.webp"], ("train", "validation"), ("", "")),
        (["happy/anna/1.png", "sad/ben/1.png"], ("", ""), ("anna", "ben")),
        (["test/happy/anna/1.png", "train/sad/ben/1.tif"], ("test", "train"), ("anna", "ben")),
    ],
)
def test_pictures_of_every_layout(
    tmp_path: Path,
    make_pictures: Build,
    names: list[str],
    splits: tuple[str, ...],
    people: tuple[str, ...],
) -> None:
    corpus = folders.load_faces(make_pictures(tmp_path, names))
    assert labels(corpus) == ["happy", "sad"]
    assert corpus.label_set.names == ("happy", "sad")
    assert corpus.names == tuple(names)
    assert corpus.splits == splits
    assert corpus.speakers == people
    assert corpus.crops.shape == (2, 48, 48)
    assert corpus.crops[:, 9, 9].tolist() == pytest.approx([10, 11], abs=1)
    assert corpus.corpus == "folder"
    assert not corpus.skipped
    assert not corpus.notes


@pytest.mark.parametrize(
    ("names", "who"),
    [
        (["angry/1.wav", "calm/1.wav"], ("", "")),
        (["angry/ann/1.wav", "calm/ben/1.wav"], ("folder ann", "folder ben")),
        (
            ["Actor_01/anger/1.wav", "Actor_02/calm/1.wav"],
            ("folder Actor_01", "folder Actor_02"),
        ),
    ],
)
def test_recordings_of_every_layout(
    tmp_path: Path, make_sounds: Build, gates: list[str], names: list[str], who: tuple[str, ...]
) -> None:
    corpus = folders.load_speech(make_sounds(tmp_path, names))
    assert [clip.label for clip in corpus.clips] == ["angry", "calm"]
    assert corpus.label_set.names == ("angry", "calm")
    assert corpus.speakers == who
    assert corpus.names == tuple(f"folder/{name}" for name in names)
    assert corpus.extents.tolist() == [[3200, 9600]] * 2


def test_recordings_of_one_name_keep_their_speakers_apart(
    tmp_path: Path, make_sounds: Build, gates: list[str]
) -> None:
    names = [f"Actor_0{number}/{label}/1.wav" for number in (1, 2) for label in ("happy", "sad")]
    corpus = folders.load_speech(make_sounds(tmp_path, names))
    assert len(set(corpus.names)) == 4
    assert len(set(corpus.speakers)) == 2


def test_splits_of_recordings_are_no_speakers(
    tmp_path: Path, make_sounds: Build, gates: list[str]
) -> None:
    corpus = folders.load_speech(make_sounds(tmp_path, ["train/sad/1.wav", "test/happy/1.wav"]))
    assert set(corpus.speakers) == {""}
    assert "own split is not used" in corpus.notes[0]


def test_a_crop_of_48_pixels_is_kept_as_it_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (48, 48)).astype(np.uint8)
    (tmp_path / "sad").mkdir()
    cv2.imwrite(str(tmp_path / "sad" / "a.png"), picture)
    assert np.array_equal(folders.load_faces(tmp_path).crops[0], picture)


@pytest.mark.parametrize(("side", "size"), [(20, 48), (64, 48), (65, 96), (96, 96)])
def test_crops_have_one_of_two_sizes(
    tmp_path: Path, make_pictures: Build, side: int, size: int
) -> None:
    make_pictures(tmp_path, ["sad/a.png"], size=(side, side - 4))
    make_pictures(tmp_path, ["happy/b.png"], size=(40, 40))
    corpus = folders.load_faces(tmp_path)
    assert corpus.crops.shape == (2, size, size)


def test_a_picture_that_is_no_square_is_neither_cut_nor_stretched(tmp_path: Path) -> None:
    picture = np.zeros((48, 24), np.uint8)
    picture[:, :12], picture[:, 12:] = 40, 200
    (tmp_path / "sad").mkdir()
    cv2.imwrite(str(tmp_path / "sad" / "a.png"), picture)
    (crop,) = folders.load_faces(tmp_path).crops
    assert np.array_equal(crop, np.repeat(np.array([[40, 200]], np.uint8), 24, 1).repeat(48, 0))


class Finder:
    """Finds what is bright: one box for each bright column, as wide as it is."""

    name = "haar@test"

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Detection]:
        bright = (image_rgb[:, :, 0] > 128).any(0)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], bright.astype(int), [0]])))
        return [
            Detection((float(a), 10.0, float(b), 10.0 + float(b - a)), 1 - a / 1000)
            for a, b in edges.reshape(-1, 2)
        ]


def test_in_larger_pictures_the_largest_face_is_cropped_as_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_pictures: Build
) -> None:
    loaded: list[Finder] = []
    monkeypatch.setattr(folders, "load_detector", lambda: loaded.append(Finder()) or loaded[-1])
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 100, (150, 200, 3)).astype(np.uint8)
    photo[10:30, 20:40] = 255
    photo[10:90, 90:170] = 200
    (tmp_path / "happy").mkdir()
    cv2.imwrite(str(tmp_path / "happy" / "photo.png"), photo[:, :, ::-1])
    make_pictures(tmp_path, ["sad/dark.png", "sad/wide.png"], size=(120, 60))
    make_pictures(tmp_path, ["sad/crop.png"])
    corpus = folders.load_faces(tmp_path)
    assert len(loaded) == 1
    assert corpus.crops.shape == (4, 96, 96)
    wanted = crop_faces(photo, [(90.0, 10.0, 170.0, 90.0)], "haar", 96)[0]
    assert np.array_equal(corpus.crops[corpus.names.index("happy/photo.png")], wanted)
    assert (corpus.crops[corpus.names.index("sad/dark.png")] == 10).all()
    assert corpus.notes == (
        "In 3 pictures above 96 pixels the largest face was cropped (haar@test); in 2 of them "
        "none was found: taken whole (the first is sad/dark.png).",
    )


def test_crops_need_no_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_pictures: Build
) -> None:
    monkeypatch.delattr(folders, "load_detector")
    assert len(folders.load_faces(make_pictures(tmp_path, ["sad/a.png"], size=(96, 96)))) == 1


@pytest.mark.parametrize("suffix", ["png", "wav"])
def test_numbers_are_not_guessed(tmp_path: Path, suffix: str) -> None:
    for name in ("0", "1", "happy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"a.{suffix}").touch()
    load = folders.load_faces if suffix == "png" else folders.load_speech
    with pytest.raises(DatasetError, match=r"'0', '1': numbers are not guessed; rename .*angry"):
        load(tmp_path)


def test_unknown_labels_are_named(tmp_path: Path, make_pictures: Build) -> None:
    make_pictures(tmp_path, ["happy/a.png", "unsure/b.png"])
    with pytest.raises(DatasetError, match=r"no labels are called 'unsure': rename"):
        folders.load_faces(tmp_path)


@pytest.mark.parametrize("name", ["happy/sad/a.png", "happy/anna/monday/a.png"])
def test_folders_that_say_too_much_are_refused(
    tmp_path: Path, make_pictures: Build, name: str
) -> None:
    with pytest.raises(DatasetError, match="its folders say more than that"):
        folders.load_faces(make_pictures(tmp_path, [name]))


def test_files_outside_of_label_folders_are_told(tmp_path: Path, make_pictures: Build) -> None:
    make_pictures(tmp_path, ["sheet.png", "happy/a.png", "train/b.png"])
    corpus = folders.load_faces(tmp_path)
    assert corpus.names == ("happy/a.png",)
    assert corpus.notes == ("2 pictures outside of label folders left out (sheet.png).",)


def test_empty_and_missing_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected pictures as <label>/.*; found nothing"):
        folders.load_faces(tmp_path)
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "notes.txt").touch()
    with pytest.raises(DatasetError, match=r"expected recordings as .*; found happy/"):
        folders.load_speech(tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        folders.load_faces(tmp_path / "none")


def test_pictures_that_cannot_be_read_are_named_and_left_out(
    tmp_path: Path, make_pictures: Build, make_wav: Build
) -> None:
    make_pictures(tmp_path, ["happy/a.png", "happy/b.png"])
    (tmp_path / "happy" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    make_wav(tmp_path / "happy" / "c.png", np.zeros(1600))
    # A small file that claims 40,000 by 40,000 pixels.
    bomb = bytearray((tmp_path / "happy" / "a.png").read_bytes())
    bomb[16:24] = (40_000).to_bytes(4, "big") * 2
    (tmp_path / "happy" / "d.png").write_bytes(bomb)
    corpus = folders.load_faces(tmp_path)
    assert corpus.names == ("happy/a.png",)
    assert [line.split(": ")[0] for line in corpus.skipped] == [
        f"happy/{name}.png" for name in "bcd"
    ]
    assert "not a picture" in corpus.skipped[1]
    assert "40000 x 40000 pixels are more than" in corpus.skipped[2]
    (tmp_path / "happy" / "a.png").write_bytes(b"")
    with pytest.raises(
        DatasetError, match=r"none of its 4 pictures can be read; happy/a\.png: the"
    ):
        folders.load_faces(tmp_path)


def test_a_label_whose_recordings_are_all_broken_is_none(
    tmp_path: Path, make_sounds: Build, gates: list[str]
) -> None:
    make_sounds(tmp_path, ["happy/a.wav", "sad/a.wav"])
    (tmp_path / "sad" / "a.wav").write_bytes(b"broken")
    corpus = folders.load_speech(tmp_path)
    assert corpus.label_set.names == ("happy",)
    assert len(corpus.skipped) == 1
