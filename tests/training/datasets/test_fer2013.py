from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.labels import FERPLUS_LABELS, SHARED, SHARED_LABELS
from emoscope.training.datasets import fer2013
from emoscope.training.datasets.corpora import FaceCorpus

Build = Callable[..., Path]
Row = tuple[str, NDArray[np.uint8], str]  # label, picture, usage

USAGES = ("Training", "PublicTest", "PrivateTest")
SPLITS = ("train", "validation", "test")
COLUMNS = (
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    *("unknown", "NF"),
)
OURS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")


def rows_of(count: int, seed: int = 0) -> list[Row]:
    """Random pictures in the order of the splits, as Kaggle has them."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (count, 48, 48)).astype(np.uint8)
    return [
        (SHARED[number % 7], picture, USAGES[3 * number // count])
        for number, picture in enumerate(pictures)
    ]


def write_table(folder: Path, rows: list[Row]) -> Path:
    """``fer2013.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "fer2013.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["emotion", "pixels", "Usage"])
        for label, picture, usage in rows:
            pixels = " ".join(map(str, picture.reshape(-1).tolist()))
            writer.writerow([SHARED.index(label), pixels, usage])
    return folder


def write_votes(path: Path, rows: list[tuple[str, str, list[int]]]) -> None:
    """``fer2013new.csv`` of usage, name and ten votes."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Usage", "Image name", *COLUMNS])
        for usage, name, votes in rows:
            writer.writerow([usage, name, *votes])


def write_ferplus(folder: Path, split: str, rows: dict[str, list[int]], box: bool = True) -> None:
    """``FER2013Train/label.csv`` with flat grey pictures beside it."""
    place = folder / split
    place.mkdir(parents=True)
    with (place / "label.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        for number, (name, votes) in enumerate(rows.items()):
            writer.writerow([name, *(["(0, 0, 48, 48)"] if box else []), *votes])
            cv2.imwrite(str(place / name), np.full((48, 48), number, np.uint8))


def votes_for(**counts: int) -> list[int]:
    return [counts.get(name, 0) for name in COLUMNS]


def test_folders_come_with_labels_splits_and_votes(tmp_path: Path, make_fer: Build) -> None:
    data = make_fer(
        tmp_path,
        {"train": [("angry", 10), ("happy", 20)], "validation": [("fear", 30)]},
        votes={1: {"happiness": 8, "contempt": 1, "NF": 1}},
    )
    corpus = fer2013.load(data)
    assert [SHARED[label] for label in corpus.labels] == ["angry", "happy", "fear"]
    assert corpus.splits == ("train", "train", "validation")
    assert corpus.crops.shape == (3, 48, 48)
    assert corpus.crops[:, 0, 0].tolist() == [10, 20, 30]
    assert corpus.names[1] == "train/happy/fer0000001.png"
    assert corpus.tagged.tolist() == [0, 10, 0]
    assert corpus.votes[1, FERPLUS_LABELS.index("happy")] == 8
    assert corpus.votes[1, FERPLUS_LABELS.index("contempt")] == 1
    assert corpus.votes[[0, 2]].sum() == 0
    assert (corpus.corpus, corpus.label_set) == ("fer2013", SHARED_LABELS)
    assert not corpus.skipped
    assert fer2013.splits_of(data) == ("train", "validation")
    assert fer2013.load(data, "validation").crops[:, 0, 0].tolist() == [30]


def test_kaggles_folders_of_jpegs(tmp_path: Path, make_pictures: Build) -> None:
    names = ["train/Angry/Training_3908.jpg", "test/happiness/PublicTest_11.jpg"]
    corpus = fer2013.load(make_pictures(tmp_path, names))
    assert corpus.splits == ("train", "test")
    assert corpus.names == tuple(names)
    assert [SHARED[label] for label in corpus.labels] == ["angry", "happy"]


def test_one_split_is_read_without_the_others(tmp_path: Path, make_fer: Build) -> None:
    data = make_fer(tmp_path, {"train": [("angry", 10)], "test": [("sad", 20)]})
    (data / "train" / "angry" / "fer0000000.png").write_bytes(b"broken")
    assert not fer2013.load(data, "test").skipped
    assert len(fer2013.load(data).skipped) == 1


def test_the_table_holds_what_the_folders_hold(tmp_path: Path) -> None:
    rows = rows_of(30)
    table = fer2013.load(write_table(tmp_path / "table", rows))
    for number, (label, picture, usage) in enumerate(rows):
        path = tmp_path / "folders" / SPLITS[USAGES.index(usage)] / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)
    folders = fer2013.load(tmp_path / "folders")
    assert len(table) == len(folders) == 30
    assert content(table) == content(folders)
    assert len(set(table.names)) == 30


def content(corpus: FaceCorpus) -> set[tuple[str, int, bytes]]:
    labels = corpus.labels.tolist()
    pictures = [crop.tobytes() for crop in corpus.crops]
    return set(zip(corpus.splits, labels, pictures, strict=True))


def test_votes_join_the_table_by_row_whatever_they_call_the_pictures(tmp_path: Path) -> None:
    # As in FER+'s own table: faceless rows have no name, and the numbering falls behind.
    rows = rows_of(6)
    write_table(tmp_path, rows)
    names = ["fer0000000.png", "", "fer0000001.png", "fer0000005.png", "", "fer0000003.png"]
    votes = [votes_for(anger=number + 1) for number in range(6)]
    usages = [usage for _, _, usage in rows]
    write_votes(tmp_path / "fer2013new.csv", list(zip(usages, names, votes, strict=True)))
    corpus = fer2013.load(tmp_path)
    assert corpus.votes[:, FERPLUS_LABELS.index("angry")].tolist() == [1, 2, 3, 4, 5, 6]
    assert fer2013.load(tmp_path, "test").tagged.tolist() == [5, 6]


def test_a_votes_table_of_the_first_rows_only_is_enough(tmp_path: Path) -> None:
    write_table(tmp_path, rows_of(6))
    rows = [("Training", "a.png", votes_for(fear=3)), ("Training", "b.png", votes_for(fear=4))]
    write_votes(tmp_path / "fer2013new.csv", rows)
    assert fer2013.load(tmp_path).tagged.tolist() == [3, 4, 0, 0, 0, 0]


@pytest.mark.parametrize("usages", [["Training", "PublicTest"], ["Training"] * 2 + ["x"] * 5])
def test_votes_of_other_rows_are_refused(tmp_path: Path, usages: list[str]) -> None:
    write_table(tmp_path, rows_of(6))
    rows = [(usage, "a.png", votes_for(fear=3)) for usage in usages]
    write_votes(tmp_path / "fer2013new.csv", rows)
    with pytest.raises(DatasetError, match=r"not those of fer2013\.csv"):
        fer2013.load(tmp_path)


def test_more_votes_than_pictures_are_refused(tmp_path: Path) -> None:
    write_table(tmp_path, rows_of(3)[:1])
    rows = [("Training", "a.png", votes_for(fear=3))] * 2
    write_votes(tmp_path / "fer2013new.csv", rows)
    with pytest.raises(DatasetError, match="2 and 1; get both as published"):
        fer2013.load(tmp_path)


def test_bad_rows_of_the_table_are_named_counted_and_left_out(tmp_path: Path) -> None:
    good = " ".join(["7"] * 2304)
    lines = [
        "emotion,pixels,Usage",
        f"3,{good},Training",
        "3,1 2 3,Training",
        f"9,{good},Training",
        f'3,"{good},Training',  # a stray quote
        f"3,{good.replace('7', '256', 1)},Training",
        f"3,{good.replace('7', 'x', 1)},Training",
        f"3,{good},Somewhere",
        "3",
        "",
        "1" * 200_000,
        f'4,"{good}",PublicTest',
    ]
    (tmp_path / "fer2013.csv").write_text("\n".join(lines))
    corpus = fer2013.load(tmp_path)
    assert corpus.labels.tolist() == [3, 4]
    assert corpus.splits == ("train", "validation")
    assert corpus.names == ("fer2013.csv:2", "fer2013.csv:12")
    assert (corpus.crops == 7).all()
    assert [line.split(": ")[0] for line in corpus.skipped] == [
        f"fer2013.csv:{number}" for number in (3, 4, 5, 6, 7, 8, 9, 11)
    ]
    assert "found 3" in corpus.skipped[0]
    assert "emotion from 0 to 6, found '9'" in corpus.skipped[1]
    # A bad row is a row all the same: the votes after it stay in their places.
    usages = ["Training"] * 8 + ["Training", "PublicTest"]
    rows = [(usage, "", votes_for(fear=number)) for number, usage in enumerate(usages)]
    write_votes(tmp_path / "fer2013new.csv", rows)
    assert fer2013.load(tmp_path).tagged.tolist() == [0, 9]


@pytest.mark.parametrize(
    ("text", "found"),
    [("label,image\n1,2\n", "'label, image'"), ("", "'nothing'"), ("\x00\x01\n", "x00")],
)
def test_a_table_of_other_columns_is_refused(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / "fer2013.csv").write_text(text)
    with pytest.raises(DatasetError, match="expected the columns emotion, pixels, Usage") as error:
        fer2013.load(tmp_path)
    assert found in str(error.value)
    assert "\n" not in str(error.value)


def test_a_table_without_the_split_is_told(tmp_path: Path) -> None:
    write_table(tmp_path, [("sad", np.zeros((48, 48), np.uint8), "Training")])
    assert fer2013.splits_of(tmp_path) == ("train",)
    with pytest.raises(DatasetError, match="no rows of the split 'test'"):
        fer2013.load(tmp_path, "test")


def test_a_table_without_a_good_row_is_told(tmp_path: Path) -> None:
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n1,2,Training\n1,3,Training\n")
    with pytest.raises(DatasetError, match=r"none of its 2 pictures can be read; fer2013\.csv:2"):
        fer2013.load(tmp_path)
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n")
    with pytest.raises(DatasetError, match="no pictures"):
        fer2013.load(tmp_path)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(place=st.integers(0, 20_000), bytes_=st.binary(min_size=1, max_size=4), cut=st.booleans())
def test_no_damage_to_the_table_goes_unnoticed_or_stops_the_rest(
    tmp_path: Path, place: int, bytes_: bytes, cut: bool
) -> None:
    path = write_table(tmp_path, rows_of(3)) / "fer2013.csv"
    whole = fer2013.load(tmp_path)
    content = path.read_bytes()
    place = 30 + place % (len(content) - 30)  # behind the header
    path.write_bytes(content[:place] + (b"" if cut else bytes_ + content[place + len(bytes_) :]))
    try:
        corpus = fer2013.load(tmp_path)
    except DatasetError as error:
        assert "none of its" in str(error) or "no pictures" in str(error)  # noqa: PT017
        return
    # At most two lines are touched; what is read of the others is as it was.
    same = {crop.tobytes() for crop in whole.crops} & {crop.tobytes() for crop in corpus.crops}
    assert len(same) >= (0 if cut else 1)
    assert len(corpus) <= 3
    if len(corpus) < 3 and not cut:
        assert corpus.skipped


@pytest.mark.parametrize("box", [True, False])
def test_ferplus_folders_are_labelled_by_the_majority(tmp_path: Path, box: bool) -> None:
    train = {
        "fer0000000.png": votes_for(happiness=6, neutral=4),
        "fer0000001.png": votes_for(contempt=8, unknown=2),
        "fer0000002.png": votes_for(happiness=5, neutral=5),  # nobody wins
        "fer0000003.png": votes_for(sadness=4, NF=6),
    }
    write_ferplus(tmp_path, "FER2013Train", train, box)
    write_ferplus(tmp_path, "FER2013Test", {"fer0032220.png": votes_for(fear=9, anger=1)}, box)
    corpus = fer2013.load(tmp_path)
    assert [FERPLUS_LABELS.names[i] for i in corpus.labels] == ["happy", "contempt", "fear"]
    assert (corpus.corpus, corpus.label_set) == ("ferplus", FERPLUS_LABELS)
    assert corpus.splits == ("train", "train", "test")
    assert corpus.names[0] == "FER2013Train/fer0000000.png"
    assert corpus.crops[:, 5, 5].tolist() == [0, 1, 0]
    assert corpus.tagged.tolist() == [10, 10, 10]
    assert corpus.votes[0, FERPLUS_LABELS.index("neutral")] == 4
    assert corpus.notes == ("2 pictures left out: FER+'s taggers have no majority.",)
    assert len(fer2013.load(tmp_path, "test")) == 1
    with pytest.raises(DatasetError, match=r"expected FER2013Valid/label\.csv; found FER"):
        fer2013.load(tmp_path, "validation")


def test_every_vote_finds_its_label(tmp_path: Path) -> None:
    rows = {f"{name}.png": votes_for(**{name: 10}) for name in COLUMNS[:8]}
    write_ferplus(tmp_path, "FER2013Valid", rows)
    corpus = fer2013.load(tmp_path)
    names = [Path(name).stem for name in corpus.names]
    assert dict(zip(names, [FERPLUS_LABELS.names[i] for i in corpus.labels], strict=True)) == dict(
        zip(COLUMNS[:8], OURS, strict=True)
    )


def test_bad_rows_and_lost_pictures_of_ferplus_are_named(tmp_path: Path) -> None:
    good = votes_for(fear=10)
    write_ferplus(tmp_path, "FER2013Train", {"a.png": good, "b.png": good})
    table = tmp_path / "FER2013Train" / "label.csv"
    table.write_text(
        table.read_text()
        + "c.png,(0 0 48 48),1,2\n"
        + "../FER2013Train/a.png,box,0,0,0,0,0,0,10,0,0,0\n"
        + "d.png,box,0,0,0,0,0,0,ten,0,0,0\n"
        + "e.png,box,0,0,0,0,0,0,-1,0,0,0\n"
    )
    (tmp_path / "FER2013Train" / "b.png").unlink()
    corpus = fer2013.load(tmp_path)
    assert corpus.names == ("FER2013Train/a.png",)
    places = [line.split(": ")[0] for line in corpus.skipped]
    labels = "FER2013Train/label.csv"
    assert places == [f"{labels}:{number}" for number in (3, 4, 5, 6)] + ["FER2013Train/b.png"]


def test_pictures_that_cannot_be_read_are_named_and_left_out(
    tmp_path: Path, make_fer: Build
) -> None:
    data = make_fer(
        tmp_path,
        {"train": [("angry", 10), ("angry", np.zeros((32, 48), np.uint8)), ("sad", 0), ("sad", 1)]},
    )
    sad = data / "train" / "sad"
    whole = (sad / "fer0000002.png").read_bytes()
    (sad / "fer0000002.png").write_bytes(whole[: len(whole) // 2])
    (sad / "fer0000003.png").write_bytes(b"RIFF\x00\x00\x00\x00WAVE")
    corpus = fer2013.load(data)
    assert corpus.names == ("train/angry/fer0000000.png",)
    assert len(corpus.skipped) == 3
    assert corpus.skipped[0].endswith("fer0000001.png: expected 48×48 pixels, found 48×32")
    assert all("\n" not in line for line in corpus.skipped)


def test_a_folder_of_broken_pictures_is_told(tmp_path: Path, make_fer: Build) -> None:
    data = make_fer(tmp_path, {"train": [("angry", np.zeros((32, 48), np.uint8))]})
    with pytest.raises(DatasetError, match=r"none of its 1 pictures can be read; .*found 48×32"):
        fer2013.load(data)


@pytest.mark.parametrize("folder", ["0", "contempt", "faces"])
def test_other_label_folders_are_refused(tmp_path: Path, make_pictures: Build, folder: str) -> None:
    make_pictures(tmp_path, ["train/angry/a.png", f"train/{folder}/b.png"])
    with pytest.raises(DatasetError, match=f"expected label folders .*found '{folder}'"):
        fer2013.load(tmp_path)


def test_other_layouts_are_told_what_was_expected_and_found(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"fer2013.csv with.*FER2013Train/.*; found nothing"):
        fer2013.load(tmp_path)
    (tmp_path / "angry").mkdir()
    with pytest.raises(DatasetError, match=r"expected a folder 'test' of label folders.*angry/"):
        fer2013.load(tmp_path, "test")
    (tmp_path / "train").mkdir()
    with pytest.raises(DatasetError, match="no pictures in its label folders"):
        fer2013.load(tmp_path)
    with pytest.raises(DatasetError, match="none"):
        fer2013.load(tmp_path / "none")


def test_a_damaged_votes_table_is_told(tmp_path: Path, make_fer: Build) -> None:
    data = make_fer(tmp_path, {"train": [("angry", 10)]}, votes={})
    table = data / "fer2013new.csv"
    table.write_text(table.read_text() + "Training,a.png,1,2\n")
    with pytest.raises(DatasetError, match="line 3: expected 12 fields, found 4"):
        fer2013.load(data)
    table.write_text("Usage,name\n")
    with pytest.raises(DatasetError, match=r"FER\+'s columns, missing Image name, NF, anger"):
        fer2013.load(data)


def test_votes_that_name_no_picture_are_told(tmp_path: Path, make_pictures: Build) -> None:
    make_pictures(tmp_path, ["train/angry/Training_1.jpg"])
    write_votes(tmp_path / "fer2013new.csv", [("Training", "fer0000000.png", votes_for(fear=9))])
    corpus = fer2013.load(tmp_path)
    assert corpus.tagged.tolist() == [0]
    assert "names none of these pictures" in corpus.notes[0]


@pytest.mark.parametrize("layout", ["table", "folders"])
def test_progress_reaches_the_end_in_steps(tmp_path: Path, make_fer: Build, layout: str) -> None:
    if layout == "table":
        write_table(tmp_path, rows_of(5))
    else:
        make_fer(tmp_path, {"train": [("angry", 1), ("sad", 2)]})
    seen: list[tuple[int, int]] = []
    fer2013.load(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 0


def test_near_duplicates_are_found_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    originals = rng.integers(0, 256, (6, 48, 48)).astype(np.uint8)
    copies = originals.astype(float)
    copies[1] = copies[1] * 0.5 + 40  # exposure
    copies[2] = copies[2][:, ::-1]  # mirrored
    copies[3] = np.clip(copies[3] + rng.normal(0, 10, (48, 48)), 0, 255)  # compression
    copies[4] = rng.integers(0, 256, (48, 48))  # another picture
    copies[5] = np.roll(copies[5], 12, axis=0)  # moved far away
    found = fer2013.near_duplicates(copies.astype(np.uint8), originals)
    assert found.tolist() == [True, True, True, True, False, False]


def test_flat_pictures_are_no_duplicates_of_each_other() -> None:
    flat = np.full((1, 48, 48), 7, np.uint8)
    assert not fer2013.near_duplicates(flat, np.full((1, 48, 48), 200, np.uint8)).any()
