"""Any corpus from its folder, by name: the one way in."""

from __future__ import annotations

from pathlib import Path

from emoscope.errors import DatasetError
from emoscope.training.datasets import catalog, fer2013, folders, speech
from emoscope.training.datasets.corpora import FaceCorpus, Items, SpeechCorpus
from emoscope.training.datasets.tree import PICTURES, SOUNDS, Progress, found_in, list_files
from emoscope.voice.activity import GateChoice


def load(
    name: str, data_dir: Path, progress: Progress | None = None, *, gate: GateChoice = "light"
) -> Items:
    """Read a corpus.

    Args:
        name: one of :data:`emoscope.training.datasets.catalog.CORPORA`, or ``folder`` for a
            folder of label folders.
        data_dir: its folder.
        progress: called with files read and files in all.
        gate: what finds the speech in recordings; ``light`` is always there, so that a training
            does not depend on what else is installed.

    Returns:
        What can be read; the rest is named in ``skipped``.

    Raises:
        DatasetError: unknown name, no such folder, another layout, or nothing can be read.
        ModelError: large pictures need a face detector and its file is damaged.
        MissingExtraError: ``gate`` is ``silero`` and that is not installed.
    """
    if _role(name, data_dir) == "face":
        return load_faces(name, data_dir, progress)
    return load_speech(name, data_dir, progress, gate=gate)


def load_faces(name: str, data_dir: Path, progress: Progress | None = None) -> FaceCorpus:
    """Read a corpus of faces; of a folder of label folders, the pictures.

    Args, Raises: as for :func:`load`.
    """
    if name == catalog.FOLDER:
        return folders.load_faces(data_dir, progress)
    if catalog.find(name).role != "face":
        raise DatasetError(f"{name} is a corpus of voices, not of faces")
    if name == "ferplus" and fer2013.layout_of(data_dir) != "ferplus":
        expected = fer2013.LAYOUTS["ferplus"]
        raise DatasetError(f"{data_dir}: expected {expected}; {found_in(data_dir)}")
    return fer2013.load(data_dir, progress=progress)


def load_speech(
    name: str, data_dir: Path, progress: Progress | None = None, *, gate: GateChoice = "light"
) -> SpeechCorpus:
    """Read a corpus of speech; of a folder of label folders, the recordings.

    Args, Raises: as for :func:`load`.
    """
    if name == catalog.FOLDER:
        return folders.load_speech(data_dir, progress, gate=gate)
    if catalog.find(name).role != "voice":
        raise DatasetError(f"{name} is a corpus of faces, not of voices")
    return speech.load(name, data_dir, progress, gate=gate)


def _role(name: str, data_dir: Path) -> str:
    if name != catalog.FOLDER:
        return catalog.find(name).role
    tree = list_files(data_dir)
    pictures, sounds = len(tree.named(PICTURES)), len(tree.named(SOUNDS))
    if pictures and sounds:
        raise DatasetError(
            f"{data_dir}: holds {pictures} pictures and {sounds} recordings; "
            "keep them in folders of their own"
        )
    return "voice" if sounds else "face"
