"""Items as protocols see them: whom they are of, and how shares of them are drawn.

Draws are of names, not of places in a list, so that a corpus is divided in the same way in
whatever order it was read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.training.datasets.corpora import FaceCorpus, Items

HELD = 0.1
"""Share of the speakers, or of the items, that is held back."""

_DOMINANT = 2.0  # times the mean: who speaks more than that is too dear to be held back

Numbers = NDArray[np.int64]
Person = tuple[str, str]
"""Corpus and speaker."""


@dataclass(frozen=True)
class Pool:
    """Items as protocols see them.

    Attributes:
        items: themselves.
        corpora: which corpus each is of.
        people: corpus and speaker of each; ``""`` where the speaker is not known.
        labels: ``(n,)`` index into the corpus' label set.
        rank: ``(n,)`` place of each in the order of names.
        seed: of what is drawn.
    """

    items: Items
    corpora: tuple[str, ...]
    people: tuple[Person, ...]
    labels: Numbers
    rank: Numbers
    seed: int

    @classmethod
    def of(cls, items: Items, seed: int) -> Pool:
        if isinstance(items, FaceCorpus):
            corpora, speakers = _face_corpora(items), items.speakers
        else:
            corpora = tuple(clip.corpus for clip in items.clips)
            speakers = tuple(clip.speaker for clip in items.clips)
        rank = np.empty(len(items), np.int64)
        rank[sorted(range(len(items)), key=items.names.__getitem__)] = np.arange(len(items))
        people = tuple(zip(corpora, speakers, strict=True))
        return cls(items, corpora, people, items.labels, rank, seed)

    def rng(self, *purpose: str) -> np.random.Generator:
        """Its own numbers for each corpus and purpose."""
        return np.random.default_rng([self.seed, *"/".join(purpose).encode()])

    def count(self, n: int) -> str:
        """``n`` items in words."""
        noun = "picture" if isinstance(self.items, FaceCorpus) else "clip"
        return f"{n} {noun}" + ("s" if n != 1 else "")

    @property
    def who(self) -> str:
        """What whom the items are of are called."""
        return "people" if isinstance(self.items, FaceCorpus) else "speakers"

    def of_people(self, people: set[Person]) -> Numbers:
        """The items of some speakers."""
        return np.flatnonzero(np.array([person in people for person in self.people], bool))

    def draw(self, members: Numbers, share: float, rng: np.random.Generator) -> Numbers:
        """A share of ``members`` of each label, at least one where there are two or more."""
        members = members[np.argsort(self.rank[members])]
        labels = self.labels[members]
        drawn = []
        for label in np.unique(labels).tolist():
            same = members[labels == label]
            wanted = max(int(share * len(same) + 0.5), 1 if len(same) > 1 else 0)
            drawn.append(rng.permutation(same)[:wanted])
        return np.sort(np.concatenate(drawn)) if drawn else np.empty(0, np.int64)

    def hold(
        self, rest: Numbers, rng: np.random.Generator, most: int | None = None
    ) -> tuple[Numbers, str]:
        """About a tenth of ``rest``: whole speakers where there are enough, else of each label.

        Args:
            rest: what is not reported.
            rng: of the draw.
            most: speakers at most; None: any number.

        Returns:
            What is held back, and in words what it is.
        """
        sizes = Counter(self.people[index] for index in rest.tolist())
        if len(sizes) >= 3 and all(speaker for _, speaker in sizes):
            mean = len(rest) / len(sizes)
            light = sorted(person for person, size in sizes.items() if size <= _DOMINANT * mean)
            wanted = min(max(1, round(HELD * len(sizes))), most or len(sizes))
            chosen = self._spared(rest, [light[i] for i in rng.permutation(len(light))], wanted)
            if chosen:
                part = np.intersect1d(self.of_people(chosen), rest)
                return part, f"{listed(chosen)}: {self.count(len(part))}"
        part = self.draw(rest, HELD, rng)
        return part, f"{self.count(len(part))} of the {self.who} learnt from"

    def _spared(self, rest: Numbers, order: list[Person], wanted: int) -> set[Person]:
        """The first ``wanted`` people without whom no label is lost from ``rest``."""
        chosen: set[Person] = set()
        for person in order:
            part = np.intersect1d(self.of_people(chosen | {person}), rest)
            others = self.labels[np.setdiff1d(rest, part)]
            if np.isin(self.labels[part], others).all():
                chosen.add(person)
            if len(chosen) == wanted:
                break
        return chosen

    def speakers(self, protocol: str) -> dict[str, list[Person]]:
        """Speakers of each corpus, sorted; an error where they cannot be told apart."""
        found: dict[str, list[Person]] = {}
        for person in sorted(set(self.people)):
            found.setdefault(person[0], []).append(person)
        for corpus, people in found.items():
            unknown = sum(person == (corpus, "") for person in self.people)
            if unknown:
                raise DatasetError(
                    f"{corpus}: the speaker of {self.count(unknown)} is not known, as --protocol "
                    f"{protocol} needs it; sort them into a folder for each speaker, or take "
                    "--protocol random, which is leaky"
                )
            if len(people) == 1:
                raise DatasetError(
                    f"{corpus}: only one speaker ({people[0][1]}), so none is left for --protocol "
                    f"{protocol}; add a corpus, or take --protocol random, which is leaky"
                )
        return found


def _face_corpora(items: FaceCorpus) -> tuple[str, ...]:
    """Corpus of each picture: before the first ``/`` of its name, where corpora were joined."""
    prefixes = tuple(name.split("/", 1)[0] for name in items.names)
    joined = "+" in items.corpus and set(prefixes) <= set(items.corpus.split("+"))
    return prefixes if joined else (items.corpus,) * len(items)


def listed(people: set[Person]) -> str:
    """``emodb 09 and ravdess 03, 11``."""
    corpora: dict[str, list[str]] = {}
    for corpus, speaker in sorted(people):
        corpora.setdefault(corpus, []).append(speaker)
    return " and ".join(f"{corpus} {', '.join(who)}" for corpus, who in corpora.items())
