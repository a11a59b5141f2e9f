"""What the models answer to labelled faces, voices and words, kept between runs."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.export.files import atomic_path
from emoscope.face.recognise import FaceRecogniser
from emoscope.fusion.quality import sharpness, signal_to_noise_db
from emoscope.labels import SHARED, TO_SHARED, plain_label
from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets.corpora import FaceCorpus, SpeechCorpus
from emoscope.training.evaluate.items import read_faces
from emoscope.voice.recognise import VoiceRecogniser

_VOICES_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Readings:
    """A model's answers to ``n`` items in the shared seven.

    Attributes:
        names: ``(n,)`` text, of the items.
        groups: ``(n,)`` text: who speaks; ``""`` where that is not known.
        truth: ``(n,)`` int64, index into the shared seven.
        probs: ``(n, 7)`` float64, rows sum to 1.
        measures: ``(n, m)`` float64, what was measured of each item, in the order of
            :data:`emoscope.fusion.quality.MEASURES`; NaN where it was not measured.
    """

    names: NDArray[np.str_]
    groups: NDArray[np.str_]
    truth: NDArray[np.int64]
    probs: NDArray[np.float64]
    measures: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Readings:
        """The items at ``index`` (numbers or a mask)."""
        return Readings(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    @classmethod
    def join(cls, parts: list[Readings]) -> Readings:
        """Several as one."""
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )


def face_readings(recogniser: FaceRecogniser, items: FaceCorpus) -> Readings:
    """Read pictures ``(48, 48)`` that frame faces as crops do; nothing was detected in them."""
    native, _ = read_faces(recogniser, items.crops)
    return _kept(
        np.array(items.names),
        np.array(items.speakers, np.str_),
        [items.label_set.names[label] for label in items.labels.tolist()],
        recogniser.labels.to_shared(native),
        np.array([(np.nan, np.nan, float(c.shape[1]), sharpness(c)) for c in items.crops]),
    )


def voice_readings(
    recogniser: VoiceRecogniser,
    items: SpeechCorpus,
    change: Callable[[NDArray[np.float32], int], NDArray[np.float32]] | None = None,
) -> Readings:
    """Read recordings from their first to their last speech.

    Args:
        recogniser: the model.
        items: recordings.
        change: what is done to each stretch ``(time,)`` before, given its number.
    """
    stretches = [items.speech(row) for row in range(len(items))]
    if change is not None:
        stretches = [change(stretch, row) for row, stretch in enumerate(stretches)]
    native = np.concatenate(
        [
            recogniser.read(stretches[start : start + _VOICES_AT_ONCE])[0]
            for start in range(0, len(stretches), _VOICES_AT_ONCE)
        ]
    )
    return _kept(
        np.array(items.names),
        np.array(items.speakers),
        [items.label_set.names[label] for label in items.labels.tolist()],
        recogniser.labels.to_shared(native),
        np.array([(len(x) / SAMPLE_RATE, signal_to_noise_db(x)) for x in stretches]),
    )


def _kept(
    names: NDArray[np.str_],
    groups: NDArray[np.str_],
    labels: list[str],
    probs: NDArray[np.float64],
    measures: NDArray[np.float64],
) -> Readings:
    """Those whose label has a counterpart among the shared seven."""
    shared = [TO_SHARED[plain_label(label)] for label in labels]
    kept = np.array([label is not None for label in shared])
    truth = np.array([SHARED.index(label) if label else -1 for label in shared], np.int64)
    return Readings(names, groups, truth, probs, measures).take(kept)


def halves(names: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Which half each item falls into, by the SHA-256 of its name: the same wherever it is read."""
    return np.array([hashlib.sha256(name.encode()).digest()[0] < 128 for name in names.tolist()])


def kept_in(folder: Path | None, key: str, read: Callable[[], Readings]) -> Readings:
    """What ``read`` gives, or what it gave before under the same ``key``.

    Args:
        folder: where answers are kept; None: nowhere.
        key: all that the answers depend on (model's digest, corpus, part), in words.
        read: gives them.
    """
    if folder is None:
        return read()
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            return Readings(**{f.name: file[f.name] for f in fields(Readings)})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        found = read()
    with atomic_path(path) as part:
        arrays = {f.name: getattr(found, f.name) for f in fields(Readings)}
        np.savez_compressed(part, allow_pickle=False, **arrays)
    return found


def renamed(readings: Readings, mark: str) -> Readings:
    """The same answers under other names, so that a changed item is told from the original."""
    return replace(readings, names=np.array([f"{name}#{mark}" for name in readings.names]))
