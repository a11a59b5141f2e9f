"""FER2013 (Goodfellow et al., 2013), with FER+'s votes where they are, in three layouts.

- Folders: ``<split>/<label>/fer0000000.png`` (``train``, ``validation``, ``test``, or some of
  them; in Kaggle's archive of pictures ``test`` holds the public and the private test). FER+'s
  table beside them is joined by the names of the pictures.
- Kaggle's ``fer2013.csv``: ``emotion,pixels,Usage``. FER+'s table beside it is joined row by row:
  the numbers in its names are not those of the rows.
- FER+'s folders: ``FER2013Train/label.csv`` beside its pictures. The label is what more than half
  of a picture's taggers chose.

Every picture has 48×48 grey pixels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError, MediaError
from emoscope.labels import FERPLUS_LABELS, SHARED_LABELS
from emoscope.training.datasets import ferplus
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.datasets.duplicates import THRESHOLD, unit_rows
from emoscope.training.datasets.ferplus import NO_VOTES, Votes
from emoscope.training.datasets.pictures import read_picture
from emoscope.training.datasets.tree import (
    PICTURES,
    SPLITS,
    Progress,
    found_in,
    label_of,
    list_files,
    nothing_read,
    split_folders,
)

SIZE = 48
TABLE = "fer2013.csv"
LAYOUTS = {
    "folders": "<split>/<label>/fer0000000.png of 48×48 pixels, split train, validation or test",
    "table": f"{TABLE} with the columns emotion, pixels, Usage",
    "ferplus": "FER2013Train/label.csv beside FER2013Train/fer0000000.png",
}
_USAGE = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
_EMOTIONS = {str(index): index for index in range(len(SHARED_LABELS))}


def layout_of(data_dir: Path) -> str:
    """Which of :data:`LAYOUTS` a folder seems to have, ``""`` for none. No picture is opened."""
    if any((data_dir / name / ferplus.LABELS).is_file() for name in ferplus.FOLDERS.values()):
        return "ferplus"
    if (data_dir / TABLE).is_file():
        return "table"
    return "folders" if data_dir.is_dir() and split_folders(data_dir) else ""


def splits_of(data_dir: Path) -> tuple[str, ...]:
    """Which of its own splits a folder of FER2013 has.

    Raises:
        DatasetError: it cannot be read.
    """
    layout = layout_of(data_dir)
    if layout == "ferplus":
        files = {s: data_dir / name / ferplus.LABELS for s, name in ferplus.FOLDERS.items()}
        return tuple(split for split, path in files.items() if path.is_file())
    if layout == "table":
        place = _columns(data_dir / TABLE)["Usage"]
        rows = ferplus.read_lines(data_dir / TABLE)
        used = {row[place].strip() for _, row in rows if len(row) > place}
        return tuple(split for usage, split in _USAGE.items() if usage in used)
    return tuple(split_folders(data_dir)) if layout else ()


def load(data_dir: Path, split: str | None = None, progress: Progress | None = None) -> FaceCorpus:
    """Read FER2013, or one of its splits.

    Args:
        data_dir: a folder with one of :data:`LAYOUTS`.
        split: one of ``train``, ``validation`` and ``test``; None: all that are there.
        progress: called with pictures (of a table: bytes) read and in all.

    Returns:
        The pictures in order of split, with FER2013's seven labels; from FER+'s folders with FER+'s
        eight, and ``ferplus`` as the name of the corpus. What cannot be read is in ``skipped``.

    Raises:
        DatasetError: the folder is laid out differently or lacks the split, or none of its
            pictures can be read.
    """
    readers = {"folders": _read_folders, "table": _read_table, "ferplus": _read_ferplus}
    layout = layout_of(data_dir)
    if not layout or (split is not None and split not in splits_of(data_dir)):
        raise DatasetError(f"{data_dir}: {_expected(layout, split)}; {found_in(data_dir)}")
    rows = _Rows()
    readers[layout](data_dir, split, rows, progress or (lambda done, total: None))
    if not rows.labels:
        raise nothing_read(data_dir, "pictures", rows.skipped)
    return rows.corpus(layout)


def _expected(layout: str, split: str | None) -> str:
    if layout == "table":
        return f"{TABLE} has no rows of the split '{split}'"
    if layout == "ferplus":
        return f"expected {ferplus.FOLDERS[str(split)]}/{ferplus.LABELS}"
    if split is not None:
        names = ", ".join(SHARED_LABELS.names)
        return f"expected a folder '{split}' of label folders ({names}), or {TABLE}"
    return f"expected {'; or '.join(LAYOUTS.values())}"


@dataclass
class _Rows:
    """Pictures as they come in."""

    pixels: bytearray = field(default_factory=bytearray)
    labels: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    votes: list[Votes] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, pixels: bytes, label: int, name: str, split: str, votes: Votes) -> None:
        self.pixels += pixels
        self.labels.append(label)
        self.names.append(name)
        self.splits.append(split)
        self.votes.append(votes)

    def add_file(self, path: Path, root: Path, label: int, split: str, votes: Votes) -> None:
        """Read a picture, or say why it cannot be read."""
        name = path.relative_to(root).as_posix()
        try:
            grey = cv2.cvtColor(read_picture(path, SIZE), cv2.COLOR_RGB2GRAY)
        except MediaError as error:
            self.skipped.append(f"{name}: {error.problem}")
        else:
            self.add(grey.tobytes(), label, name, split, votes)

    def corpus(self, layout: str) -> FaceCorpus:
        return FaceCorpus.of(
            np.frombuffer(self.pixels, np.uint8).reshape(-1, SIZE, SIZE),
            np.array(self.labels, np.int64),
            tuple(self.names),
            label_set=FERPLUS_LABELS if layout == "ferplus" else SHARED_LABELS,
            corpus="ferplus" if layout == "ferplus" else "fer2013",
            votes=np.stack([votes.counts for votes in self.votes]),
            tagged=np.array([votes.tagged for votes in self.votes], np.float32),
            splits=tuple(self.splits),
            skipped=tuple(self.skipped),
            notes=tuple(self.notes),
        )


def _read_folders(data_dir: Path, split: str | None, rows: _Rows, progress: Progress) -> None:
    found: list[tuple[str, int, Path]] = []
    for name, folder in split_folders(data_dir).items():
        if split in (None, name):
            tree = list_files(folder)
            rows.skipped.extend(tree.skipped)
            rows.notes.extend(tree.notes)
            found.extend((name, _label(path, folder), path) for path in tree.named(PICTURES))
    if not found:
        raise DatasetError(f"{data_dir / (split or '')}: no pictures in its label folders")
    table = data_dir / ferplus.TABLE
    votes_of = dict(ferplus.read_table(table)) if table.is_file() else {}
    if votes_of and not any(path.name in votes_of for _, _, path in found):
        rows.notes.append(f"{table.name} names none of these pictures: its votes are not used.")
    found.sort(key=lambda item: (SPLITS.index(item[0]), item[1]))
    for count, (name, label, path) in enumerate(found, start=1):
        rows.add_file(path, data_dir, label, name, votes_of.get(path.name, NO_VOTES))
        progress(count, len(found))


def _label(path: Path, folder: Path) -> int:
    """Label of a picture below a split's folder."""
    parts = path.relative_to(folder).parts
    label = label_of(parts[0]) if len(parts) > 1 else ""
    if label not in SHARED_LABELS.names:
        raise DatasetError(
            f"{folder}: expected label folders ({', '.join(SHARED_LABELS.names)}), "
            f"found '{parts[0]}' with pictures"
        )
    return SHARED_LABELS.index(label)


def _read_table(data_dir: Path, split: str | None, rows: _Rows, progress: Progress) -> None:
    path, table = data_dir / TABLE, data_dir / ferplus.TABLE
    votes = [row[1] for row in ferplus.read_table(table)] if table.is_file() else []
    columns, size = _columns(path), path.stat().st_size
    done, count = 0, -1  # the header is no row
    for line, row in ferplus.read_lines(path):
        done = min(done + sum(map(len, row)) + max(len(row), 1), size)
        progress(done, size)
        count += bool(row)
        if not row or not count:
            continue
        try:
            usage = row[columns["Usage"]].strip() if len(row) >= len(columns) else ""
            if usage not in _USAGE:
                raise ValueError("expected an emotion, pixels and a known Usage")
            tagged = votes[count - 1] if count <= len(votes) else NO_VOTES
            if tagged.usage not in ("", usage):
                raise DatasetError(
                    f"{table}: its rows are not those of {TABLE}: in row {count} one is {usage}, "
                    f"the other {tagged.usage}; get both as published"
                )
            if split in (None, _USAGE[usage]):
                label, pixels = _picture(row[columns["emotion"]], row[columns["pixels"]])
                rows.add(pixels, label, f"{TABLE}:{line}", _USAGE[usage], tagged)
        except ValueError as error:
            rows.skipped.append(f"{TABLE}:{line}: {error}")
    if count < len(votes):
        raise DatasetError(
            f"{table}: its rows are not those of {TABLE}: {len(votes)} and {count}; "
            "get both as published"
        )
    progress(size, size)


def _columns(path: Path) -> dict[str, int]:
    """The place of each column of ``fer2013.csv``."""
    header = next((row for _, row in ferplus.read_lines(path) if row), [])
    columns = {name.strip(): place for place, name in enumerate(header)}
    if not columns.keys() >= {"emotion", "pixels", "Usage"}:
        found = ", ".join(name[:20] for name in header[:6]) or "nothing"
        raise DatasetError(f"{path}: expected the columns emotion, pixels, Usage; found {found!a}")
    return columns


def _picture(emotion: str, pixels: str) -> tuple[int, bytes]:
    """Label and grey values of a row; ``ValueError`` where they are none."""
    if emotion.strip() not in _EMOTIONS:
        raise ValueError(f"expected an emotion from 0 to 6, found {emotion[:20]!a}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy only warns of what follows the last number
            grey = np.fromstring(pixels, np.int64, sep=" ")
    except (ValueError, DeprecationWarning):
        raise ValueError("expected grey values from 0 to 255") from None
    if len(grey) != SIZE * SIZE:
        raise ValueError(f"expected {SIZE}×{SIZE} grey values, found {len(grey)}")
    if grey.min() < 0 or grey.max() > 255:
        raise ValueError("expected grey values from 0 to 255")
    return _EMOTIONS[emotion.strip()], grey.astype(np.uint8).tobytes()


def _read_ferplus(data_dir: Path, split: str | None, rows: _Rows, progress: Progress) -> None:
    found: list[tuple[str, int, Path, Votes]] = []
    undecided = 0
    for name in splits_of(data_dir) if split is None else (split,):
        folder = data_dir / ferplus.FOLDERS[name]
        votes_of, problems = ferplus.read_labels(folder / ferplus.LABELS)
        rows.skipped.extend(problems)
        for picture, votes in votes_of.items():
            if votes.majority is None:
                undecided += 1
            else:
                found.append((name, votes.majority, folder / picture, votes))
    for count, (name, label, path, votes) in enumerate(found, start=1):
        rows.add_file(path, data_dir, label, name, votes)
        progress(count, len(found))
    if undecided:
        rows.notes.append(f"{undecided} pictures left out: FER+'s taggers have no majority.")


def near_duplicates(
    crops: NDArray[np.uint8], others: NDArray[np.uint8], threshold: float = THRESHOLD
) -> NDArray[np.bool_]:
    """Which of ``crops`` ``(n, 48, 48)`` stand, nearly unchanged, among ``others`` ``(m, 48, 48)``.

    Two pictures count as one when their halved versions correlate at least ``threshold``, as they
    are or mirrored.

    Returns:
        ``(n,)`` bool.
    """
    ours, theirs = unit_rows(crops), unit_rows(others)
    mirrored = unit_rows(others[:, :, ::-1])
    found = np.zeros(len(crops), bool)
    for start in range(0, len(ours), 4096):
        rows = ours[start : start + 4096]
        best = np.maximum((rows @ theirs.T).max(1), (rows @ mirrored.T).max(1))
        found[start : start + 4096] = best >= threshold
    return found
