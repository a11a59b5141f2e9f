from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.errors import DatasetError
from emoscope.labels import LabelSet
from emoscope.training.datasets.corpora import Clip, FaceCorpus, Items, SpeechCorpus
from emoscope.training.splits import CROSS, PROTOCOLS, Fold, cross, divide, pooled

LABELS = ("angry", "happy", "neutral")
BY_SPEAKER = ("speakers", "kfold-speakers", "leave-one-speaker-out")


def speech(speakers: dict[str, int], corpus: str = "ravdess") -> SpeechCorpus:
    """So many clips of each label by each speaker."""
    clips = tuple(
        Clip(Path(f"{who}/{label}-{take}.wav"), corpus, who, label)
        for who, takes in speakers.items()
        for label in LABELS
        for take in range(takes)
    )
    silence = tuple(np.zeros(10, np.float32) for _ in clips)
    extents = np.tile([0, 10], (len(clips), 1)).astype(np.int64)
    return SpeechCorpus(clips, silence, extents, LabelSet(LABELS))


def actors(count: int, takes: int = 4, corpus: str = "ravdess") -> SpeechCorpus:
    return speech({f"{number:02d}": takes for number in range(1, count + 1)}, corpus)


def faces(
    counts: dict[str, int], corpus: str = "fer2013", speakers: tuple[str, ...] = (), seed: int = 0
) -> FaceCorpus:
    """So many pictures of noise of each label in each split."""
    rows = [(s, i) for s, n in counts.items() for i in range(len(LABELS)) for _ in range(n)]
    crops = np.random.default_rng(seed).integers(0, 256, (len(rows), 48, 48)).astype(np.uint8)
    return FaceCorpus.of(
        crops,
        np.array([label for _, label in rows], np.int64),
        tuple(f"{row:04d}.png" for row in range(len(rows))),
        label_set=LabelSet(LABELS),
        corpus=corpus,
        speakers=speakers,
        splits=tuple(split for split, _ in rows),
    )


def parts(fold: Fold) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return fold.learn, fold.held, fold.test


def named(items: Items, fold: Fold) -> list[set[str]]:
    return [{items.names[index] for index in part} for part in parts(fold)]


def speakers_of(items: SpeechCorpus, part: np.ndarray) -> set[str]:
    return {items.speakers[index] for index in part}


@given(
    takes=st.lists(st.integers(2, 6), min_size=4, max_size=9),
    protocol=st.sampled_from(("random", *BY_SPEAKER)),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_parts_are_apart_and_cover_the_corpus(takes: list[int], protocol: str, seed: int) -> None:
    items = speech({f"{number:02d}": count for number, count in enumerate(takes)})
    made = divide(items, protocol, seed=seed, folds=3)
    for fold in made:
        together = np.concatenate(parts(fold))
        assert sorted(together.tolist()) == list(range(len(items)))
        assert all(len(part) and part.dtype == np.int64 for part in parts(fold))
        assert set(items.labels[fold.learn]) == {0, 1, 2}
        assert str(len(fold.test)) in fold.text
    assert len({fold.name for fold in made}) == len(made)
    again = divide(items, protocol, seed=seed, folds=3)
    for fold, same in zip(made, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(parts(fold), parts(same), strict=True))
        assert (fold.name, fold.text) == (same.name, same.text)


@given(
    takes=st.lists(st.integers(2, 6), min_size=4, max_size=9),
    protocol=st.sampled_from(BY_SPEAKER),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_no_speaker_crosses(takes: list[int], protocol: str, seed: int) -> None:
    items = speech({f"{number:02d}": count for number, count in enumerate(takes)})
    for fold in divide(items, protocol, seed=seed, folds=3):
        learn, held, test = (speakers_of(items, part) for part in parts(fold))
        assert not test & (learn | held)
        assert not learn & held or len(learn) < 3, "few speakers are shared by learn and held"
        assert not fold.leaky


@given(
    order=st.randoms(use_true_random=False),
    protocol=st.sampled_from(("random", "usage", *BY_SPEAKER)),
    seed=st.integers(0, 999),
)
@settings(max_examples=40, deadline=None)
def test_the_order_of_reading_changes_nothing(order: object, protocol: str, seed: int) -> None:
    items: Items = actors(6)
    if protocol == "usage":
        items = faces({"train": 10, "validation": 3})
    numbers = list(range(len(items)))
    order.shuffle(numbers)  # type: ignore[attr-defined]
    turned = items.take(np.array(numbers))
    made, other = (divide(corpus, protocol, seed=seed, folds=3) for corpus in (items, turned))
    assert [named(items, fold) for fold in made] == [named(turned, fold) for fold in other]


def test_another_seed_is_another_split() -> None:
    items = actors(8)
    for protocol in ("random", "speakers", "kfold-speakers"):
        splits = {frozenset(divide(items, protocol, seed=s)[0].test.tolist()) for s in range(8)}
        assert len(splits) > 1, protocol


@given(st.lists(st.integers(4, 40), min_size=3, max_size=3), st.sampled_from((0.1, 0.25, 0.5)))
@settings(max_examples=60, deadline=None)
def test_random_takes_its_share_of_every_label(counts: list[int], share: float) -> None:
    labels = np.repeat(np.arange(3), counts)
    blank = np.zeros((len(labels), 4, 4), np.uint8)
    names = tuple(str(index) for index in range(len(labels)))
    items = FaceCorpus.of(blank, labels, names, label_set=LabelSet(LABELS))
    (fold,) = divide(items, "random", share=share)
    for label, count in enumerate(counts):
        tested, held = (int((labels[part] == label).sum()) for part in (fold.test, fold.held))
        assert abs(tested - share * count) < 1
        assert abs(held - 0.1 * (count - tested)) < 1
        assert tested + held < count


def test_random_says_that_it_leaks() -> None:
    items = actors(5)
    (fold,) = divide(items, "random")
    assert fold.leaky
    assert fold.text == (
        "random 25% of clips, 15 of 60; the same speakers stand on both sides: leaky"
    )
    (fold,) = divide(faces({"train": 20}), "random")
    assert fold.leaky
    assert "people are not known and may stand on both sides: leaky" in fold.text


def test_random_where_nobody_stands_twice_does_not_leak() -> None:
    counts = {"train": 20}
    everyone = tuple(str(index) for index in range(60))
    (fold,) = divide(faces(counts, speakers=everyone), "random")
    assert not fold.leaky
    assert "leaky" not in fold.text


def test_speakers_takes_a_fifth_and_holds_a_tenth() -> None:
    items = actors(24)
    (fold,) = divide(items, "speakers")
    learn, held, test = (speakers_of(items, part) for part in parts(fold))
    assert (len(learn), len(held), len(test)) == (17, 2, 5)
    for who in test:
        assert who.removeprefix("ravdess ") in fold.text
    assert "60 clips" in fold.text


@pytest.mark.parametrize(("count", "wanted"), [(4, (2, 1, 1)), (5, (3, 1, 1)), (10, (7, 1, 2))])
def test_few_speakers_still_give_each_part_one(count: int, wanted: tuple[int, int, int]) -> None:
    items = actors(count)
    (fold,) = divide(items, "speakers")
    assert tuple(len(speakers_of(items, part)) for part in parts(fold)) == wanted


@pytest.mark.parametrize("protocol", BY_SPEAKER)
def test_two_speakers_one_is_reported_and_a_tenth_of_the_other_held(protocol: str) -> None:
    items = speech({"OAF": 20, "YAF": 20}, "tess")
    made = divide(items, protocol, folds=2)
    for fold in made:
        learn, held, test = (speakers_of(items, part) for part in parts(fold))
        assert learn == held
        assert test | learn == {"tess OAF", "tess YAF"}
        assert len(fold.held) == 6
        assert Counter(items.labels[fold.held].tolist()) == {0: 2, 1: 2, 2: 2}
        assert not fold.leaky
        assert "6 clips of the speakers learnt from" in fold.text


def test_each_of_several_corpora_gives_speakers() -> None:
    alone = actors(10)
    items = SpeechCorpus.join([alone, speech({"OAF": 5, "YAF": 5}, "tess")])
    (fold,) = divide(items, "speakers")
    test = speakers_of(items, fold.test)
    assert Counter(who.split()[0] for who in test) == {"ravdess": 2, "tess": 1}
    (before,) = divide(alone, "speakers")
    assert named(alone, before)[2] <= named(items, fold)[2], "the other corpus changes nothing"
    assert "(of 10)" in fold.text
    assert "(of 2)" in fold.text


def test_folds_report_every_item_once_and_are_even() -> None:
    items = speech({"a": 9, "b": 1, "c": 3, "d": 4, "e": 4, "f": 3})
    made = divide(items, "kfold-speakers", folds=3)
    assert [fold.name for fold in made] == ["fold-1", "fold-2", "fold-3"]
    assert sorted(np.concatenate([fold.test for fold in made]).tolist()) == list(range(72))
    assert [len(fold.test) for fold in made] == [27, 24, 21]
    assert pooled(made).startswith("72 items in 3 folds, each answered once")


def test_folds_divide_every_corpus_evenly() -> None:
    items = SpeechCorpus.join([actors(10), speech({"OAF": 90, "YAF": 90}, "tess")])
    made = divide(items, "kfold-speakers", folds=5)
    found = [Counter(who.split()[0] for who in speakers_of(items, fold.test)) for fold in made]
    assert [count["ravdess"] for count in found] == [2] * 5
    assert sorted(count["tess"] for count in found) == [0, 0, 0, 1, 1]


def test_every_speaker_is_left_out_once() -> None:
    items = actors(5)
    made = divide(items, "leave-one-speaker-out")
    assert [fold.name for fold in made] == [f"speaker-ravdess-0{number}" for number in range(1, 6)]
    assert [speakers_of(items, fold.test) for fold in made] == [
        {f"ravdess 0{number}"} for number in range(1, 6)
    ]
    held = [speakers_of(items, fold.held) for fold in made]
    assert all(len(who) == 1 for who in held)
    assert len(set.union(*held)) > 2, "not always the same one is held back"


def test_one_corpus_speakers_can_be_left_out_alone() -> None:
    items = SpeechCorpus.join([actors(5), actors(3, corpus="emodb")])
    made = divide(items, "leave-one-speaker-out", test_on={"emodb"})
    assert [speakers_of(items, fold.test) for fold in made] == [
        {f"emodb 0{number}"} for number in range(1, 4)
    ]
    everyone = set(range(len(items)))
    for fold in made:
        assert {*fold.learn, *fold.held, *fold.test} == everyone, "the other corpus is learnt from"
    whole = {fold.name: fold for fold in divide(items, "leave-one-speaker-out")}
    assert all((whole[fold.name].learn == fold.learn).all() for fold in made)


def test_names_of_folds_can_be_folders() -> None:
    items = speech({"../x": 3, ".. x": 3, "é/Y": 3, "É:y": 3}, "my voices")
    names = [fold.name for fold in divide(items, "leave-one-speaker-out")]
    assert len({name.lower() for name in names}) == 4
    for name in names:
        assert name.startswith("speaker-my-voices-")
        assert name.replace("-", "").isascii()
        assert name.replace("-", "").isalnum()


def test_who_speaks_most_is_not_held_back() -> None:
    items = speech({"a": 4, "b": 4, "c": 4, "loud": 60})
    for seed in range(6):
        for fold in divide(items, "leave-one-speaker-out", seed=seed):
            assert "ravdess loud" not in speakers_of(items, fold.held)


def test_who_alone_has_a_label_is_not_held_back() -> None:
    items = without(actors(5), "happy", but="03")
    for seed in range(6):
        fold = cross(
            SpeechCorpus.join([items, actors(2, corpus="b")]), {"ravdess"}, {"b"}, seed=seed
        )
        assert "ravdess 03" not in speakers_of(items, fold.held)


def test_usage_reports_validation_and_learns_from_train() -> None:
    items = faces({"train": 40, "validation": 5, "test": 7})
    (fold,) = divide(items, "usage")
    splits = np.array(items.splits)
    assert set(fold.test) == set(np.flatnonzero(splits == "validation"))
    assert set(splits[fold.learn]) == set(splits[fold.held]) == {"train"}
    assert (len(fold.learn), len(fold.held)) == (114, 6)
    assert "all 15 pictures of fer2013's own validation split" in fold.text
    assert not fold.leaky


def test_usage_reports_test_where_there_is_no_validation() -> None:
    items = faces({"train": 20, "test": 7})
    (fold,) = divide(items, "usage")
    assert {items.splits[index] for index in fold.test} == {"test"}
    assert "all 21 pictures of fer2013's own test split" in fold.text


def test_usage_leaves_near_duplicates_out_of_learning() -> None:
    items = faces({"train": 40, "validation": 5})
    crops = items.crops.copy()
    tested = np.flatnonzero(np.array(items.splits) == "validation")
    crops[3] = crops[tested[0]]
    crops[50] = crops[tested[9]][:, ::-1]
    items = dataclasses.replace(items, crops=crops)
    (fold,) = divide(items, "usage")
    learnt = set(np.concatenate([fold.learn, fold.held]).tolist())
    assert not {3, 50} & learnt
    assert len(learnt) == 118
    assert "left out: 2" in fold.text
    # A duplicate of what is held back goes as well.
    held = int(fold.held[0])
    crops[int(fold.learn[0])] = crops[held]
    (again,) = divide(dataclasses.replace(items, crops=crops), "usage")
    assert int(fold.learn[0]) not in again.learn
    assert "left out: 3" in again.text


def test_cross_learns_from_one_corpus_and_reports_the_other() -> None:
    items = SpeechCorpus.join([actors(6), actors(4, corpus="emodb"), actors(3, corpus="other")])
    fold = cross(items, {"ravdess"}, {"emodb"})
    learn, held, test = (
        {who.split()[0] for who in speakers_of(items, part)} for part in parts(fold)
    )
    assert (learn, held, test) == ({"ravdess"}, {"ravdess"}, {"emodb"})
    assert len(fold.test) == 48
    assert len(fold.learn) + len(fold.held) == 72
    assert not speakers_of(items, fold.learn) & speakers_of(items, fold.held)
    assert "all 48 clips of emodb" in fold.text
    assert not fold.leaky


def test_cross_goes_with_faces_and_with_labels_that_only_one_side_has() -> None:
    blank = np.zeros((8, 4, 4), np.uint8)
    names = tuple(f"{row}.png" for row in range(8))
    two = [
        FaceCorpus.of(blank, np.arange(8) % 2, names, label_set=LabelSet(labels), corpus=corpus)
        for corpus, labels in (("a", ("happy", "sad")), ("b", ("happy", "angry")))
    ]
    items = FaceCorpus.join(two)
    fold = cross(items, {"a"}, {"b"})
    assert {items.names[index][0] for index in fold.test} == {"b"}
    assert {items.names[index][0] for index in np.concatenate([fold.learn, fold.held])} == {"a"}
    assert len(fold.test) == 8


@pytest.mark.parametrize(
    ("train_on", "test_on", "problem"),
    [
        (set(), {"emodb"}, "no corpus to learn from"),
        ({"ravdess"}, set(), "no corpus to report on"),
        ({"ravdess"}, {"tess"}, "no items of tess; there are emodb, ravdess"),
        ({"ravdess", "emodb"}, {"emodb"}, "emodb stands on both sides"),
    ],
)
def test_corpora_that_cannot_be_crossed(
    train_on: set[str], test_on: set[str], problem: str
) -> None:
    items = SpeechCorpus.join([actors(4), actors(4, corpus="emodb")])
    with pytest.raises(DatasetError, match=problem):
        cross(items, train_on, test_on)


def without(items: SpeechCorpus, label: str, but: str = "") -> SpeechCorpus:
    """Without the clips of a label, but for those of one speaker."""
    kept = [clip.label != label or clip.speaker == but for clip in items.clips]
    return items.take(np.array(kept, bool))


@pytest.mark.parametrize(
    ("items", "protocol", "problem"),
    [
        (actors(4), "own", "recipe has no split of its own"),
        (actors(4), CROSS, "--test-on"),
        (actors(4), "fair", "no protocol 'fair'; there are usage, speakers"),
        (actors(0), "random", "empty"),
        (actors(4), "usage", "ravdess: has no split of its own; take --protocol speakers"),
        (faces({"": 9}), "usage", "take --protocol random"),
        (faces({"train": 9}), "usage", "validation or a test split to report on, found train"),
        (faces({"validation": 9}), "usage", "its train split is empty"),
        (faces({"train": 9}), "speakers", "fer2013: the speaker of 27 pictures is not known"),
        (actors(1), "speakers", r"ravdess: only one speaker \(01\).*--protocol random"),
        (actors(1), "kfold-speakers", "only one speaker"),
        (actors(1), "leave-one-speaker-out", "only one speaker"),
        (SpeechCorpus.join([actors(5), actors(1, corpus="me")]), "speakers", "me: only one speak"),
        (actors(4), "kfold-speakers", "4 speakers cannot be divided into 5 folds"),
        (actors(1, 1), "random", "too few items, none held back"),
        (without(actors(4), "happy"), "random", "ravdess: no item of happy"),
        (
            without(actors(4), "happy", but="02"),
            "leave-one-speaker-out",
            "speaker-ravdess-02: no happy to learn from",
        ),
        (
            speech({"OAF": 9, "YAF": 9}).relabel(
                [f"{who}/{label}" for who in ("OAF", "YAF") for label in LABELS for _ in range(9)]
            ),
            "speakers",
            "ravdess: no [OY]AF/angry, [OY]AF/happy, [OY]AF/neutral to learn from",
        ),
    ],
)
def test_what_cannot_be_divided_is_said_in_one_line(
    items: Items, protocol: str, problem: str
) -> None:
    with pytest.raises(DatasetError, match=problem) as caught:
        divide(items, protocol)
    assert "\n" not in str(caught.value)


def test_a_corpus_that_is_not_there_cannot_be_left_out() -> None:
    with pytest.raises(DatasetError, match="no items of iemocap; there are ravdess"):
        divide(actors(4), "leave-one-speaker-out", test_on={"iemocap"})


def test_a_share_outside_of_reason_is_refused() -> None:
    with pytest.raises(DatasetError, match="between 0 and 1"):
        divide(actors(4), "random", share=1.0)
    with pytest.raises(DatasetError, match="1 folds"):
        divide(actors(4), "kfold-speakers", folds=1)


def test_every_protocol_has_a_name() -> None:
    assert set(PROTOCOLS) == {"usage", "random", CROSS, "own", *BY_SPEAKER}
