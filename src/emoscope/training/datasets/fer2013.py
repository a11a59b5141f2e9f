"""FER2013 (Goodfellow et al., 2013) with FER+ votes (Barsoum et al., 2016).

Read from folders of label folders, ``<split>/<label>/fer<row>.png``, with FER+'s
``fer2013new.csv`` beside them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.labels import FERPLUS_LABELS, SHARED_LABELS

SIZE = 48
SPLITS = ("train", "validation", "test")
# FER+'s column names in its own order -> ours; "unknown" and "NF" (no face) are no emotions.
_VOTE_COLUMNS = {
    "neutral": "neutral",
    "happiness": "happy",
    "surprise": "surprise",
    "sadness": "sad",
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "contempt": "contempt",
}


@dataclass(frozen=True)
class FaceCorpus:
    """Labelled faces.

    Attributes:
        crops: ``(n, 48, 48)`` uint8 grey.
        labels: ``(n,)`` int64, FER2013's label as an index into the shared seven.
        votes: ``(n, 8)`` float32, FER+'s votes per class of ``FERPLUS_LABELS``; a row of zeros
            where there are none.
        tagged: ``(n,)`` float32, all FER+ votes a picture got, "unknown" and "no face" included.
        names: file names.
    """

    crops: NDArray[np.uint8]
    labels: NDArray[np.int64]
    votes: NDArray[np.float32]
    tagged: NDArray[np.float32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.integer] | NDArray[np.bool_]) -> FaceCorpus:
        """The pictures at ``index`` (numbers or a mask)."""
        numbers = np.arange(len(self))[index]
        return FaceCorpus(
            self.crops[numbers],
            self.labels[numbers],
            self.votes[numbers],
            self.tagged[numbers],
            tuple(self.names[i] for i in numbers),
        )


def load(
    data_dir: Path, split: str, progress: Callable[[int, int], None] | None = None
) -> FaceCorpus:
    """Read one split.

    Args:
        data_dir: the folder that holds ``train``, ``validation`` or ``test``.
        split: one of :data:`SPLITS`.
        progress: called with pictures read and pictures in all.

    Raises:
        DatasetError: the folder is laid out differently, or a picture cannot be read.
    """
    root = data_dir / split
    if not root.is_dir():
        found = sorted(p.name for p in data_dir.iterdir()) if data_dir.is_dir() else "no folder"
        raise DatasetError(
            f"{data_dir}: expected a folder '{split}' of label folders "
            f"({', '.join(SHARED_LABELS.names)}), found {found}"
        )
    paths = [
        (path, index)
        for index, label in enumerate(SHARED_LABELS.names)
        for path in sorted((root / label).glob("*.png")) + sorted((root / label).glob("*.jpg"))
    ]
    if not paths:
        raise DatasetError(f"{root}: no pictures in its label folders")
    votes_of = _read_votes(data_dir / "fer2013new.csv")
    crops = np.empty((len(paths), SIZE, SIZE), np.uint8)
    votes = np.zeros((len(paths), len(FERPLUS_LABELS)), np.float32)
    tagged = np.zeros(len(paths), np.float32)
    for row, (path, _) in enumerate(paths):
        crops[row] = _read_crop(path)
        if path.name in votes_of:
            votes[row], tagged[row] = votes_of[path.name]
        if progress is not None:
            progress(row + 1, len(paths))
    labels = np.array([index for _, index in paths], np.int64)
    return FaceCorpus(crops, labels, votes, tagged, tuple(path.name for path, _ in paths))


def _read_crop(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None or picture.shape != (SIZE, SIZE):
        found = "no picture" if picture is None else f"{picture.shape[1]}×{picture.shape[0]}"
        raise DatasetError(f"{path}: expected a {SIZE}×{SIZE} picture, found {found}")
    return np.asarray(picture, np.uint8)


def _read_votes(path: Path) -> dict[str, tuple[NDArray[np.float32], float]]:
    if not path.is_file():
        return {}
    columns = {ours: theirs for theirs, ours in _VOTE_COLUMNS.items()}
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        missing = {"Image name", *_VOTE_COLUMNS} - set(rows.fieldnames or ())
        if missing:
            raise DatasetError(f"{path}: expected FER+ columns, missing {sorted(missing)}")
        return {
            row["Image name"]: (
                np.array([float(row[columns[n]]) for n in FERPLUS_LABELS.names], np.float32),
                sum(float(row[c]) for c in (*_VOTE_COLUMNS, "unknown", "NF")),
            )
            for row in rows
            if row["Image name"]
        }


def near_duplicates(
    crops: NDArray[np.uint8], others: NDArray[np.uint8], threshold: float = 0.95
) -> NDArray[np.bool_]:
    """Which of ``crops`` ``(n, 48, 48)`` stand, nearly unchanged, among ``others`` ``(m, 48, 48)``.

    Two pictures count as one when their halved versions correlate at least ``threshold``, as they
    are or mirrored.

    Returns:
        ``(n,)`` bool.
    """
    ours, theirs = _unit_rows(crops), _unit_rows(others)
    mirrored = _unit_rows(others[:, :, ::-1])
    found = np.zeros(len(crops), bool)
    for start in range(0, len(ours), 4096):
        rows = ours[start : start + 4096]
        best = np.maximum((rows @ theirs.T).max(1), (rows @ mirrored.T).max(1))
        found[start : start + 4096] = best >= threshold
    return found


def _unit_rows(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    n, height, width = crops.shape
    small = crops.reshape(n, height // 2, 2, width // 2, 2).mean((2, 4), dtype=np.float32)
    rows = small.reshape(n, -1)
    rows -= rows.mean(1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(norms, 1e-6)
    return unit
