"""Anybody's corpus: a folder of folders named after emotions.

Pictures lie in ``<label>/``, ``<split>/<label>/`` or ``<label>/<person>/``, recordings in
``<label>/``, ``<speaker>/<label>/`` or ``<label>/<speaker>/``. Labels may be called as people call
them (``Happiness``); numbers are not guessed.

A picture of at most :data:`CROP_PIXELS` on its longer side is taken for a crop of a face. In a
larger one the largest face is found and cropped as in use. All crops of a corpus have one size: 48
where every picture is a crop of at most 64 pixels, else 96.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError, MediaError
from emoscope.face.crop import crop_faces, crop_regions
from emoscope.face.detect import FaceDetector, load_detector
from emoscope.labels import TO_SHARED
from emoscope.training.datasets.corpora import Clip, FaceCorpus, SpeechCorpus, label_set_of
from emoscope.training.datasets.pictures import read_picture
from emoscope.training.datasets.speech import read_clips
from emoscope.training.datasets.tree import (
    PICTURES,
    SOUNDS,
    Progress,
    Tree,
    found_in,
    label_of,
    list_files,
    nothing_read,
    split_of,
)
from emoscope.voice.activity import GateChoice

NAME = "folder"
FACE_LAYOUT = "<label>/*.jpg, <split>/<label>/*.jpg or <label>/<person>/*.jpg"
SPEECH_LAYOUT = "<label>/*.wav, <speaker>/<label>/*.wav or <label>/<speaker>/*.wav"
CROP_PIXELS = 96
_SMALL_PIXELS, _SMALL_SIZE = 64, 48


@dataclass(frozen=True)
class _Item:
    """A file, and what the folders above it say."""

    path: Path
    name: str
    split: str
    label: str
    person: str


def load_faces(data_dir: Path, progress: Progress | None = None) -> FaceCorpus:
    """Read the pictures of a folder of label folders.

    Args:
        data_dir: the folder.
        progress: called with pictures read and in all.

    Returns:
        The faces, with the labels that there are.

    Raises:
        DatasetError: the folder is laid out differently, or none of its pictures can be read.
        ModelError: the face detector's file is damaged.
    """
    tree = list_files(data_dir)
    items, notes = _items(tree, PICTURES, "pictures", FACE_LAYOUT)
    faces = _Faces()
    read: list[_Item] = []
    skipped = list(tree.skipped)
    for count, item in enumerate(items, start=1):
        try:
            faces.add(read_picture(item.path), item.name)
        except MediaError as error:
            skipped.append(f"{item.name}: {error.problem}")
        else:
            read.append(item)
        if progress is not None:
            progress(count, len(items))
    if not read:
        raise nothing_read(data_dir, "pictures", skipped)
    labels = label_set_of([item.label for item in read])
    return FaceCorpus.of(
        faces.crops(),
        np.array([labels.index(item.label) for item in read], np.int64),
        tuple(item.name for item in read),
        label_set=labels,
        corpus=NAME,
        speakers=tuple(item.person for item in read),
        splits=tuple(item.split for item in read),
        skipped=tuple(skipped),
        notes=(*tree.notes, *notes, *faces.notes()),
    )


def load_speech(
    data_dir: Path, progress: Progress | None = None, *, gate: GateChoice = "light"
) -> SpeechCorpus:
    """Read the recordings of a folder of label folders.

    Args:
        data_dir: the folder.
        progress: called with recordings read and in all.
        gate: what finds the speech in them.

    Returns:
        The recordings, with the labels that there are; the speaker is ``""`` where no folder
        names one.

    Raises:
        DatasetError: the folder is laid out differently, or none of its recordings can be read.
        MissingExtraError: ``gate`` is ``silero`` and that is not installed.
    """
    tree = list_files(data_dir)
    items, notes = _items(tree, SOUNDS, "recordings", SPEECH_LAYOUT)
    if any(item.split for item in items):
        notes.append("The folders' own split is not used: recordings are divided by speakers.")
    clips = [Clip(i.path, NAME, i.person, i.label, name=i.name) for i in items]
    return read_clips(clips, None, tree, (*tree.notes, *notes), progress, gate=gate)


def _items(
    tree: Tree, suffixes: tuple[str, ...], kind: str, layout: str
) -> tuple[list[_Item], list[str]]:
    """Labelled files in order of path, and what is to be said of the others."""
    items: list[_Item] = []
    unknown: dict[str, None] = {}
    loose: list[str] = []
    for path in tree.named(suffixes):
        below = path.relative_to(tree.root)
        split, folders = _without_split(below.parts[:-1])
        labels = {label_of(folder) for folder in folders} - {""}
        people = [folder for folder in folders if not label_of(folder)]
        if not folders:
            loose.append(below.as_posix())
        elif not labels:
            unknown[folders[0]] = None
        elif len(labels) > 1 or len(people) > 1:
            raise DatasetError(f"{path}: expected {layout}; its folders say more than that")
        else:
            items.append(_Item(path, below.as_posix(), split, labels.pop(), "".join(people)))
    if unknown:
        raise _no_labels(tree.root, list(unknown))
    if not items:
        raise DatasetError(f"{tree.root}: expected {kind} as {layout}; {found_in(tree.root)}")
    if not loose:
        return items, []
    return items, [f"{len(loose)} {kind} outside of label folders left out ({loose[0]})."]


def _without_split(folders: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    split = split_of(folders[0]) if folders else ""
    return split, folders[1:] if split else folders


def _no_labels(root: Path, names: list[str]) -> DatasetError:
    shown = ", ".join(f"'{name}'" for name in names[:4])
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    advice = "numbers are not guessed; " if all(name.isdigit() for name in names) else ""
    return DatasetError(
        f"{root}: no labels are called {shown}{more}: {advice}rename these folders to "
        f"emotions ({', '.join(TO_SHARED)}) or move them away"
    )


class _Faces:
    """Crops as they come in; their common size shows only at the end."""

    def __init__(self) -> None:
        self._detector: FaceDetector | None = None
        self._grey: list[NDArray[np.uint8]] = []
        self._large = 0
        self._whole: list[str] = []

    def add(self, image: NDArray[np.uint8], name: str) -> None:
        """Take ``(height, width, 3)`` RGB: a crop as it is, of anything larger the largest face."""
        if max(image.shape[:2]) <= CROP_PIXELS:
            self._grey.append(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8))
            return
        self._large += 1
        if self._detector is None:  # only where it is needed: its file may have to be fetched
            self._detector = load_detector()
        boxes = [face.box_xyxy for face in self._detector.detect(image)]
        if boxes:
            largest = max(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
            self._grey.append(crop_faces(image, [largest], self._detector.name, CROP_PIXELS)[0])
        else:
            self._whole.append(name)
            self._grey.append(_squared(image, CROP_PIXELS))

    def crops(self) -> NDArray[np.uint8]:
        """``(n, size, size)`` uint8 grey."""
        longest = max(max(grey.shape) for grey in self._grey)
        size = _SMALL_SIZE if longest <= _SMALL_PIXELS else CROP_PIXELS
        made = np.empty((len(self._grey), size, size), np.uint8)
        for row, grey in enumerate(self._grey):
            made[row] = _squared(grey, size)
        return made

    def notes(self) -> list[str]:
        """How the larger pictures became crops."""
        if self._detector is None:
            return []
        told = f"In {self._large} pictures above {CROP_PIXELS} pixels the largest face was cropped"
        told = f"{told} ({self._detector.name})"
        if not self._whole:
            return [f"{told}."]
        return [
            f"{told}; in {len(self._whole)} of them none was found: taken whole "
            f"(the first is {self._whole[0]})."
        ]


def _squared(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The whole picture in a square, its edges going on where it is no square itself."""
    height, width = image.shape[:2]
    half = max(height, width) / 2
    x, y = width / 2, height / 2
    crop: NDArray[np.uint8]
    (crop,) = crop_regions(image, [(x - half, y - half, x + half, y + half)], size)
    return crop
