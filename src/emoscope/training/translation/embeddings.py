"""What translation learns from: embeddings of the frozen models, labels in the shared seven.

Each model reads its corpora once; the embeddings are kept beside the report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.export.files import atomic_path
from emoscope.face.recognise import FaceRecogniser
from emoscope.labels import SHARED, TO_SHARED, LabelSet
from emoscope.training.datasets import fer2013, speech
from emoscope.training.datasets.corpora import Clip, FaceCorpus, SpeechCorpus
from emoscope.training.datasets.ferplus import labelled_by_votes
from emoscope.training.datasets.tree import list_files
from emoscope.training.recipes.emoscope_voice import HELD_SPEAKERS, TEST_SPEAKERS
from emoscope.training.splits import divide
from emoscope.training.voice_views import vary
from emoscope.voice.recognise import VoiceRecogniser

FACES = 12_000  # pictures to learn from: enough beside some 4,500 readings of voices
TESS_LEARN = 40  # clips of each label: TESS is one text read 200 times by one voice
TESS_TEST = 30
VIEWS = 3  # varied readings of each training clip: the voice model knows the clips themselves
PARTS = ("learn", "held", "test")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Embedded:
    """Items of one part as a frozen model sees them.

    Attributes:
        values: ``(n, d)`` float32 embeddings.
        probs: ``(n, k)`` float32, the model's own answers.
        labels: ``(n,)`` int64, index into the shared seven.
        groups: ``(n,)`` text: corpus and speaker, ``""`` where not known.
    """

    values: NDArray[np.float32]
    probs: NDArray[np.float32]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Side:
    """One modality: its model and its parts.

    Attributes:
        model: ``name@version``.
        labels: what the model's probabilities stand for.
        parts: ``learn``, ``held`` (to choose by), ``test`` (only reported).
    """

    model: str
    labels: LabelSet
    parts: Mapping[str, Embedded]


def face_side(data_dir: Path, cache: Path, say: Say, seed: int = 0) -> Side:
    """FER2013: learn and held from its train split, its validation split reported.

    Training pictures that stand, nearly unchanged, among the reported ones are left out.

    Raises:
        DatasetError, ModelError: the corpus or the model cannot be had.
    """
    reader = FaceRecogniser(threads=1)

    def read() -> dict[str, Embedded]:
        say("reading FER2013")
        items = labelled_by_votes(fer2013.load(data_dir))
        fold = divide(items, "usage", seed=seed)[0]
        learn = np.random.default_rng([seed, 1]).permutation(fold.learn)[:FACES]
        rows = {"learn": np.sort(learn), "held": fold.held, "test": fold.test}
        return {part: _faces(reader, items.take(index)) for part, index in rows.items()}

    return _kept(cache / "face-embeddings.npz", reader.name, reader.labels, read, say)


def voice_side(folders: Mapping[str, Path], cache: Path, say: Say, seed: int = 0) -> Side:
    """Acted speech, split by speaker as the voice model was.

    Args:
        folders: of ``ravdess``, ``tess`` and ``emodb``.
        cache: where the embeddings are kept.
        say: told what is being done.
        seed: of samples and varied views.

    Raises:
        DatasetError, ModelError: a corpus or the model cannot be had.
    """
    reader = VoiceRecogniser(threads=1)

    def read() -> dict[str, Embedded]:
        rng = np.random.default_rng([seed, 2])
        found: dict[str, list[Embedded]] = {part: [] for part in PARTS}
        for corpus, folder in folders.items():
            say(f"reading {corpus}")
            clips: dict[str, list[Clip]] = {part: [] for part in PARTS}
            for clip in speech.list_clips(corpus, folder):
                if TO_SHARED[clip.label] is not None:
                    clips[part_of(corpus, clip.speaker)].append(clip)
            for part, wanted in clips.items():
                if corpus == "tess":
                    wanted = some(wanted, TESS_TEST if part == "test" else TESS_LEARN, rng)
                if wanted:
                    items = speech.read_clips(wanted, None, list_files(folder))
                    found[part].append(_voices(reader, items, rng if part == "learn" else None))
        empty = [part for part, several in found.items() if not several]
        if empty:
            raise DatasetError(f"{', '.join(folders)}: no speakers for {', '.join(empty)}")
        return {part: _joined(several) for part, several in found.items()}

    return _kept(cache / "voice-embeddings.npz", reader.name, reader.labels, read, say)


def part_of(corpus: str, speaker: str) -> str:
    """The part a speaker belongs to, as the voice model was trained."""
    if speaker in TEST_SPEAKERS.get(corpus, ()):
        return "test"
    return "held" if speaker in HELD_SPEAKERS.get(corpus, ()) else "learn"


def some(clips: list[Clip], count: int, rng: np.random.Generator) -> list[Clip]:
    """At most ``count`` clips of each label, in the order given."""
    labels = np.array([clip.label for clip in clips])
    chosen = [rng.permutation(np.flatnonzero(labels == n))[:count] for n in np.unique(labels)]
    return [clips[index] for index in sorted(np.concatenate(chosen).tolist())] if chosen else []


def _faces(reader: FaceRecogniser, items: FaceCorpus) -> Embedded:
    probs, values = reader.read(items.crops)
    labels = _shared([items.label_set.names[index] for index in items.labels])
    return Embedded(values, probs, labels, np.array(items.speakers, np.str_))


def _voices(
    reader: VoiceRecogniser, items: SpeechCorpus, rng: np.random.Generator | None
) -> Embedded:
    """Each clip's speech; with ``rng`` also varied views of it."""
    labels = _shared([clip.label for clip in items.clips])
    groups = np.array(items.speakers, np.str_)
    views = [[items.speech(row) for row in range(len(items))]]
    for _ in range(VIEWS if rng is not None else 0):
        assert rng is not None
        views.append(
            [
                vary(wave, start, end, rng)
                for wave, (start, end) in zip(items.waveforms, items.extents.tolist(), strict=True)
            ]
        )
    read = [reader.read(view) for view in views]
    return _joined([Embedded(values, probs, labels, groups) for probs, values in read])


def _shared(names: list[str]) -> NDArray[np.int64]:
    return np.array([SHARED.index(str(TO_SHARED[name])) for name in names], np.int64)


def _joined(several: list[Embedded]) -> Embedded:
    return Embedded(
        np.concatenate([one.values for one in several]),
        np.concatenate([one.probs for one in several]),
        np.concatenate([one.labels for one in several]),
        np.concatenate([one.groups for one in several]),
    )


def _kept(
    path: Path,
    model: str,
    labels: LabelSet,
    read: Callable[[], dict[str, Embedded]],
    say: Say,
) -> Side:
    """Embeddings from ``path`` where they are this model's, else read and kept there."""
    fields = ("values", "probs", "labels", "groups")
    if path.is_file():
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["model"]) == model:
                say(f"embeddings of {model} from {path}")
                made = {p: Embedded(*(kept[f"{p}_{f}"] for f in fields)) for p in PARTS}
                return Side(model, labels, made)
    made = read()
    arrays = {f"{p}_{f}": getattr(made[p], f) for p in PARTS for f in fields}
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, model=np.array(model), **arrays)
    return Side(model, labels, made)
