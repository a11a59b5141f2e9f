"""Acted speech: RAVDESS (Livingstone and Russo, 2018), TESS (Pichora-Fuller and Dupuis, 2020),
EMO-DB (Burkhardt et al., 2005).

Every clip comes with its speaker, so that no speaker need ever cross a split.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.labels import EMODB_LABELS, RAVDESS_LABELS, SHARED_LABELS, LabelSet
from emoscope.media import Sound, open_media

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".m4a")
LABELS = {"ravdess": RAVDESS_LABELS, "tess": SHARED_LABELS, "emodb": EMODB_LABELS}

_RAVDESS_CODES = dict(zip(range(1, 9), RAVDESS_LABELS.names, strict=True))
_TESS_WORDS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "sad": "sad",
    "ps": "surprise",
    "pleasant_surprise": "surprise",
    "pleasant_surprised": "surprise",
}
_EMODB_LETTERS = {
    "W": "angry",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}


@dataclass(frozen=True)
class Clip:
    """One recording of one utterance.

    Attributes:
        path: the file.
        corpus: ``ravdess``, ``tess`` or ``emodb``.
        speaker: who speaks, as the corpus names them (``"07"``, ``"OAF"``, ``"11"``).
        label: native label, one of ``LABELS[corpus]``.
    """

    path: Path
    corpus: str
    speaker: str
    label: str


def corpus_labels(corpus: str) -> LabelSet:
    """The native labels of a corpus.

    Raises:
        DatasetError: there is no loader of that name.
    """
    if corpus not in LABELS:
        raise DatasetError(f"no corpus '{corpus}'; known are {', '.join(LABELS)}")
    return LABELS[corpus]


def list_clips(corpus: str, data_dir: Path) -> list[Clip]:
    """All clips of a corpus below ``data_dir``, in order of path.

    RAVDESS: ``Actor_NN/03-01-....wav`` (speech only); TESS: ``<any folder>/OAF_word_emotion.wav``;
    EMO-DB: ``wav/03a01Fa.wav``. FLAC and other containers do as well.

    Raises:
        DatasetError: unknown corpus, no such folder, or no file named as the corpus names them.
    """
    corpus_labels(corpus)
    if not data_dir.is_dir():
        raise DatasetError(f"{data_dir}: no such folder")
    clips = list(_named(corpus, data_dir))
    if not clips:
        raise DatasetError(
            f"{data_dir}: no file is named as {corpus} names them ({_EXPECTED[corpus]})"
        )
    return clips


_EXPECTED = {
    "ravdess": "Actor_NN/03-01-05-01-02-01-12.wav",
    "tess": "OAF_angry/OAF_back_angry.wav",
    "emodb": "wav/03a01Fa.wav",
}


def _named(corpus: str, data_dir: Path) -> Iterator[Clip]:
    parse = {"ravdess": _ravdess, "tess": _tess, "emodb": _emodb}[corpus]
    for path in sorted(data_dir.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            found = parse(path.stem)
            if found is not None:
                yield Clip(path, corpus, *found)


def _ravdess(stem: str) -> tuple[str, str] | None:
    match = re.fullmatch(r"03-01-(0[1-8])-0[12]-0[12]-0[12]-(\d\d)", stem)
    return (match[2], _RAVDESS_CODES[int(match[1])]) if match else None


def _tess(stem: str) -> tuple[str, str] | None:
    match = re.fullmatch(r"(OAF|YAF|OA)_[a-z]+_([a-z_]+)", stem, re.IGNORECASE)
    if not match or match[2].lower() not in _TESS_WORDS:
        return None
    # One published file is named OA_bite_neutral; it is the older voice too.
    return ("YAF" if match[1].upper() == "YAF" else "OAF"), _TESS_WORDS[match[2].lower()]


def _emodb(stem: str) -> tuple[str, str] | None:
    match = re.fullmatch(r"(\d\d)[ab]\d\d([WLEAFTN])[a-z]?", stem)
    return (match[1], _EMODB_LETTERS[match[2]]) if match else None


def read_waveform(path: Path) -> NDArray[np.float32]:
    """The whole recording as ``(time,)`` at 16 kHz, decoded as in use.

    Raises:
        MediaError: it cannot be read.
    """
    with open_media(path) as media:
        parts = [item.waveform for item in media.read() if isinstance(item, Sound)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def read_waveforms(
    clips: list[Clip], progress: Callable[[int, int], None] | None = None
) -> list[NDArray[np.float32]]:
    """Waveforms of ``clips``, each ``(time,)`` at 16 kHz."""
    waveforms = []
    for count, clip in enumerate(clips, start=1):
        waveforms.append(read_waveform(clip.path))
        if progress is not None:
            progress(count, len(clips))
    return waveforms
