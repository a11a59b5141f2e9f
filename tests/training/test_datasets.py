from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emoscope.errors import DatasetError
from emoscope.labels import FERPLUS_LABELS, SHARED
from emoscope.training.datasets import fer2013
from emoscope.training.datasets.speech import corpus_labels, list_clips, read_waveform

Build = Callable[..., Path]

NAMES = {
    "ravdess": {
        "Actor_07/03-01-01-01-02-01-07.wav": ("07", "neutral"),
        "Actor_07/03-01-02-01-02-01-07.wav": ("07", "calm"),
        "Actor_12/03-01-08-02-02-02-12.flac": ("12", "surprise"),
        "Actor_12/03-02-05-01-02-01-12.wav": None,  # song
        "Actor_12/03-01-09-01-02-01-12.wav": None,
        "Actor_12/notes.wav": None,
    },
    "tess": {
        "OAF_angry/OAF_back_angry.wav": ("OAF", "angry"),
        "YAF_pleasant_surprised/YAF_bar_ps.wav": ("YAF", "surprise"),
        "OAF_neutral/OA_bite_neutral.wav": ("OAF", "neutral"),
        "OAF_neutral/OAF_bite_bored.wav": None,
    },
    "emodb": {
        "wav/03a01Fa.wav": ("03", "happy"),
        "wav/16b10Lb.wav": ("16", "boredom"),
        "wav/03a01Xa.wav": None,
    },
}


@pytest.mark.parametrize("corpus", list(NAMES))
def test_names_say_speaker_and_label(corpus: str, tmp_path: Path) -> None:
    for name in NAMES[corpus]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    clips = list_clips(corpus, tmp_path)
    got = {str(c.path.relative_to(tmp_path).as_posix()): (c.speaker, c.label) for c in clips}
    assert got == {name: wanted for name, wanted in NAMES[corpus].items() if wanted}
    assert [c.path for c in clips] == sorted(c.path for c in clips)
    assert {c.label for c in clips} <= set(corpus_labels(corpus).names)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "speech.wav").touch()
    with pytest.raises(DatasetError, match="no file is named as ravdess"):
        list_clips("ravdess", tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        list_clips("tess", tmp_path / "none")
    with pytest.raises(DatasetError, match="no corpus 'iemocap'"):
        list_clips("iemocap", tmp_path)


def test_a_clip_is_decoded_as_in_use(tmp_path: Path, make_wav: Build) -> None:
    rng = np.random.default_rng(0)
    wanted = rng.uniform(-0.5, 0.5, 40_000)
    got = read_waveform(make_wav(tmp_path / "a.wav", wanted))
    assert got.dtype == np.float32
    assert np.abs(got - wanted).max() < 1e-4


def test_faces_come_with_labels_and_votes(tmp_path: Path, make_fer: Build) -> None:
    data = make_fer(
        tmp_path,
        {"train": [("angry", 10), ("happy", 20)], "validation": [("fear", 30)]},
        votes={1: {"happiness": 8, "contempt": 1, "NF": 1}},
    )
    corpus = fer2013.load(data, "train")
    assert [SHARED[label] for label in corpus.labels] == ["angry", "happy"]
    assert corpus.crops.shape == (2, 48, 48)
    assert corpus.crops[:, 0, 0].tolist() == [10, 20]
    assert corpus.tagged.tolist() == [0, 10]
    assert corpus.votes[1, FERPLUS_LABELS.index("happy")] == 8
    assert corpus.votes[1, FERPLUS_LABELS.index("contempt")] == 1
    assert corpus.votes[0].sum() == 0
    taken = corpus.take(np.array([False, True]))
    assert taken.names == ("fer0000001.png",)
    assert taken.crops[0, 0, 0] == 20


def test_pictures_of_another_size_are_refused(tmp_path: Path, make_fer: Build) -> None:
    data = make_fer(tmp_path, {"train": [("angry", np.zeros((32, 48), np.uint8))]})
    with pytest.raises(DatasetError, match="found 48×32"):
        fer2013.load(data, "train")


def test_near_duplicates_are_found_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    originals = rng.integers(0, 256, (6, 48, 48)).astype(np.uint8)
    copies = originals.astype(float)
    copies[1] = copies[1] * 0.5 + 40  # exposure
    copies[2] = copies[2][:, ::-1]  # mirrored
    copies[3] = np.clip(copies[3] + rng.normal(0, 10, (48, 48)), 0, 255)  # compression
    copies[4] = rng.integers(0, 256, (48, 48))  # another picture
    copies[5] = np.roll(copies[5], 12, axis=0)  # moved far away
    found = fer2013.near_duplicates(copies.astype(np.uint8), originals)
    assert found.tolist() == [True, True, True, True, False, False]


def test_flat_pictures_are_no_duplicates_of_each_other() -> None:
    flat = np.full((1, 48, 48), 7, np.uint8)
    assert not fer2013.near_duplicates(flat, np.full((1, 48, 48), 200, np.uint8)).any()
