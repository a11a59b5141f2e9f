"""Acted speech: RAVDESS (Livingstone and Russo, 2018), TESS (Pichora-Fuller and Dupuis, 2020),
EMO-DB (Burkhardt et al., 2005), CREMA-D (Cao et al., 2014).

The name of a file says who speaks, with which emotion, and which text. Every clip comes with its
speaker, so that no speaker need ever cross a split.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError, MediaError
from emoscope.labels import EMODB_LABELS, RAVDESS_LABELS, SHARED_LABELS, LabelSet
from emoscope.media import SAMPLE_RATE, Sound, open_media
from emoscope.training.datasets.corpora import Clip, SpeechCorpus, label_set_of
from emoscope.training.datasets.tree import (
    SOUNDS,
    Progress,
    Tree,
    found_in,
    list_files,
    nothing_read,
)
from emoscope.voice.activity import GateChoice, SpeechGate, load_gate

CREMAD_LABELS = LabelSet(("angry", "disgust", "fear", "happy", "neutral", "sad"))

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
_CREMAD_CODES = dict(
    zip(("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"), CREMAD_LABELS.names, strict=True)
)

# Of a file's name without suffix: speaker, label, sentence; None where the corpus has no such name.
_Parse = Callable[[str], tuple[str, str, str] | None]


def _ravdess(stem: str) -> tuple[str, str, str] | None:
    match = re.fullmatch(r"03-01-(0[1-8])-0[12]-(0[12])-0[12]-(\d\d)", stem)
    return (match[3], _RAVDESS_CODES[int(match[1])], match[2]) if match else None


def _tess(stem: str) -> tuple[str, str, str] | None:
    match = re.fullmatch(r"(OAF|YAF|OA)_([a-z]+)_([a-z_]+)", stem, re.IGNORECASE)
    if not match or match[3].lower() not in _TESS_WORDS:
        return None
    # One published file is named OA_bite_neutral; it is the older voice too.
    speaker = "YAF" if match[1].upper() == "YAF" else "OAF"
    return speaker, _TESS_WORDS[match[3].lower()], match[2].lower()


def _emodb(stem: str) -> tuple[str, str, str] | None:
    match = re.fullmatch(r"(\d\d)([ab]\d\d)([WLEAFTN])[a-z]?", stem)
    return (match[1], _EMODB_LETTERS[match[3]], match[2]) if match else None


def _cremad(stem: str) -> tuple[str, str, str] | None:
    # One published file ends in _X instead of _XX.
    match = re.fullmatch(r"(1\d{3})_([A-Z]{3})_([A-Z]{3})_(?:LO|MD|HI|XX?)", stem)
    if not match or match[3] not in _CREMAD_CODES:
        return None
    return match[1], _CREMAD_CODES[match[3]], match[2]


@dataclass(frozen=True)
class Naming:
    """How a corpus names its files.

    Attributes:
        labels: native labels.
        example: a file where the corpus keeps it.
        parse: speaker, label and sentence of a name without suffix, None for other names.
    """

    labels: LabelSet
    example: str
    parse: _Parse


NAMINGS = {
    "ravdess": Naming(RAVDESS_LABELS, "Actor_12/03-01-05-01-02-01-12.wav", _ravdess),
    "tess": Naming(SHARED_LABELS, "OAF_angry/OAF_back_angry.wav", _tess),
    "emodb": Naming(EMODB_LABELS, "wav/03a01Fa.wav", _emodb),
    "cremad": Naming(CREMAD_LABELS, "AudioWAV/1001_DFA_ANG_XX.wav", _cremad),
}


def corpus_labels(corpus: str) -> LabelSet:
    """The native labels of a corpus.

    Raises:
        DatasetError: there is no loader of that name.
    """
    return _naming(corpus).labels


def _naming(corpus: str) -> Naming:
    if corpus not in NAMINGS:
        raise DatasetError(f"no corpus '{corpus}'; known are {', '.join(NAMINGS)}")
    return NAMINGS[corpus]


def list_clips(corpus: str, data_dir: Path) -> list[Clip]:
    """All clips of a corpus below ``data_dir``, in order of path.

    How deep a file lies does not matter, nor its format. A name that is there twice (an archive
    that holds its own folder again, a second format) is one clip.

    Raises:
        DatasetError: unknown corpus, no such folder, or no file named as the corpus names them.
    """
    naming = _naming(corpus)
    return _clips(corpus, naming, list_files(data_dir))


def _clips(corpus: str, naming: Naming, tree: Tree) -> list[Clip]:
    once: dict[str, Clip] = {}
    sounds = tree.named(SOUNDS)
    for path in sorted(sounds, key=lambda p: (SOUNDS.index(p.suffix.lower()), len(p.parts), p)):
        found = naming.parse(path.stem)
        if found is not None:
            speaker, label, sentence = found
            once.setdefault(path.stem.casefold(), Clip(path, corpus, speaker, label, sentence))
    if not once:
        raise DatasetError(
            f"{tree.root}: no file is named as {corpus} names them ({naming.example}); "
            f"{found_in(tree.root)}"
        )
    return sorted(once.values(), key=lambda clip: clip.path)


def load(
    corpus: str,
    data_dir: Path,
    progress: Progress | None = None,
    *,
    gate: GateChoice = "light",
) -> SpeechCorpus:
    """Read a corpus of acted speech.

    Args:
        corpus: one of :data:`NAMINGS`.
        data_dir: its folder.
        progress: called with recordings read and in all.
        gate: what finds the speech in them.

    Returns:
        Every recording that can be read, with the corpus' own labels.

    Raises:
        DatasetError: unknown corpus, no such folder, no file named as the corpus names them, or
            none can be read.
        MissingExtraError: ``gate`` is ``silero`` and that is not installed.
    """
    naming = _naming(corpus)
    tree = list_files(data_dir)
    clips = _clips(corpus, naming, tree)
    others = [path for path in tree.named(SOUNDS) if naming.parse(path.stem) is None]
    notes = list(tree.notes)
    if others:
        notes.append(
            f"{len(others)} other recordings left out: not named as {corpus} names its speech "
            f"(the first is {others[0].name})."
        )
    return read_clips(clips, naming.labels, tree, notes, progress, gate=gate)


def read_clips(
    clips: Sequence[Clip],
    labels: LabelSet | None,
    tree: Tree,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
    *,
    gate: GateChoice = "light",
) -> SpeechCorpus:
    """Decode recordings and find the speech in them.

    Args:
        clips: what to read.
        labels: of the corpus; None: those that can be read.
        tree: the folder they lie in.
        notes: what is to be said of the corpus.
        progress: called with recordings read and in all.
        gate: what finds the speech.

    Raises:
        DatasetError: none can be read.
        MissingExtraError: ``gate`` is ``silero`` and that is not installed.
    """
    speech_gate = load_gate(gate)
    read: list[Clip] = []
    waveforms: list[NDArray[np.float32]] = []
    extents: list[tuple[int, int]] = []
    skipped, silent = list(tree.skipped), 0
    for count, clip in enumerate(clips, start=1):
        try:
            waveform = _sound(clip.path)
        except MediaError as error:
            skipped.append(f"{clip.path.relative_to(tree.root).as_posix()}: {error.problem}")
        else:
            start, end, heard = speech_extent(waveform, speech_gate)
            silent += not heard
            read.append(clip)
            waveforms.append(waveform)
            extents.append((start, end))
        if progress is not None:
            progress(count, len(clips))
    if not read:
        raise nothing_read(tree.root, "recordings", skipped)
    if silent:
        notes = (*notes, f"In {silent} of {len(read)} clips the gate heard no speech: read whole.")
    return SpeechCorpus(
        tuple(read),
        tuple(waveforms),
        np.array(extents, np.int64),
        labels or label_set_of([clip.label for clip in read]),
        tuple(skipped),
        tuple(notes),
    )


def _sound(path: Path) -> NDArray[np.float32]:
    """A recording that holds sound; else a ``MediaError`` that says what to do."""
    try:
        waveform = read_waveform(path)
    except MediaError as error:
        if _is_pointer(path):
            problem = "a pointer of git-lfs, not the recording; run: git lfs pull"
            raise MediaError(str(path), problem) from None
        raise error
    if not waveform.any():
        raise MediaError(str(path), "holds only silence" if waveform.size else "holds no sound")
    return waveform


def _is_pointer(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(27) == b"version https://git-lfs.git"
    except OSError:
        return False


def read_waveform(path: Path) -> NDArray[np.float32]:
    """The whole recording as ``(time,)`` at 16 kHz, decoded as in use.

    Raises:
        MediaError: it cannot be read.
    """
    with open_media(path) as media:
        parts = [item.waveform for item in media.read() if isinstance(item, Sound)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def speech_extent(waveform: NDArray[np.float32], gate: SpeechGate) -> tuple[int, int, bool]:
    """Where speech begins and ends in a recording ``(time,)`` at 16 kHz.

    Returns:
        The first sample of the first speech, the one behind the last (all of the recording where
        the gate hears none), and whether it heard any.
    """
    gate.reset()
    spans = [*gate.push(waveform), *gate.flush()]
    if not spans:
        return 0, len(waveform), False
    start, end = round(spans[0].start_s * SAMPLE_RATE), round(spans[-1].end_s * SAMPLE_RATE)
    return start, min(end, len(waveform)), True
