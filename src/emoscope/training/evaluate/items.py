"""A model file over items in memory, the way they go in use: the same crops, the same speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.face.recognise import FaceRecogniser
from emoscope.labels import SHARED, SHARED_LABELS, TO_SHARED, LabelSet, plain_label
from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets.corpora import FaceCorpus, Items, SpeechCorpus
from emoscope.training.datasets.pictures import scaled
from emoscope.training.evaluate.duration import duration_only
from emoscope.training.evaluate.ferplus import ferplus_figures
from emoscope.training.evaluate.figures import Evaluation, Figure, Progress
from emoscope.training.evaluate.task import task_of
from emoscope.training.metrics import measure
from emoscope.training.predictions import Predictions
from emoscope.voice.recognise import VoiceRecogniser

_FACES_AT_ONCE = 256
_VOICES_AT_ONCE = 32


def predict(model: str | Path, items: Items, progress: Progress | None = None) -> Predictions:
    """A model's answers to items whose labels it can give.

    Args:
        model: a name from the catalog, an ``.onnx`` file, or a run folder.
        items: read as they are in use; those whose label the model cannot answer are left out.
        progress: called with items done and items in all.

    Raises:
        DatasetError: no item has a label that the model can answer.
        ModelError: the model cannot be had or used.
    """
    recogniser: FaceRecogniser | VoiceRecogniser
    recogniser = FaceRecogniser(model) if isinstance(items, FaceCorpus) else VoiceRecogniser(model)
    task = task_of(recogniser.labels, items.label_set)
    names = np.array(items.label_set.names)[items.labels]
    kept = np.array([name in task.truth for name in names], bool)
    if not kept.any():
        raise DatasetError("none of these items has a label that the model can answer")
    items = items.take(kept)
    seconds = default = None
    if isinstance(items, FaceCorpus):
        assert isinstance(recogniser, FaceRecogniser)
        native, default = face_answers(recogniser, items, progress)
    else:
        assert isinstance(recogniser, VoiceRecogniser)
        native, seconds = read_voices(recogniser, items, progress)
    truth = np.array([task.truth[str(name)] for name in names[kept]], np.int64)
    return Predictions(
        names=items.names,
        truth=truth,
        probs=task.answer(native),
        labels=task.names,
        speakers=items.speakers,
        seconds=seconds,
        default=None if default is None else task.answer(default),
    )


def face_answers(
    recogniser: FaceRecogniser, items: FaceCorpus, progress: Progress | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """A model's answers to pictures, by the output that is meant for the corpus' labels.

    Returns:
        ``(n, labels)``; and the default answers ``(n, labels)`` where those are others: on FER2013
        with its own labels, by models that have an output for them.
    """
    default, fer2013 = read_faces(recogniser, items.crops, progress)
    if fer2013 is None or items.corpus != "fer2013" or items.label_set != SHARED_LABELS:
        return default, None
    return fer2013, default


def read_faces(
    recogniser: FaceRecogniser, crops: NDArray[np.uint8], progress: Progress | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Read crops ``(n, 48, 48)``, scaled to the model as in use.

    Returns:
        Default answers ``(n, labels)``, and what FER2013's own label would be ``(n, labels)``, None
        where the model does not say.
    """
    default, fer2013 = [], []
    for start in range(0, len(crops), _FACES_AT_ONCE):
        part = scaled(crops[start : start + _FACES_AT_ONCE], recogniser.crop_size)
        found = recogniser.read_all(part)
        default.append(found["probs"])
        if recogniser.answers_fer2013:
            fer2013.append(found["fer2013_probs"])
        if progress is not None:
            progress(min(start + _FACES_AT_ONCE, len(crops)), len(crops))
    return np.concatenate(default), np.concatenate(fer2013) if fer2013 else None


def read_voices(
    recogniser: VoiceRecogniser, items: SpeechCorpus, progress: Progress | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Probabilities ``(n, labels)`` of each recording's speech, and its seconds ``(n,)``."""
    parts = []
    for start in range(0, len(items), _VOICES_AT_ONCE):
        rows = range(start, min(start + _VOICES_AT_ONCE, len(items)))
        parts.append(recogniser.read([items.speech(row) for row in rows])[0])
        if progress is not None:
            progress(rows.stop, len(items))
    seconds = (items.extents[:, 1] - items.extents[:, 0]) / SAMPLE_RATE
    return np.concatenate(parts), seconds


def evaluation_of(
    model: str,
    items: Items,
    found: Predictions,
    *,
    protocol: str,
    part: str,
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Evaluation:
    """Figures of predictions, with the controls that belong to them.

    Args:
        model: ``name@version``.
        items: where the predictions come from; more may be in it than was answered.
        found: the predictions.
        protocol: in words.
        part: which part of the corpus, shortly.
        notes: what a reader must know.
        warnings: why the figures may flatter the model.
    """
    role = "face" if isinstance(items, FaceCorpus) else "voice"
    groups = found.speakers if any(found.speakers) else None
    if found.default is not None:
        protocol += "; answered by the model's output for FER2013's labels"
    main = Figure(part, protocol, measure(found.probs, found.truth, found.labels, groups))
    further = (
        _face_figures(items, found) if isinstance(items, FaceCorpus) else _voice_figures(found)
    )
    thing = "pictures" if role == "face" else "clips"
    answered = set(found.names)
    left = [
        items.label_set.names[label]
        for name, label in zip(items.names, items.labels, strict=True)
        if name not in answered
    ]
    if left:
        missing = ", ".join(sorted(set(left)))
        notes = (*notes, f"{len(left)} {thing} left out: the model has no answer for {missing}.")
    notes = (*notes, *items.notes)
    if items.skipped:
        notes = (*notes, f"{len(items.skipped)} {thing} could not be read: {items.skipped[0]}")
    return Evaluation(role, model, items.corpus, part, main, further, notes, warnings)


def _face_figures(items: FaceCorpus, found: Predictions) -> tuple[Figure, ...]:
    figures: tuple[Figure, ...] = ()
    if found.default is not None:
        text = (
            "FER2013's labels by the default answer, which people are shown and FER+'s votes judge"
        )
        groups = found.speakers if any(found.speakers) else None
        metrics = measure(found.default, found.truth, found.labels, groups)
        figures = (Figure("default_answer", text, metrics),)
    if found.labels != SHARED or len(items) != len(found.names):
        return figures
    shown = found.probs if found.default is None else found.default
    return (*figures, *ferplus_figures(items, shown))


def _voice_figures(found: Predictions) -> tuple[Figure, ...]:
    corpora = [who.split(" ", 1)[0] for who in found.speakers]
    several = tuple(dict.fromkeys(filter(None, corpora)))
    # Of one corpus alone too, where other corpora's labels were learnt beside its own.
    more = len(several) > 1 or len(np.unique(found.truth)) < len(found.labels)
    alone = tuple(_alone(found, corpora, name) for name in several) if more else ()
    assert found.seconds is not None
    speakers = list(found.speakers)
    classes = len(found.labels)
    # A label that names its speaker is said by no other: neighbours must be the same one's clips.
    bound = any("/" in name for name in found.labels)
    neighbours = [""] * len(found) if bound else speakers
    probs, how = duration_only(found.seconds, found.truth, classes, neighbours)
    control = Figure(
        "duration_only",
        f"control: what the length of the speech alone gives away, {how}",
        measure(probs, found.truth, found.labels, speakers),
    )
    shared = [TO_SHARED[plain_label(name)] for name in found.labels]
    if set(shared) == set(found.labels) or None in shared:
        return (*alone, control)
    names = LabelSet(found.labels)
    columns = np.array([SHARED.index(str(name)) for name in shared])
    return (
        *alone,
        Figure(
            "shared",
            "the same clips in the shared seven emotions",
            measure(names.to_shared(found.probs), columns[found.truth], SHARED, speakers),
        ),
        control,
    )


def _alone(found: Predictions, corpora: list[str], corpus: str) -> Figure:
    """One corpus, in the labels that it has."""
    rows = np.array([name == corpus for name in corpora], bool)
    there = np.unique(found.truth[rows])
    probs = found.probs[rows][:, there]
    total = probs.sum(1, keepdims=True)
    probs = np.divide(probs, total, out=np.full_like(probs, 1 / len(there)), where=total > 0)
    labels = [found.labels[index] for index in there.tolist()]
    return Figure(
        corpus,
        f"{corpus} alone, {int(rows.sum())} clips in its own {len(there)} classes",
        measure(
            probs,
            np.searchsorted(there, found.truth[rows]),
            labels,
            [who for who, kept in zip(found.speakers, rows, strict=True) if kept],
        ),
    )
