"""What is learnt from and measured on: labelled faces, labelled speech."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.labels import FERPLUS_LABELS, SHARED_LABELS, TO_SHARED, LabelSet, plain_label

Index = NDArray[np.integer[Any]] | NDArray[np.bool_]


@dataclass(frozen=True)
class FaceCorpus:
    """Labelled faces.

    Attributes:
        crops: ``(n, size, size)`` uint8 grey.
        labels: ``(n,)`` int64, index into ``label_set``.
        names: of each picture, distinct: its path below the corpus' folder.
        label_set: native labels.
        corpus: where it comes from, for protocols and metadata.
        votes: ``(n, 8)`` float32, FER+'s votes per class of ``FERPLUS_LABELS``; rows of zeros
            where there are none.
        tagged: ``(n,)`` float32, all FER+ votes a picture got, "unknown" and "no face" included.
        speakers: who each picture shows, ``""`` where that is not known.
        splits: the corpus' own split of each picture (``train``, ``validation``, ``test``),
            ``""`` where it has none.
        skipped: one line for each picture that could not be read.
        notes: what a reader must know of the others, a sentence each.
    """

    crops: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    label_set: LabelSet
    corpus: str
    votes: NDArray[np.float32]
    tagged: NDArray[np.float32]
    speakers: tuple[str, ...]
    splits: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        crops: NDArray[np.uint8],
        labels: NDArray[np.int64],
        names: tuple[str, ...],
        *,
        label_set: LabelSet = SHARED_LABELS,
        corpus: str = "fer2013",
        votes: NDArray[np.float32] | None = None,
        tagged: NDArray[np.float32] | None = None,
        speakers: tuple[str, ...] = (),
        splits: tuple[str, ...] = (),
        skipped: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> FaceCorpus:
        """A corpus without votes, speakers or splits where none are given."""
        n = len(labels)
        return cls(
            crops,
            labels,
            names,
            label_set,
            corpus,
            np.zeros((n, len(FERPLUS_LABELS)), np.float32) if votes is None else votes,
            np.zeros(n, np.float32) if tagged is None else tagged,
            speakers or ("",) * n,
            splits or ("",) * n,
            skipped,
            notes,
        )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Index) -> FaceCorpus:
        """The pictures at ``index`` (numbers or a mask)."""
        numbers = np.arange(len(self))[index]
        return replace(
            self,
            crops=self.crops[numbers],
            labels=self.labels[numbers],
            names=_pick(self.names, numbers),
            votes=self.votes[numbers],
            tagged=self.tagged[numbers],
            speakers=_pick(self.speakers, numbers),
            splits=_pick(self.splits, numbers),
        )

    @classmethod
    def join(cls, parts: list[FaceCorpus]) -> FaceCorpus:
        """Several corpora of crops of one size as one; its labels are those of all."""
        names = [name for part in parts for name in part.label_set.names]
        label_set = label_set_of(names)
        labels = [
            label_set.index(part.label_set.names[index]) for part in parts for index in part.labels
        ]
        return cls(
            np.concatenate([part.crops for part in parts]),
            np.array(labels, np.int64),
            tuple(f"{part.corpus}/{name}" for part in parts for name in part.names),
            label_set,
            "+".join(part.corpus for part in parts),
            np.concatenate([part.votes for part in parts]),
            np.concatenate([part.tagged for part in parts]),
            tuple(speaker for part in parts for speaker in part.speakers),
            tuple(split for part in parts for split in part.splits),
            tuple(line for part in parts for line in part.skipped),
            tuple(line for part in parts for line in part.notes),
        )


@dataclass(frozen=True)
class Clip:
    """One recording of one utterance.

    Attributes:
        path: the file.
        corpus: where it comes from (``ravdess``, ``tess``, ...).
        speaker: who speaks, as the corpus names them (``"07"``, ``"OAF"``, ``"11"``).
        label: native label.
        sentence: which text is spoken, as the corpus names it; ``""`` where that is not known.
        name: its path below the corpus' folder; ``""``: its folder and its file are enough.
    """

    path: Path
    corpus: str
    speaker: str
    label: str
    sentence: str = ""
    name: str = ""


@dataclass(frozen=True)
class SpeechCorpus:
    """Labelled speech, decoded.

    Attributes:
        clips: one for each recording.
        waveforms: ``(time,)`` float32 at 16 kHz, whole.
        extents: ``(n, 2)`` int64, first and last sample of the speech in each, by the speech gate
            (all of it where the gate hears none).
        label_set: native labels.
        skipped: one line for each recording that could not be read.
        notes: what a reader must know of the others, a sentence each.
    """

    clips: tuple[Clip, ...]
    waveforms: tuple[NDArray[np.float32], ...]
    extents: NDArray[np.int64]
    label_set: LabelSet
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def corpus(self) -> str:
        """Names of the corpora, joined."""
        return "+".join(dict.fromkeys(clip.corpus for clip in self.clips))

    @property
    def labels(self) -> NDArray[np.int64]:
        """``(n,)`` int64, index into ``label_set``."""
        return np.array([self.label_set.index(clip.label) for clip in self.clips], np.int64)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each recording: corpus, folder and file."""
        return tuple(
            f"{c.corpus}/{c.name or f'{c.path.parent.name}/{c.path.name}'}" for c in self.clips
        )

    @property
    def speakers(self) -> tuple[str, ...]:
        """Speaker of each recording, told apart across corpora; ``""`` where not known."""
        return tuple(f"{c.corpus} {c.speaker}" if c.speaker else "" for c in self.clips)

    def speech(self, index: int) -> NDArray[np.float32]:
        """One recording from its first to its last speech, as a model hears it in use."""
        start, end = self.extents[index]
        return self.waveforms[index][start:end]

    def take(self, index: Index) -> SpeechCorpus:
        """The recordings at ``index`` (numbers or a mask)."""
        numbers = np.arange(len(self))[index]
        return replace(
            self,
            clips=_pick(self.clips, numbers),
            waveforms=_pick(self.waveforms, numbers),
            extents=self.extents[numbers],
        )

    def relabel(self, names: list[str]) -> SpeechCorpus:
        """The same recordings, called ``names`` instead."""
        clips = tuple(replace(c, label=n) for c, n in zip(self.clips, names, strict=True))
        return replace(self, clips=clips, label_set=label_set_of(names))

    @classmethod
    def join(cls, parts: list[SpeechCorpus]) -> SpeechCorpus:
        """Several corpora as one; its labels are those of all."""
        return cls(
            tuple(clip for part in parts for clip in part.clips),
            tuple(waveform for part in parts for waveform in part.waveforms),
            np.concatenate([part.extents for part in parts]),
            label_set_of([name for part in parts for name in part.label_set.names]),
            tuple(line for part in parts for line in part.skipped),
            tuple(line for part in parts for line in part.notes),
        )


Items = FaceCorpus | SpeechCorpus


def label_set_of(names: list[str]) -> LabelSet:
    """The distinct ``names``: shared emotions first, in their order, speakers together."""
    order = list(TO_SHARED)
    distinct = sorted(set(names), key=lambda n: (n.rpartition("/")[0], order.index(plain_label(n))))
    return LabelSet(tuple(distinct))


def _pick(values: tuple[Any, ...], numbers: NDArray[np.integer[Any]]) -> tuple[Any, ...]:
    return tuple(values[number] for number in numbers)
