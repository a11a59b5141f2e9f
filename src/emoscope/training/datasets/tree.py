"""What lies in a folder, and what the names of its folders mean."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emoscope.errors import DatasetError
from emoscope.labels import TO_SHARED

Progress = Callable[[int, int], None]

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif")
# The better copy first: where a corpus comes in two formats, the first of these is read.
SOUNDS = (
    *(".wav", ".flac", ".aif", ".aiff", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma"),
)

SPLITS = ("train", "validation", "test")
_SPLIT_NAMES = {**{name: name for name in SPLITS}, "val": "validation", "valid": "validation"}
_LABEL_NAMES = {
    **{name: name for name in TO_SHARED},
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "pleasant surprise": "surprise",
    "pleasant surprised": "surprise",
    "bored": "boredom",
}


def split_of(folder: str) -> str:
    """Which of :data:`SPLITS` a folder's name means, ``""`` for none."""
    return _SPLIT_NAMES.get(folder.strip().casefold(), "")


def label_of(folder: str) -> str:
    """Which label a folder's name means (``"Happiness"`` is ``"happy"``), ``""`` for none.

    Numbers mean nothing: each project numbers the emotions in its own way.
    """
    return _LABEL_NAMES.get(re.sub(r"[\s_-]+", " ", folder).strip().casefold(), "")


def split_folders(root: Path) -> dict[str, Path]:
    """The folders in ``root`` that are named after splits, in the order of :data:`SPLITS`.

    Raises:
        DatasetError: two stand for one split, or ``root`` cannot be read.
    """
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir())
    except OSError as error:
        raise DatasetError(f"{root}: cannot be read: {error.strerror or error}") from None
    found: dict[str, Path] = {}
    for folder in folders:
        split = split_of(folder.name)
        if split in found:
            raise DatasetError(
                f"{root}: '{found[split].name}' and '{folder.name}' are both {split}; keep one"
            )
        if split:
            found[split] = folder
    return {split: found[split] for split in SPLITS if split in found}


@dataclass(frozen=True)
class Tree:
    """The files below a folder.

    Attributes:
        root: the folder.
        files: each file, in order of path; hidden ones and what macOS adds to archives left out.
        skipped: one line for each folder that could not be read.
        notes: a sentence for each link to a folder that is read already.
    """

    root: Path
    files: tuple[Path, ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...]

    def named(self, suffixes: tuple[str, ...]) -> list[Path]:
        """The files whose name ends in one of ``suffixes``."""
        return [path for path in self.files if path.suffix.lower() in suffixes]


def list_files(root: Path) -> Tree:
    """All files below ``root``. Links are followed, but no folder is read twice.

    Raises:
        DatasetError: no such folder, or it cannot be read.
    """
    if not root.is_dir():
        what = "a file, not a folder" if root.exists() else "no such folder"
        raise DatasetError(f"{root}: {what}")
    files: list[Path] = []
    skipped: list[str] = []
    notes: list[str] = []
    seen: dict[tuple[int, int], Path] = {}
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            key = (status.st_dev, status.st_ino)
            if key in seen:
                notes.append(f"{folder} leads to {seen[key]}, which is read already.")
                continue
            seen[key] = folder
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(f"{folder}: cannot be read: {error.strerror or error}")
            continue
        folders: list[Path] = []
        for entry in entries:
            if not entry.name.startswith(".") and entry.name != "__MACOSX":
                (folders if _is_folder(entry) else files).append(folder / entry.name)
        waiting.extend(reversed(folders))  # the last is taken first
    if not files and skipped:
        raise DatasetError(skipped[0])
    return Tree(root, tuple(sorted(files)), tuple(skipped), tuple(notes))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def found_in(root: Path) -> str:
    """What a folder holds, for errors: ``"found angry/, happy/ and 5 more"``."""
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    names = [f"{e.name}/" if _is_folder(e) else e.name for e in entries if e.name[0] != "."]
    if not names:
        return "found nothing"
    rest = f" and {len(names) - 4} more" if len(names) > 5 else ""
    return f"found {', '.join(names[: 4 if rest else 5])}{rest}"


def nothing_read(root: Path, kind: str, skipped: list[str]) -> DatasetError:
    """For a folder of which nothing can be read: how many files there are, and the first reason."""
    if not skipped:
        return DatasetError(f"{root}: no {kind}")
    return DatasetError(f"{root}: none of its {len(skipped)} {kind} can be read; {skipped[0]}")
