from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emoscope.labels import FERPLUS_LABELS, SHARED, SHARED_LABELS, LabelSet
from emoscope.training.datasets.corpora import Clip, FaceCorpus, SpeechCorpus, label_set_of
from emoscope.training.evaluate import items as items_module
from emoscope.training.evaluate.items import evaluation_of, predict
from emoscope.training.predictions import Predictions

MIRRORED = tuple(range(6, -1, -1))  # columns of a tiny model's output for FER2013's labels


def greys(corpus: str, label_set: LabelSet) -> FaceCorpus:
    """One picture of each label of the shared seven, as the tiny model reads it by default."""
    crops = [np.full((48, 48), round(255 * (i + 0.5) / 7), np.uint8) for i in range(7)]
    labels = np.array([label_set.index(name) for name in SHARED], np.int64)
    return FaceCorpus.of(np.stack(crops), labels, SHARED, label_set=label_set, corpus=corpus)


def test_fer2013_is_answered_by_the_output_for_it(
    tmp_path: Path, tiny_face_model: Callable[..., Path]
) -> None:
    items = greys("fer2013", SHARED_LABELS)
    found = predict(tiny_face_model(tmp_path / "m.onnx", fer2013=MIRRORED), items)
    assert found.probs.argmax(1).tolist() == list(MIRRORED)
    assert found.default is not None
    assert found.default.argmax(1).tolist() == list(range(7))
    result = evaluation_of("m@1", items, found, protocol="all", part="x")
    assert result.main.protocol == "all; answered by the model's output for FER2013's labels"
    assert result.main.metrics.accuracy == pytest.approx(1 / 7)
    (further,) = result.further
    assert (further.name, further.metrics.accuracy) == ("default_answer", 1.0)
    assert "FER2013's labels by the default answer" in further.protocol


@pytest.mark.parametrize(
    ("corpus", "label_set", "fer2013"),
    [
        ("fer2013", SHARED_LABELS, None),
        ("folder", SHARED_LABELS, MIRRORED),
        ("ferplus", FERPLUS_LABELS, MIRRORED),
    ],
)
def test_anything_else_gets_the_default_answer(
    tmp_path: Path,
    tiny_face_model: Callable[..., Path],
    corpus: str,
    label_set: LabelSet,
    fer2013: tuple[int, ...] | None,
) -> None:
    items = greys(corpus, label_set)
    found = predict(tiny_face_model(tmp_path / "m.onnx", fer2013=fer2013), items)
    assert found.default is None
    assert found.probs.argmax(1).tolist() == list(range(7))
    result = evaluation_of("m@1", items, found, protocol="all", part="x")
    assert (result.main.protocol, result.further) == ("all", ())


def spoken(labels: list[str], seconds: list[float]) -> tuple[SpeechCorpus, Predictions]:
    """Two speakers in turn; every answer is right."""
    who = ["OAF", "YAF"] * (len(labels) // 2)
    clips = tuple(
        Clip(Path(f"c/{i}.wav"), "tess", s, label)
        for i, (s, label) in enumerate(zip(who, labels, strict=True))
    )
    ends = (np.array(seconds) * 16_000).astype(np.int64)
    waveforms = tuple(np.zeros(end, np.float32) for end in ends)
    extents = np.stack([np.zeros_like(ends), ends], axis=1)
    items = SpeechCorpus(clips, waveforms, extents, label_set_of(labels))
    names = items.label_set.names
    found = Predictions(
        items.names,
        items.labels,
        np.eye(len(names))[items.labels],
        names,
        items.speakers,
        np.array(seconds, np.float64),
    )
    return items, found


def test_labels_that_name_their_speaker_are_told_by_length_too() -> None:
    labels = ["OAF/angry", "YAF/angry", "OAF/sad", "YAF/sad"] * 10
    seconds = [1.0, 2.0, 3.0, 4.0] * 10
    items, found = spoken(labels, [s + i / 1000 for i, s in enumerate(seconds)])
    result = evaluation_of("m@1", items, found, protocol="p", part="leaky")
    control = result.further[-1]
    assert control.name == "duration_only"
    assert control.metrics.accuracy > 0.9
    assert "one clip" in control.protocol
    shared = result.further[0]
    assert (shared.name, shared.metrics.labels) == ("shared", SHARED)
    assert shared.metrics.accuracy == 1.0


def test_what_was_left_out_or_unreadable_is_noted() -> None:
    items, found = spoken(["angry", "sad"] * 4, [1.0, 1.1] * 4)
    some = replace(items.take(np.arange(2)), skipped=("x.wav: empty",), notes=("As they are.",))
    kept = Predictions(
        found.names[:1],
        found.truth[:1],
        found.probs[:1],
        found.labels,
        found.speakers[:1],
        np.ones(1),
    )
    notes = evaluation_of("m@1", some, kept, protocol="p", part="x").notes
    assert "1 clips left out: the model has no answer for sad." in notes
    assert "As they are." in notes
    assert any("could not be read: x.wav: empty" in note for note in notes)


def test_a_picture_has_no_length() -> None:
    _, found = spoken(["angry", "sad"], [1.0, 2.0])
    with pytest.raises(ValueError, match="shapes"):
        replace(found, seconds=np.ones(3))


def test_each_of_several_corpora_is_reported_in_its_own_labels() -> None:
    labels = ("happy", "sad", "calm")
    found = Predictions(
        names=("a", "b", "c", "d"),
        truth=np.array([2, 0, 0, 1]),
        probs=np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.1, 0.7], [0.1, 0.3, 0.6]]),
        labels=labels,
        speakers=("ravdess 01", "ravdess 02", "emodb 03", "emodb 08"),
        seconds=np.array([1.0, 2.0, 1.5, 2.5]),
    )
    figures = {figure.name: figure for figure in items_module._voice_figures(found)}
    assert figures["emodb"].metrics.n == 2
    assert figures["emodb"].metrics.uar == 1.0, "calm is no answer where nobody is calm"
    assert figures["ravdess"].metrics.uar == 1.0
    assert "duration_only" in figures


def test_one_corpus_is_reported_in_its_own_labels_where_more_were_learnt() -> None:
    found = Predictions(
        names=("a", "b"),
        truth=np.array([0, 1]),
        probs=np.array([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]]),
        labels=("happy", "sad", "calm"),
        speakers=("tess OAF", "tess YAF"),
        seconds=np.array([1.0, 2.0]),
    )
    (own,) = (f for f in items_module._voice_figures(found) if f.name == "tess")
    assert own.metrics.uar == 1.0, "calm is no answer where nobody is calm"
    two = found.probs[:, :2] / found.probs[:, :2].sum(1, keepdims=True)
    knows_no_more = replace(found, probs=two, labels=found.labels[:2])
    assert "tess" not in {f.name for f in items_module._voice_figures(knows_no_more)}
