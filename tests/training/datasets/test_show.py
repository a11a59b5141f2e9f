"""Sheets: what is drawn where, and which recordings are chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from emoscope.errors import DatasetError
from emoscope.export.palette import emotion_colour
from emoscope.labels import SHARED, LabelSet
from emoscope.training.datasets.corpora import Clip, FaceCorpus
from emoscope.training.datasets.show import show
from emoscope.training.datasets.show.faces import ACROSS, draw_faces, spread
from emoscope.training.datasets.show.voices import choose, draw_voices

Build = Callable[..., Path]


def holds(image: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((image == np.array(colour, np.uint8)).all(2).any())


def faces(labels: list[int], size: int = 48) -> FaceCorpus:
    crops = (
        np.full((len(labels), size, size), 0, np.uint8)
        + np.array(labels, np.uint8)[:, None, None] * 30
    )
    return FaceCorpus.of(crops, np.array(labels), tuple(map(str, range(len(labels)))))


def test_pictures_are_spread_evenly() -> None:
    assert spread(np.arange(1000), 10).tolist() == list(range(50, 1000, 100))
    assert spread(np.arange(3), 10).tolist() == [0, 1, 2]
    assert len(set(spread(np.arange(11), 10).tolist())) == 10


@pytest.mark.parametrize("size", [24, 48, 224])
def test_a_contact_sheet_has_a_row_for_each_label_that_occurs(size: int) -> None:
    image = draw_faces(faces([0] * 30 + [3] * 4, size))
    taller = draw_faces(faces([0] * 30 + [3] * 4 + [6], size))
    assert image.shape[1] == taller.shape[1]
    assert taller.shape[0] - image.shape[0] == 110
    for index, label in enumerate(SHARED):
        assert holds(taller, emotion_colour(label)) == (index in (0, 3, 6))
    happy = (image == 90).all(2)  # the grey of the pictures of label 3
    assert happy.any(0).sum() == pytest.approx(4 * 96, abs=8)
    angry = (image == 0).all(2)
    assert angry.any(0).sum() == pytest.approx(ACROSS * 96, abs=20)


# --- voices ---


def clips(table: dict[str, str], sentences: str = "xyz", label: str = "angry") -> list[Clip]:
    """``{speaker: sentences}`` of one label."""
    return [
        Clip(Path(f"{who}-{label}-{said}"), "made", who, label, said)
        for who, all_said in table.items()
        for said in all_said
    ]


def test_speakers_with_most_labels_say_the_same_sentence() -> None:
    all_clips = [
        *clips({"a": "x", "b": "xyz", "c": "yz"}),
        *clips({"b": "yx", "c": "zy"}, label="happy"),
        *clips({"b": "z", "c": "y"}, label="sad"),
    ]
    cells = choose(all_clips)
    assert {key: clip.sentence for key, clip in cells.items()} == {
        ("angry", "b"): "y",
        ("angry", "c"): "y",
        ("happy", "b"): "y",
        ("happy", "c"): "y",
        ("sad", "b"): "z",  # who never says y in this way
        ("sad", "c"): "y",
    }


def test_one_speaker_and_unknown_ones_are_shown_too() -> None:
    assert list(choose(clips({"a": "xy"}))) == [("angry", "a")]
    unknown = [Clip(Path("1"), "folder", "", "sad"), Clip(Path("2"), "folder", "", "happy")]
    assert set(choose(unknown)) == {("sad", ""), ("happy", "")}


def test_a_sheet_of_voices_shows_what_is_there_and_says_what_is_not() -> None:
    rng = np.random.default_rng(0)
    both = [*clips({"a": "x", "b": "x"}), *clips({"a": "x"}, label="sad")]
    cells = choose(both)
    waves = {clip: rng.normal(0, 0.1, 16_000).astype(np.float32) for clip in both}
    whole = draw_voices(both, cells, waves)
    assert holds(whole, emotion_colour("angry"))
    assert holds(whole, emotion_colour("sad"))
    sad = (whole == np.array(emotion_colour("sad"), np.uint8)).all(2)
    assert not sad[:, whole.shape[1] // 2 + 100 :].any()  # b is never sad
    fewer = draw_voices(both, cells, {both[0]: waves[both[0]]})
    assert fewer.shape == whole.shape
    angry = (fewer == np.array(emotion_colour("angry"), np.uint8)).all(2)
    assert not angry[:, whole.shape[1] // 2 + 100 :].any()  # b's recording cannot be read
    assert draw_voices(both, cells, {}).shape == whole.shape


def test_a_tone_stands_at_its_height() -> None:
    (clip,) = clips({"a": "x"})
    time = np.arange(32_000) / 16_000

    def brightest_row(hertz: float) -> int:
        wave = np.sin(2 * np.pi * hertz * time).astype(np.float32)
        image = draw_voices([clip], choose([clip]), {clip: wave})
        return int(image[240:, 400:700].astype(int).sum((1, 2)).argmax())

    rows = [brightest_row(hertz) for hertz in (4000, 1000, 300)]
    assert rows == sorted(rows)
    assert rows[2] - rows[0] > 40


@pytest.mark.parametrize("samples", [1, 700, 16_000 * 30])
def test_recordings_of_any_length(samples: int) -> None:
    (clip,) = clips({"a": "x"})
    wave = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    assert draw_voices([clip], choose([clip]), {clip: wave}).shape[2] == 3


# --- from folders to files ---


def test_a_folder_of_pictures_becomes_a_picture(tmp_path: Path) -> None:
    for label in ("happy", "sad"):
        (tmp_path / "in" / label).mkdir(parents=True)
        for index in range(3):
            picture = np.full((48, 48), 40 * index, np.uint8)
            cv2.imwrite(str(tmp_path / "in" / label / f"{index}.png"), picture)
    show(tmp_path / "in", tmp_path / "out" / "sheet.png")
    image = cv2.imread(str(tmp_path / "out" / "sheet.png"))
    assert image is not None
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sheet.png"]
    expected = draw_faces(
        FaceCorpus.of(
            np.repeat(np.array([0, 40, 80] * 2, np.uint8), 48 * 48).reshape(6, 48, 48),
            np.repeat([0, 1], 3), tuple("abcdef"),
            label_set=LabelSet(("happy", "sad")), corpus="folder",
        )
    )  # fmt: skip
    assert np.array_equal(image[:, :, ::-1], expected)


def test_a_folder_of_recordings_becomes_a_picture(tmp_path: Path, make_sounds: Build) -> None:
    names = ["OAF_back_angry.wav", "YAF_back_angry.wav", "OAF_back_sad.wav"]
    make_sounds(tmp_path / "tess", names)
    (tmp_path / "tess" / "YAF_back_sad.wav").write_bytes(b"RIFF")
    show(tmp_path / "tess", tmp_path / "tess.png")
    assert cv2.imread(str(tmp_path / "tess.png")) is not None
    make_sounds(tmp_path / "own", ["happy/ann/1.wav", "sad/ann/1.wav"])
    show(tmp_path / "own", tmp_path / "own.png")
    assert cv2.imread(str(tmp_path / "own.png")) is not None


def test_a_place_that_cannot_be_written(tmp_path: Path, make_sounds: Build) -> None:
    make_sounds(tmp_path / "tess", ["OAF_back_angry.wav"])
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match=r"sheet\.png: cannot be written"):
        show(tmp_path / "tess", tmp_path / "file" / "sheet.png")
