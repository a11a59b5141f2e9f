from __future__ import annotations

from pathlib import Path

import numpy as np

from emoscope.labels import FERPLUS_LABELS, LabelSet
from emoscope.training.datasets.corpora import Clip, FaceCorpus, SpeechCorpus, label_set_of


def faces(corpus: str, labels: list[str], names: LabelSet) -> FaceCorpus:
    return FaceCorpus.of(
        np.arange(len(labels), dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2),
        np.array([names.index(label) for label in labels], np.int64),
        tuple(f"{number}.png" for number in range(len(labels))),
        label_set=names,
        corpus=corpus,
        skipped=(f"{corpus}: broken",),
        notes=(f"{corpus} is small.",),
    )


def speech(corpus: str, people: list[str], labels: list[str]) -> SpeechCorpus:
    clips = [
        Clip(Path(f"/data/{label}/{number}.wav"), corpus, who, label, name="")
        for number, (who, label) in enumerate(zip(people, labels, strict=True))
    ]
    waveforms = tuple(np.full(100 + n, n / 10, np.float32) for n in range(len(clips)))
    extents = np.array([[10, 60 + n] for n in range(len(clips))], np.int64)
    notes = (f"{corpus} is small.",)
    return SpeechCorpus(tuple(clips), waveforms, extents, label_set_of(labels), ("x",), notes)


def test_faces_that_are_taken_stay_what_they_are() -> None:
    corpus = faces("a", ["happy", "contempt", "sad"], FERPLUS_LABELS)
    taken = corpus.take(np.array([2, 0]))
    assert taken.names == ("2.png", "0.png")
    assert taken.crops[:, 0, 0].tolist() == [2, 0]
    assert taken.labels.tolist() == [FERPLUS_LABELS.index(n) for n in ("sad", "happy")]
    assert taken.notes == corpus.notes
    assert corpus.take(np.array([False, True, False])).names == ("1.png",)
    assert len(corpus.take(np.zeros(3, bool))) == 0


def test_joined_faces_keep_their_labels_and_notes() -> None:
    parts = [
        faces("a", ["sad", "happy"], LabelSet(("happy", "sad"))),
        faces("b", ["contempt", "sad"], FERPLUS_LABELS),
    ]
    joined = FaceCorpus.join(parts)
    labels = [joined.label_set.names[index] for index in joined.labels]
    assert labels == ["sad", "happy", "contempt", "sad"]
    assert joined.names == ("a/0.png", "a/1.png", "b/0.png", "b/1.png")
    assert joined.skipped == ("a: broken", "b: broken")
    assert joined.notes == ("a is small.", "b is small.")


def test_joined_speech_keeps_speakers_apart() -> None:
    joined = SpeechCorpus.join(
        [speech("a", ["01", ""], ["sad", "calm"]), speech("b", ["01"], ["happy"])]
    )
    assert joined.speakers == ("a 01", "", "b 01")
    assert joined.names == ("a/sad/0.wav", "a/calm/1.wav", "b/happy/0.wav")
    assert joined.label_set.names == ("happy", "sad", "calm")
    assert joined.corpus == "a+b"
    assert joined.notes == ("a is small.", "b is small.")
    assert joined.speech(1).tolist() == joined.waveforms[1][10:61].tolist()
    assert joined.take(np.array([2])).names == ("b/happy/0.wav",)


def test_labels_may_name_their_speaker() -> None:
    corpus = speech("a", ["x", "y"], ["sad", "sad"]).relabel(["x/sad", "y/sad"])
    assert corpus.label_set.names == ("x/sad", "y/sad")
    assert corpus.labels.tolist() == [0, 1]
