"""FER+ (Barsoum et al., 2016): ten people's votes on each picture of FER2013.

Two forms: the table ``fer2013new.csv``, a row for each row of ``fer2013.csv``, in its order; and,
made from it, ``FER2013Train/label.csv`` and so on, a row for each picture beside it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.labels import FERPLUS_LABELS, SHARED, SHARED_LABELS
from emoscope.training.datasets.corpora import FaceCorpus

TABLE = "fer2013new.csv"
LABELS = "label.csv"
FOLDERS = {"train": "FER2013Train", "validation": "FER2013Valid", "test": "FER2013Test"}

# FER+'s columns in its own order -> ours; "unknown" and "NF" (no face) are no emotions.
_EMOTIONS = {
    "neutral": "neutral",
    "happiness": "happy",
    "surprise": "surprise",
    "sadness": "sad",
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "contempt": "contempt",
}
_COLUMNS = (*_EMOTIONS, "unknown", "NF")
_ORDER = [list(_EMOTIONS.values()).index(name) for name in FERPLUS_LABELS.names]
_LONGEST_LINE = 2**16  # bytes; a picture's line in fer2013.csv has at most 9,240


@dataclass(frozen=True)
class Votes:
    """What the taggers said of one picture.

    Attributes:
        counts: ``(8,)`` float32, votes per class of ``FERPLUS_LABELS``.
        tagged: all votes, "unknown" and "no face" included.
        usage: ``Training``, ``PublicTest`` or ``PrivateTest``, ``""`` where it is not told.
    """

    counts: NDArray[np.float32]
    tagged: float
    usage: str = ""

    @property
    def majority(self) -> int | None:
        """The emotion that more than half of all taggers chose, as an index; None: none."""
        best = int(self.counts.argmax())
        return best if self.counts[best] > self.tagged / 2 else None


NO_VOTES = Votes(np.zeros(len(FERPLUS_LABELS), np.float32), 0.0)


def vote_winner(corpus: FaceCorpus) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Winning emotion of FER+'s votes and its number of votes.

    Returns:
        ``(n,)`` class of the shared seven, -1 where none of them has more votes than each other
        emotion, than contempt, and than *unknown* and *no face* together; and ``(n,)`` its votes.
    """
    best = corpus.votes.argmax(1)
    most = corpus.votes.max(1)
    alone = (corpus.votes == most[:, None]).sum(1) == 1
    elsewhere = corpus.tagged - corpus.votes.sum(1)
    won = alone & (most > elsewhere) & (best < len(SHARED)) & (most > 0)
    return np.where(won, best, -1), most


def labelled_by_votes(corpus: FaceCorpus) -> FaceCorpus:
    """The pictures on which one of the shared seven won FER+'s votes, with that for a label.

    Raises:
        DatasetError: the corpus has no votes.
    """
    if not corpus.tagged.any():
        raise DatasetError(f"{corpus.corpus}: no FER+ votes beside the pictures ({TABLE})")
    winner, _ = vote_winner(corpus)
    won = winner >= 0
    return replace(corpus.take(won), labels=winner[won], label_set=SHARED_LABELS)


def read_table(path: Path) -> list[tuple[str, Votes]]:
    """``fer2013new.csv``, row by row: the picture's name (``""`` for some without a face), votes.

    A few names are given twice; pictures of that name are the later row's.

    Raises:
        DatasetError: it cannot be read, or is not FER+'s table.
    """
    rows = read_lines(path)
    header = [name.strip() for name in next(rows, (0, []))[1]]
    if missing := {"Usage", "Image name", *_COLUMNS} - set(header):
        raise DatasetError(f"{path}: expected FER+'s columns, missing {', '.join(sorted(missing))}")
    usage, name = header.index("Usage"), header.index("Image name")
    places = [header.index(column) for column in _COLUMNS]
    table = []
    for line, row in rows:
        try:
            if row and len(row) != len(header):
                raise ValueError(f"expected {len(header)} fields, found {len(row)}")
            if row:
                votes = _votes([row[place] for place in places], row[usage].strip())
                table.append((row[name].strip(), votes))
        except ValueError as error:
            raise DatasetError(f"{path}: line {line}: {error}; get it as published") from None
    return table


def read_labels(path: Path) -> tuple[dict[str, Votes], list[str]]:
    """A ``label.csv`` without header: ``fer0000000.png,"(0, 0, 48, 48)",`` and ten votes.

    The box is always the whole picture, and newer copies leave it out.

    Returns:
        Votes by the picture's name, and one line for each row that is none.

    Raises:
        DatasetError: it cannot be read.
    """
    votes: dict[str, Votes] = {}
    problems = []
    for line, row in read_lines(path):
        try:
            if row:
                votes[_picture_name(row)] = _votes(row[-len(_COLUMNS) :])
        except ValueError as error:
            problems.append(f"{path.parent.name}/{path.name}:{line}: {error}")
    return votes, problems


def _picture_name(row: list[str]) -> str:
    name = row[0].strip()
    if len(row) - len(_COLUMNS) not in (1, 2) or not name or Path(name).name != name:
        raise ValueError("expected a picture's name, a box and ten votes")
    return name


def _votes(fields: list[str], usage: str = "") -> Votes:
    try:
        numbers = [float(text) for text in fields]
    except ValueError:
        numbers = [math.nan]
    tagged = sum(numbers)
    if not math.isfinite(tagged) or min(numbers) < 0:
        raise ValueError(f"expected ten votes, found {','.join(fields)[:40]}")
    return Votes(np.array([numbers[place] for place in _ORDER], np.float32), tagged, usage)


def read_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and comma-separated fields of each line; ``[]`` for an empty one.

    Line by line, so that a stray quote spoils one line and not the rest. Of an endless line only
    the beginning is kept.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            number, goes_on = 0, False
            while chunk := file.readline(_LONGEST_LINE):
                if not goes_on:
                    number += 1
                    yield number, _fields(chunk.decode("utf-8-sig", "replace").strip())
                goes_on = not chunk.endswith(b"\n")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from None


def _fields(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:  # a carriage return within the line
        return [line]
