"""Audits find what was planted, and nothing where there is nothing."""

from __future__ import annotations

import json
import tarfile
import wave
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.labels import FERPLUS_LABELS, LabelSet
from emoscope.training.datasets.audit import Audit, audit
from emoscope.training.datasets.audit.faces import audit_faces
from emoscope.training.datasets.audit.voices import audit_voices
from emoscope.training.datasets.corpora import Clip, FaceCorpus, SpeechCorpus

HERE = Path("corpus")


def pictures(n: int, size: int = 48, seed: int = 0) -> NDArray[np.uint8]:
    """Pictures as smooth as faces, each unlike the others."""
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (n, 6, 6)).astype(np.float32)
    scaled = [cv2.resize(one, (size, size), interpolation=cv2.INTER_CUBIC) for one in rough]
    return np.clip(np.stack(scaled), 0, 255).astype(np.uint8)


def texts(found: Audit, severity: str | None = None) -> str:
    return "\n".join(f.text for f in found.findings if severity in (None, f.severity))


# --- faces ---


def faces(**changes: object) -> FaceCorpus:
    """28 pictures of seven labels: 21 in train, 7 in validation."""
    labels = np.tile(np.arange(7), 4)
    fields: dict[str, object] = {
        "splits": ("train",) * 21 + ("validation",) * 7,
        "names": tuple(f"{index}.png" for index in range(28)),
        **changes,
    }
    crops = fields.pop("crops", pictures(28))
    names = fields.pop("names")
    return FaceCorpus.of(crops, fields.pop("labels", labels), names, **fields)  # type: ignore[arg-type]


def test_a_clean_corpus_of_faces() -> None:
    found = audit_faces(faces(), HERE)
    assert found.findings == ()
    assert found.near is not None
    assert (found.same.groups, found.near.groups) == ((), ())
    assert found.by_split.per_label == (4,) * 7
    assert dict(zip(found.by_split.parts, found.by_split.per_part, strict=True)) == {
        "train": 21, "validation": 7,
    }  # fmt: skip


def test_duplicates_are_found_within_and_across_splits_with_their_labels() -> None:
    crops = pictures(28)
    crops[21] = crops[0]  # exact, train to validation, both angry
    crops[22] = crops[3][:, ::-1]  # mirrored, train to validation, happy to disgust
    crops[9] = np.clip(crops[8] * 0.8 + 20, 0, 255).astype(np.uint8)  # paler, within train
    crops[24] = crops[23]  # exact, within validation, fear to happy
    found = audit_faces(faces(crops=crops), HERE)
    assert found.near is not None
    assert found.same.groups == (("23.png", "24.png"), ("0.png", "21.png"))
    assert (found.same.items, found.same.differing) == (4, 1)
    assert [(s.part, s.other, s.items, s.of) for s in found.same.shared] == [
        ("validation", "train", 1, 7)
    ]
    assert sorted(map(sorted, found.near.groups)) == [
        ["0.png", "21.png"], ["22.png", "3.png"], ["23.png", "24.png"], ["8.png", "9.png"],
    ]  # fmt: skip
    assert found.near.differing == 3
    assert found.near.shared[0].items == 2
    assert found.findings[0].severity == "severe"
    assert found.findings[0].text.startswith(
        "2 of 7 validation pictures also stand in train, as they are, mirrored or nearly"
    )
    assert "Labels differ within 3 of 4 groups" in texts(found, "warning")
    assert "4 of 28 pictures repeat another one" in texts(found, "warning")


def test_a_picture_that_stands_there_very_often_is_one_group() -> None:
    crops = np.concatenate([pictures(1).repeat(3000, 0), pictures(2, seed=5)])
    found = audit_faces(
        faces(crops=crops, labels=np.zeros(3002, int), names=tuple(map(str, range(3002))),
              splits=("train",) * 2999 + ("test",) * 3),
        HERE,
    )  # fmt: skip
    assert found.near is not None
    assert [len(group) for group in found.near.groups] == [3000]
    assert found.near.shared[0].items == 1


def test_votes_are_held_against_labels() -> None:
    votes = np.zeros((28, 8), np.float32)
    votes[np.arange(28), np.tile(np.arange(7), 4)] = 8  # all agree ...
    votes[:7] = np.roll(votes[:7], 1, axis=1)  # ... but for seven, of which six stay emotions
    votes[27] = 0  # nobody was asked
    tagged = votes.sum(1) * 1.25
    found = audit_faces(faces(votes=votes, tagged=tagged), HERE)
    agreement = found.agreement
    assert agreement is not None
    assert (agreement.tagged, agreement.decided, agreement.agreeing) == (27, 26, 20)
    assert agreement.mean_share == pytest.approx(0.8)
    assert "20 of 26 pictures" in texts(found, "warning")
    assert audit_faces(
        faces(votes=votes, tagged=tagged, label_set=FERPLUS_LABELS, corpus="ferplus"), HERE
    ).agreement is None  # fmt: skip


def test_people_who_cross_splits_are_counted() -> None:
    speakers = ("ann",) * 10 + ("bob",) * 12 + ("cat",) * 5 + ("",)
    found = audit_faces(faces(speakers=speakers), HERE)
    assert "1 of 3 persons stand in more than one split" in texts(found, "severe")
    assert found.by_speaker is not None
    assert found.by_speaker.parts == ("ann", "bob", "cat", "")


def test_counts_that_mislead_are_told() -> None:
    labels = np.array([0] * 20 + [3] * 7 + [6])
    found = audit_faces(
        faces(labels=labels, skipped=("x.png: a damaged picture",), notes=("Mind this.",)), HERE
    )
    told = texts(found)
    assert "No picture is disgust or fear or sad or surprise" in told
    assert "No picture of train is neutral" in told
    assert "1 file cannot be read: x.png: a damaged picture." in told
    assert "20 angry to 1 neutral" in told
    assert "Mind this." in told
    one = audit_faces(
        faces(labels=np.full(28, 2), label_set=LabelSet(("sad", "fear", "happy"))), HERE
    )
    assert "Every picture is happy" in texts(one, "severe")


# --- voices ---

Build = Callable[..., SpeechCorpus]
WORDS = LabelSet(("angry", "happy", "sad"))


@pytest.fixture
def voices(tmp_path: Path) -> Build:
    """Builder of a corpus: four speakers, three labels, five sentences, one second each.

    ``seconds(speaker, label, rng)`` and ``rate(speaker, label)`` may tell.
    """

    def build(
        speakers: tuple[str, ...] = ("a", "b", "c", "d"),
        labels: tuple[str, ...] = WORDS.names,
        sentences: tuple[str, ...] = ("1", "2", "3", "4", "5"),
        seconds: Callable[[str, str, np.random.Generator], float] = lambda who, what, rng: 1.0,
        rate: Callable[[str, str], int] = lambda who, what: 16_000,
    ) -> SpeechCorpus:
        rng = np.random.default_rng(0)
        clips, waveforms = [], []
        for speaker in speakers:
            for label in labels:
                for sentence in sentences:
                    path = tmp_path / f"{speaker or 'x'}_{label}_{sentence}.wav"
                    samples = round(16_000 * seconds(speaker, label, rng))
                    with wave.open(str(path), "wb") as file:
                        file.setnchannels(1)
                        file.setsampwidth(2)
                        file.setframerate(rate(speaker, label))
                        file.writeframes(bytes(200))
                    clips.append(Clip(path, "made", speaker, label, sentence))
                    waveforms.append(rng.normal(0, 0.1, samples).astype(np.float32))
        extents = np.array([[0, len(one)] for one in waveforms])
        return SpeechCorpus(tuple(clips), tuple(waveforms), extents, WORDS)

    return build


def figures(found: Audit) -> dict[str, float]:
    return {f.name: f.metrics.uar for f in (*found.lengths, *found.tells)}


def test_equal_lengths_tell_nothing_and_that_is_said(voices: Build) -> None:
    found = audit_voices(voices(), HERE)
    assert found.lengths == ()
    assert "Every recording is 1.00 s long" in texts(found, "note")
    assert found.seconds is not None
    assert found.seconds["clip"]["happy"].median == 1.0
    assert [(f.codec, f.rate_hz, f.channels, f.items) for f in found.formats] == [
        ("pcm_s16le", 16_000, 1, 60)
    ]


def test_lengths_that_tell_are_found(voices: Build) -> None:
    long = {"angry": 0.5, "happy": 1.0, "sad": 1.5}
    told = audit_voices(
        voices(seconds=lambda who, what, rng: long[what] + rng.uniform(0, 0.3)), HERE
    )
    assert figures(told) == {
        "clip_speakers": 1.0, "clip_random": 1.0, "speech_speakers": 1.0, "speech_random": 1.0,
    }  # fmt: skip
    sentence = texts(told, "warning").splitlines()[0]
    assert sentence.startswith("The length of the clip alone tells the label: 100.0% UAR")
    assert "on speakers left out" in sentence
    assert "guessing gives 33.3%" in sentence
    free = audit_voices(voices(seconds=lambda who, what, rng: rng.uniform(0.3, 1.8)), HERE)
    assert "The length" not in texts(free)


def test_lengths_that_tell_only_within_a_speaker(voices: Build) -> None:
    order = {"a": (0, 1, 2), "b": (1, 2, 0), "c": (2, 0, 1)}
    found = audit_voices(
        voices(
            speakers=("a", "b", "c"), sentences=tuple(map(str, range(20))),
            seconds=lambda who, what, rng: (
                "abc".index(who) + 0.3 * order[who][WORDS.index(what)] + rng.uniform(0.2, 0.3)
            ),
        ),
        HERE,
    )  # fmt: skip
    assert figures(found)["clip_random"] == 1.0
    assert figures(found)["clip_speakers"] < 0.5


def test_of_equal_lengths_not_the_first_files_decide(voices: Build) -> None:
    """Sad clips are long; so are a few happy ones, which stand before them in each folder."""
    share = {"angry": 0.0, "happy": 0.3, "sad": 1.0}
    found = audit_voices(
        voices(
            sentences=tuple(map(str, range(30))),
            seconds=lambda who, what, rng: 0.5 + 0.1 * (rng.uniform() < share[what]),
        ),
        HERE,
    )
    assert figures(found)["clip_random"] == pytest.approx(2 / 3)  # long is sad, short is angry


def test_file_formats_that_tell_are_found(voices: Build) -> None:
    by_label = audit_voices(
        voices(rate=lambda who, what: 24_414 if what == "sad" else 16_000), HERE
    )
    assert figures(by_label)["format_label"] == pytest.approx(2 / 3)
    assert "The file format alone (codec, rate, channels) tells the label" in texts(
        by_label, "severe"
    )
    assert "tells the speaker" not in texts(by_label)
    by_speaker = audit_voices(
        voices(rate=lambda who, what: 48_000 if who in "ab" else 16_000), HERE
    )
    assert figures(by_speaker)["format_speaker"] == pytest.approx(0.5)
    assert "tells the speaker" in texts(by_speaker, "warning")
    assert "tells the label" not in texts(by_speaker)
    assert [f.items for f in by_speaker.formats] == [30, 30]


def test_what_a_random_split_shares(voices: Build) -> None:
    found = audit_voices(voices(), HERE)
    crossing = found.crossing
    assert crossing is not None
    assert (crossing.items, crossing.speakers, crossing.of_speakers) == (15, 4, 4)
    assert (crossing.of_sentences, crossing.common_sentences) == (5, 5)
    assert crossing.same_sentence > 10
    assert crossing.same_take == 0  # each says each sentence once with each label
    told = texts(found, "warning")
    assert "A random split puts 4 of 4 speakers on both sides" in told
    assert "same speaker says the same sentence in training: split by speaker" in told
    assert "5 of 5 sentences come from more than one speaker" in texts(found, "note")


def test_one_speaker_cannot_be_left_out(voices: Build) -> None:
    found = audit_voices(
        voices(
            speakers=("a",),
            seconds=lambda who, what, rng: 1 + WORDS.index(what) + rng.uniform(0, 0.2),
        ),
        HERE,
    )
    assert set(figures(found)) == {"clip_random", "speech_random"}
    assert "All of it is speaker a: leave-one-speaker-out is impossible" in texts(found, "warning")
    assert "on both sides" not in texts(found)


def test_unknown_speakers_are_told(voices: Build) -> None:
    nobody = audit_voices(voices(speakers=("",), sentences=("",)), HERE)
    assert nobody.by_speaker is None
    assert "Speakers are not known" in texts(nobody, "warning")
    some = audit_voices(voices(speakers=("a", "b", "")), HERE)
    assert "Nobody says who speaks in 15 recordings" in texts(some, "warning")


def test_few_speakers_and_labels_of_one_speaker_are_told(voices: Build) -> None:
    both = voices(speakers=("a", "b"))
    found = audit_voices(both.take(np.arange(25)), HERE)
    assert "Only 2 speakers" in texts(found, "warning")
    assert "Only one speaker has sad" in texts(found, "warning")


def test_copies_of_recordings_and_their_labels(voices: Build) -> None:
    corpus = voices()
    waveforms = list(corpus.waveforms)
    waveforms[7], waveforms[1] = waveforms[2], waveforms[0]  # happy is angry; angry is angry
    copied = SpeechCorpus(corpus.clips, tuple(waveforms), corpus.extents, corpus.label_set)
    found = audit_voices(copied, HERE)
    assert (len(found.same.groups), found.same.items, found.same.differing) == (2, 4, 1)
    assert "Labels differ within 1 of 2 groups of equal recordings" in texts(found, "severe")
    assert "Copies, sample by sample: 2 of 60 recordings" in texts(found, "warning")


def test_recordings_of_unusual_length_are_named(voices: Build) -> None:
    lengths = iter([*[1.0, 1.05, 1.1] * 10, 4.0, *[1.0, 1.05, 1.1] * 10])
    found = audit_voices(voices(seconds=lambda who, what, rng: next(lengths)), HERE)
    assert "1 recording of very unusual length" in texts(found, "note")
    assert "(4.00 s, where half of all lie within 1.00 to 1.10 s)" in texts(found, "note")


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_corpora_are_no_trouble(voices: Build, n: int) -> None:
    found = audit_voices(
        voices(seconds=lambda who, what, rng: rng.uniform(1, 2)).take(np.arange(n)), HERE
    )
    assert "Every recording is angry" in texts(found, "severe")
    json.dumps(found.to_dict(), allow_nan=False)
    some = audit_faces(faces().take(np.arange(n)), HERE)
    json.dumps(some.to_dict(), allow_nan=False)


# --- folders ---


def test_an_audit_is_one_json_document(tmp_path: Path) -> None:
    for index, crop in enumerate(pictures(12)):
        folder = tmp_path / ("happy", "sad")[index % 2]
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{index}.png"), crop)
    (tmp_path / "sad" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    steps: list[tuple[int, int]] = []
    document = json.loads(
        json.dumps(audit(tmp_path, None, lambda *step: steps.append(step)).to_dict())
    )
    assert document["schema"] == "emoscope.audit/1"
    assert (document["role"], document["corpus"], document["items"]) == ("face", "folder", 12)
    assert document["folder"] == str(tmp_path)
    assert len(document["skipped"]) == 1
    assert "torn.png" in document["skipped"][0]
    assert "1 file cannot be read" in document["findings"][0]["text"]
    assert steps[-1] == (12, 12)


def test_folders_that_are_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        audit(tmp_path / "missing")
    with pytest.raises(DatasetError, match="found nothing"):
        audit(tmp_path)
    (tmp_path / "train" / "1").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "train" / "1" / "a.png"), pictures(1)[0])
    with pytest.raises(DatasetError, match="found train/"):
        audit(tmp_path)


# --- the corpora themselves ---


def unpacked(shared_dir: Path, name: str, to: Path) -> Path:
    with tarfile.open(shared_dir / "data" / f"{name}.tar") as archive:
        # Python 3.11 knows filters from its fourth patch on.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(to)
    return to / name


@pytest.mark.slow
def test_fer2013_has_duplicates_across_its_splits(shared_dir: Path, tmp_path: Path) -> None:
    found = audit(unpacked(shared_dir, "fer2013", tmp_path))
    assert found.near is not None
    (same,), (near,) = found.same.shared, found.near.shared
    assert (same.part, same.other, same.items, same.of) == ("validation", "train", 279, 3579)
    assert near.items == 440
    assert (len(found.near.groups), found.near.differing) == (1808, 149)
    assert "440 of 3,579 validation pictures also stand in train" in found.findings[0].text


@pytest.mark.slow
def test_the_lengths_of_tess_tell(shared_dir: Path, tmp_path: Path) -> None:
    found = audit(unpacked(shared_dir, "tess", tmp_path))
    unseen, random = (figure.metrics for figure in found.lengths[:2])
    assert 0.24 < unseen.uar_interval[0] < unseen.uar_interval[1] < 0.30
    assert random.uar_interval[0] > 0.37
    assert found.findings[0].text.startswith("The length of the clip alone tells the label")
    assert "OAF_back_angry" in texts(found)
