"""The corpora that emoscope knows by name: what they are, how they lie, how to get them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from emoscope.errors import DatasetError, MediaError
from emoscope.labels import FERPLUS_LABELS, SHARED_LABELS, LabelSet
from emoscope.media import open_media
from emoscope.training.datasets import fer2013, folders, speech
from emoscope.training.datasets.tree import (
    PICTURES,
    SOUNDS,
    Tree,
    found_in,
    label_of,
    list_files,
    split_of,
)

FOLDER = folders.NAME
"""The name of what is no known corpus: a folder of label folders."""

_SAMPLE = 24  # pictures whose size is looked at


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be fetched without a log-in.

    Attributes:
        name: what to call it here.
        url: where it is published.
        size_bytes: as published, None where it is not stated.
        digest: as published, ``md5:<hex>`` or ``sha256:<hex>``; ``""`` where none is stated.
    """

    name: str
    url: str
    size_bytes: int | None = None
    digest: str = ""


@dataclass(frozen=True)
class Corpus:
    """What there is to know of a corpus.

    Attributes:
        name: short.
        role: ``face`` or ``voice``.
        title: in full.
        citation: what a publication cites.
        licence: as its source states it.
        labels: native labels.
        layout: how its files lie, one line.
        files: what can be fetched; archives are unpacked where they lie.
        steps: what a person does where it cannot be fetched, a sentence each.
    """

    name: str
    role: Literal["face", "voice"]
    title: str
    citation: str
    licence: str
    labels: LabelSet
    layout: str
    files: tuple[RemoteFile, ...] = ()
    steps: tuple[str, ...] = ()


_KAGGLE_FER = (
    "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-"
    "recognition-challenge/data"
)
_VOTES_URL = "https://raw.githubusercontent.com/microsoft/FERPlus/master/fer2013new.csv"

_ALL = (
    Corpus(
        "fer2013",
        "face",
        "FER2013: 35,887 faces from the web, 48×48 grey",
        "Goodfellow et al., Challenges in representation learning: a report on three machine "
        "learning contests, ICONIP 2013",
        "challenge data, for research; no licence stated",
        SHARED_LABELS,
        f"{fer2013.LAYOUTS['folders']}; or {fer2013.LAYOUTS['table']}",
        steps=(
            f"Log in to Kaggle, accept the rules, and download fer2013.tar.gz from {_KAGGLE_FER}.",
            "Unpack it: tar -xzf fer2013.tar.gz; its folder, with fer2013.csv, is the corpus.",
            f"For FER+'s votes save {_VOTES_URL} beside fer2013.csv.",
        ),
    ),
    Corpus(
        "ferplus",
        "face",
        "FER+: FER2013's pictures, each labelled by ten people",
        "Barsoum et al., Training deep networks for facial expression recognition with "
        "crowd-sourced label distribution, ICMI 2016",
        "labels MIT; pictures as FER2013",
        FERPLUS_LABELS,
        fer2013.LAYOUTS["ferplus"],
        steps=(
            "Get fer2013.csv as for fer2013.",
            "Clone it: git clone https://github.com/microsoft/FERPlus",
            "Write the pictures: python FERPlus/src/generate_training_data.py -d FERPlus/data "
            "-fer fer2013.csv -ferplus FERPlus/fer2013new.csv; the folder FERPlus/data is the "
            "corpus.",
        ),
    ),
    Corpus(
        "ravdess",
        "voice",
        "RAVDESS, speech: 24 actors, two sentences, 1,440 recordings",
        "Livingstone and Russo, The Ryerson audio-visual database of emotional speech and song, "
        "PLoS ONE 13(5), 2018",
        "CC BY-NC-SA 4.0",
        speech.corpus_labels("ravdess"),
        speech.NAMINGS["ravdess"].example,
        files=(
            RemoteFile(
                "Audio_Speech_Actors_01-24.zip",
                "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
                208_468_073,
                "md5:bc696df654c87fed845eb13823edef8a",
            ),
        ),
    ),
    Corpus(
        "tess",
        "voice",
        "TESS: two actresses, 200 words in a carrier sentence, 2,800 recordings",
        "Pichora-Fuller and Dupuis, Toronto emotional speech set, Scholars Portal Dataverse, "
        "2020, doi:10.5683/SP2/E8H2MF",
        "CC BY-NC-ND 4.0",
        speech.corpus_labels("tess"),
        speech.NAMINGS["tess"].example,
        steps=(
            "Open https://doi.org/10.5683/SP2/E8H2MF, accept the terms and download all files; or "
            "log in to Kaggle and download "
            "https://www.kaggle.com/datasets/ejlok1/toronto-emotional-speech-set-tess",
            "Unpack them into one folder; that folder is the corpus.",
        ),
    ),
    Corpus(
        "emodb",
        "voice",
        "EMO-DB: ten German actors, ten sentences, 535 recordings",
        "Burkhardt et al., A database of German emotional speech, Interspeech 2005",
        "free for research; no licence stated",
        speech.corpus_labels("emodb"),
        speech.NAMINGS["emodb"].example,
        files=(RemoteFile("download.zip", "http://emodb.bilderbar.info/download/download.zip"),),
    ),
    Corpus(
        "cremad",
        "voice",
        "CREMA-D: 91 actors, twelve sentences, 7,442 recordings",
        "Cao et al., CREMA-D: crowd-sourced emotional multimodal actors dataset, IEEE "
        "Transactions on Affective Computing 5(4), 2014",
        "Open Database License 1.0; contents: Database Contents License 1.0",
        speech.corpus_labels("cremad"),
        speech.NAMINGS["cremad"].example,
        steps=(
            "Install git-lfs: the recordings are kept in it.",
            "Clone it without the films: GIT_LFS_SKIP_SMUDGE=1 git clone "
            "https://github.com/CheyneyComputerScience/CREMA-D",
            'Fetch the recordings: git -C CREMA-D lfs pull --include "AudioWAV/*"; the folder '
            "CREMA-D is the corpus.",
        ),
    ),
)

CORPORA: Mapping[str, Corpus] = MappingProxyType({corpus.name: corpus for corpus in _ALL})


def find(name: str) -> Corpus:
    """A corpus by its name.

    Raises:
        DatasetError: there is none of that name.
    """
    if name not in CORPORA:
        raise DatasetError(f"no corpus '{name}'; known are {', '.join(CORPORA)}")
    return CORPORA[name]


def detect(data_dir: Path) -> str:
    """Which corpus a folder holds, by how it is laid out.

    Returns:
        A name of :data:`CORPORA`, or :data:`FOLDER` for any other folder of label folders.

    Raises:
        DatasetError: no such folder, none of the known layouts, or several corpora at once.
    """
    tree = list_files(data_dir)
    found = [name for name, holds in _DETECTORS.items() if holds(tree)]
    if len(found) > 1:
        raise DatasetError(
            f"{data_dir}: holds several corpora ({', '.join(found)}); give the folder of one"
        )
    if found:
        return found[0]
    if any(
        any(label_of(folder) for folder in path.relative_to(data_dir).parts[:-1])
        for path in tree.named(PICTURES + SOUNDS)
    ):
        return FOLDER
    expected = "; ".join(f"{corpus.name}: {corpus.layout}" for corpus in CORPORA.values())
    raise DatasetError(
        f"{data_dir}: no corpus that is known; {found_in(data_dir)}. Expected one of: {expected}; "
        f"{FOLDER}: {folders.FACE_LAYOUT}, {folders.SPEECH_LAYOUT}"
    )


def _named(corpus: str) -> Callable[[Tree], bool]:
    parse = speech.NAMINGS[corpus].parse
    return lambda tree: any(parse(path.stem) is not None for path in tree.named(SOUNDS))


def _is_fer2013(tree: Tree) -> bool:
    layout = fer2013.layout_of(tree.root)
    return layout == "table" or (layout == "folders" and _has_fer2013_pictures(tree))


def _has_fer2013_pictures(tree: Tree) -> bool:
    """Whether pictures lie as ``<split>/<label>/`` and a sample of them is FER2013's size."""
    pictures = [
        path
        for path in tree.named(PICTURES)
        if len(parts := path.relative_to(tree.root).parts) == 3
        and split_of(parts[0])
        and label_of(parts[1]) in SHARED_LABELS.names
    ]
    sample = pictures[:: max(1, len(pictures) // _SAMPLE)]
    sizes = [_size_px(path) for path in sample]
    return sizes.count((fer2013.SIZE, fer2013.SIZE)) > len(sizes) / 2


def _size_px(path: Path) -> tuple[int, int] | None:
    try:
        with open_media(path) as media:
            return media.size_px
    except MediaError:
        return None


_DETECTORS: Mapping[str, Callable[[Tree], bool]] = {
    "ferplus": lambda tree: fer2013.layout_of(tree.root) == "ferplus",
    "fer2013": _is_fer2013,
    **{name: _named(name) for name in speech.NAMINGS},
}
