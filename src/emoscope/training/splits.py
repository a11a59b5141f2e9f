"""Protocols: which items are learnt from, held back, and reported.

No draw depends on the order in which a corpus was read (:mod:`emoscope.training.pool`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.training.datasets.corpora import FaceCorpus, Items
from emoscope.training.datasets.fer2013 import near_duplicates
from emoscope.training.pool import HELD, Numbers, Person, Pool, listed

CROSS = "cross-corpus"
ONE_OUT = "leave-one-speaker-out"
PROTOCOLS = (
    "usage",
    "speakers",
    "kfold-speakers",
    ONE_OUT,
    "random",
    CROSS,
    "own",
)
_TEST_SPEAKERS = 0.2
_HELD_PICTURES = 0.05


@dataclass(frozen=True)
class Fold:
    """One way to divide a corpus; the three parts are index arrays that do not overlap.

    Attributes:
        name: ``""`` for the only one, ``fold-1`` and so on, or ``speaker-ravdess-07``.
        learn: ``(n1,)`` int64, learnt from.
        held: ``(n2,)`` int64, held back: early stopping, temperature.
        test: ``(n3,)`` int64, only reported.
        text: how it was divided, in words, with what is *leaky* about it.
        leaky: whether items of one speaker (or duplicates of one picture) stand on both sides.
    """

    name: str
    learn: NDArray[np.int64]
    held: NDArray[np.int64]
    test: NDArray[np.int64]
    text: str
    leaky: bool = False


def divide(
    items: Items,
    protocol: str,
    *,
    seed: int = 0,
    folds: int = 5,
    share: float = 0.25,
    test_on: set[str] | None = None,
) -> list[Fold]:
    """Divide a corpus.

    Args:
        items: what there is, of one corpus or of several.
        protocol: ``usage`` (the corpus' own split), ``speakers`` (about a fifth of the speakers
            of each corpus is reported), ``kfold-speakers``, ``leave-one-speaker-out``, or
            ``random`` (of each label a share, whoever speaks: leaky).
        seed: of what is drawn.
        folds: for ``kfold-speakers``.
        share: of the items, reported by ``random``.
        test_on: for ``leave-one-speaker-out``: corpora whose speakers are left out in turn, those
            of others are always learnt from; None or none: all.

    Returns:
        One fold; for ``kfold-speakers`` and ``leave-one-speaker-out`` several, which together
        report on every item (of ``test_on``) once.

    Raises:
        DatasetError: the corpus cannot be divided so; the message says what could be done.
    """
    ways: dict[str, Callable[[Pool], list[Fold]]] = {
        "usage": lambda pool: [_usage(pool)],
        "speakers": lambda pool: [_speakers(pool)],
        "kfold-speakers": lambda pool: _kfold(pool, folds),
        ONE_OUT: lambda pool: _one_out(pool, test_on or set(pool.corpora)),
        "random": lambda pool: [_random(pool, share)],
    }
    if protocol == "own":
        raise DatasetError("protocol own: the recipe has no split of its own; name another one")
    if protocol == CROSS:
        raise DatasetError(f"protocol {CROSS}: say on which corpus to report, with --test-on NAME")
    if protocol not in ways:
        raise DatasetError(f"no protocol '{protocol}'; there are {', '.join(PROTOCOLS)}")
    if not len(items):
        raise DatasetError("the corpus is empty, so there is nothing to divide")
    pool = Pool.of(items, seed)
    missing = np.setdiff1d(np.arange(len(items.label_set)), pool.labels)
    if len(missing):
        names = ", ".join(items.label_set.names[index] for index in missing.tolist())
        raise DatasetError(
            f"{items.corpus}: no item of {names}, so that cannot be learnt; complete the corpus, "
            "or give the other labels as a folder of label folders"
        )
    made = ways[protocol](pool)
    for fold in made:
        _check(pool, fold, np.arange(len(items)))
    return made


def cross(items: Items, train_on: set[str], test_on: set[str], *, seed: int = 0) -> Fold:
    """Learn from some corpora, report on others.

    Labels that only one side has are the evaluation's business.

    Args:
        items: of all these corpora; those of others are left out.
        train_on: names of corpora.
        test_on: names of other corpora, reported whole.
        seed: of what is held back.

    Raises:
        DatasetError: a corpus is missing, or stands on both sides.
    """
    if not len(items):
        raise DatasetError("the corpus is empty, so there is nothing to divide")
    pool = Pool.of(items, seed)
    there = sorted(set(pool.corpora))
    for side, names in (("learn from", train_on), ("report on", test_on)):
        if not names:
            raise DatasetError(f"{CROSS}: no corpus to {side}; there are {', '.join(there)}")
        _there(CROSS, names, there)
    if train_on & test_on:
        both = ", ".join(sorted(train_on & test_on))
        raise DatasetError(f"{CROSS}: {both} stands on both sides; report on another corpus")
    corpora = np.array(pool.corpora)
    source = np.flatnonzero(np.isin(corpora, sorted(train_on)))
    test = np.flatnonzero(np.isin(corpora, sorted(test_on)))
    held, told = np.empty(0, np.int64), []
    for corpus in sorted(train_on):
        members = source[corpora[source] == corpus]
        part, how = pool.hold(members, pool.rng(corpus, "held"))
        held = np.union1d(held, part)
        told.append(f"{corpus} ({pool.count(len(members) - len(part))}; held back: {how})")
    text = (
        f"learnt from {' and '.join(told)}; reported on all {pool.count(len(test))} of "
        f"{' and '.join(sorted(test_on))}, which was never heard or seen in training"
    )
    fold = Fold("", np.setdiff1d(source, held), held, test, text)
    _check(pool, fold, source)
    return fold


def _there(protocol: str, names: set[str], there: list[str]) -> None:
    """Refuse corpora that are named and not there."""
    if names - set(there):
        missing = ", ".join(sorted(names - set(there)))
        raise DatasetError(f"{protocol}: no items of {missing}; there are {', '.join(there)}")


def pooled(folds: Sequence[Fold]) -> str:
    """In words, what the reported parts of several folds are together."""
    n = sum(len(fold.test) for fold in folds)
    return f"{n} items in {len(folds)} folds, each answered once, by a model that never met them"


def _usage(pool: Pool) -> Fold:
    items = pool.items
    if not isinstance(items, FaceCorpus) or not any(items.splits):
        raise DatasetError(
            f"{items.corpus}: has no split of its own; take --protocol "
            f"{'random' if isinstance(items, FaceCorpus) else 'speakers'}"
        )
    corpora, splits = np.array(pool.corpora), np.array(items.splits)
    test, told = np.empty(0, np.int64), []
    for corpus in sorted(set(pool.corpora)):
        for part in ("validation", "test"):
            found = np.flatnonzero((corpora == corpus) & (splits == part))
            if len(found):
                test = np.union1d(test, found)
                told.append(f"all {pool.count(len(found))} of {corpus}'s own {part} split")
                break
        else:
            there = ", ".join(sorted(set(splits[corpora == corpus].tolist()))) or "none"
            raise DatasetError(
                f"{corpus}: expected a validation or a test split to report on, found {there}; "
                "add one, or take --protocol random"
            )
    train = np.flatnonzero(splits == "train")
    if not len(train):
        raise DatasetError(f"{items.corpus}: its train split is empty, so nothing can be learnt")
    fresh = train[~near_duplicates(items.crops[train], items.crops[test])]
    held = pool.draw(fresh, _HELD_PICTURES, pool.rng("usage"))
    learn = np.setdiff1d(fresh, held)
    if len(held):
        learn = learn[~near_duplicates(items.crops[learn], items.crops[held])]
    left_out = len(train) - len(learn) - len(held)
    text = (
        f"{' and '.join(told)}; learnt from {pool.count(len(learn))} of the train split (held "
        f"back: {len(held)}; left out: {left_out} that nearly stand among those or the reported)"
    )
    return Fold("", learn, held, test, text)


def _speakers(pool: Pool) -> Fold:
    tested: set[Person] = set()
    held, told, kept = np.empty(0, np.int64), [], []
    for corpus, people in pool.speakers("speakers").items():
        rng = pool.rng(corpus, "speakers")
        order = [people[i] for i in rng.permutation(len(people)).tolist()]
        chosen = set(order[: max(1, round(_TEST_SPEAKERS * len(people)))])
        tested |= chosen
        part, how = pool.hold(pool.of_people(set(people) - chosen), rng)
        held = np.union1d(held, part)
        told.append(f"{listed(chosen)} (of {len(people)})")
        kept.append(how)
    test = pool.of_people(tested)
    text = (
        f"{pool.who} never met in training: {'; '.join(told)}: {pool.count(len(test))}; held back: "
        f"{'; '.join(kept)}"
    )
    learn = np.setdiff1d(np.arange(len(pool.items)), np.union1d(held, test))
    return Fold("", learn, held, test, text)


def _kfold(pool: Pool, folds: int) -> list[Fold]:
    speakers = pool.speakers("kfold-speakers")
    people = [person for same in speakers.values() for person in same]
    most = max(len(same) for same in speakers.values())
    if not 2 <= folds <= most:
        raise DatasetError(
            f"{pool.items.corpus}: {most} speakers cannot be divided into {folds} folds; "
            f"take --folds 2{f' to {most}' if most > 2 else ''}"
        )
    size = {person: pool.people.count(person) for person in people}
    order = [people[i] for i in pool.rng("kfold").permutation(len(people)).tolist()]
    parts: list[set[Person]] = [set() for _ in range(folds)]
    # The longest first, each to where least of its corpus is, so that every corpus is divided as
    # evenly as whole speakers can be (Graham, 1969).
    for person in sorted(order, key=lambda one: -size[one]):
        same = set(speakers[person[0]])
        least = min(parts, key=lambda part: (_load(part & same, size), _load(part, size)))
        least.add(person)
    return [
        _without(pool, part, f"fold-{number}", f"fold {number} of {folds}")
        for number, part in enumerate(parts, start=1)
    ]


def _load(part: set[Person], size: dict[Person, int]) -> tuple[int, int]:
    return sum(size[one] for one in part), len(part)


def _one_out(pool: Pool, test_on: set[str]) -> list[Fold]:
    made: list[Fold] = []
    speakers = pool.speakers(ONE_OUT)
    _there(ONE_OUT, test_on, sorted(speakers))
    for corpus in sorted(test_on):
        for person in speakers[corpus]:
            name = "speaker-" + re.sub(r"[^A-Za-z0-9]+", "-", "-".join(person))
            if name.lower() in (fold.name.lower() for fold in made):
                name += f"-{len(made) + 1}"
            made.append(_without(pool, {person}, name, "one speaker left out"))
    return made


def _without(pool: Pool, tested: set[Person], name: str, kind: str) -> Fold:
    """A fold that reports on some speakers and holds one or two of the others back."""
    test = pool.of_people(tested)
    rest = np.setdiff1d(np.arange(len(pool.items)), test)
    held, how = pool.hold(rest, pool.rng(name), most=2)
    text = (
        f"{kind}: {pool.who} never met in training: {listed(tested)}: {pool.count(len(test))}; "
        f"held back: {how}"
    )
    return Fold(name, np.setdiff1d(rest, held), held, test, text)


def _random(pool: Pool, share: float) -> Fold:
    if not 0 < share < 1:
        raise DatasetError(f"protocol random: expected a share between 0 and 1, got {share}")
    everything = np.arange(len(pool.items))
    rng = pool.rng("random")
    test = pool.draw(everything, share, rng)
    rest = np.setdiff1d(everything, test)
    held = pool.draw(rest, HELD, rng)
    noun = "pictures" if isinstance(pool.items, FaceCorpus) else "clips"
    tested, others = ({pool.people[index] for index in part.tolist()} for part in (test, rest))
    unknown = any(not speaker for _, speaker in pool.people)
    leaky = unknown or bool(tested & others)
    if unknown:
        sides = f"{pool.who} are not known and may stand on both sides: leaky"
    else:
        same = f"the same {pool.who} stand on both sides: leaky"
        sides = same if leaky else f"no {pool.who} on both sides"
    text = f"random {share:.0%} of {noun}, {len(test)} of {len(everything)}; {sides}"
    return Fold("", np.setdiff1d(rest, held), held, test, text, leaky)


def _check(pool: Pool, fold: Fold, asked: Numbers) -> None:
    """Refuse a fold from which nothing can be learnt, calibrated or reported.

    Args:
        pool: the items.
        fold: which parts.
        asked: the items whose labels must stand in the part to learn from.
    """
    where = f"{pool.items.corpus}{f', {fold.name}' if fold.name else ''}"
    sizes = {"to learn from": fold.learn, "held back": fold.held, "to report": fold.test}
    for part, numbers in sizes.items():
        if not len(numbers):
            told = ", ".join(f"{len(other)} {name}" for name, other in sizes.items())
            raise DatasetError(
                f"{where}: too few items, none {part} ({told}); add some, or take another "
                "--protocol"
            )
    lost = np.setdiff1d(pool.labels[asked], pool.labels[fold.learn])
    if len(lost):
        names = ", ".join(pool.items.label_set.names[index] for index in lost.tolist())
        raise DatasetError(
            f"{where}: no {names} to learn from, all of it is held back or reported; add some, "
            "or take another --seed or --protocol"
        )
