"""GoEmotions as numbers: its files, the held-out part, and which hashed numbers get a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from emoscope.words import tokenise

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
# The files number anger, disgust, fear, joy, neutral, sadness, surprise.
_TO_SHARED = (0, 1, 2, 3, 6, 4, 5)
HELD_OUT = 10  # one comment in so many
MOST_ROWS = (1 << 16) - 1  # what 16 bits can name beside "none"


def read(path: Path) -> tuple[list[str], Floats, list[str]]:
    """Texts, 0/1 labels ``(n, 7)`` in the order of :data:`EMOTIONS`, and the comments' names."""
    texts, labels, names = [], [], []
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            text, numbers, name = line.rstrip("\n").split("\t")
            row = np.zeros(len(EMOTIONS), dtype=np.float32)
            row[[_TO_SHARED[int(number)] for number in numbers.split(",")]] = 1
            texts.append(text)
            labels.append(row)
            names.append(name)
    return texts, np.array(labels), names


def held_out(names: Sequence[str]) -> Bools:
    """Which comments are held out: told by the name, so it never changes."""
    return np.array([crc32(name.encode()) % HELD_OUT == 0 for name in names])


@dataclass(frozen=True)
class Index:
    """Which numbers of one range have a row in a table; row 0 is for all the others.

    Attributes:
        row: ``(range,)`` row of each hashed number, 0 to :data:`MOST_ROWS`.
        rows: how many there are, with row 0.
    """

    row: Ints
    rows: int

    @classmethod
    def of(cls, texts: Sequence[Ints], size: int, least: int) -> Index:
        """Rows for the numbers that stand in at least ``least`` texts, the commonest first."""
        seen = np.bincount(np.concatenate([np.unique(text) for text in texts]), minlength=size)
        kept = np.argsort(-seen, kind="stable")[: min(MOST_ROWS, int((seen >= least).sum()))]
        row = np.zeros(size, dtype=np.int64)
        row[kept] = 1 + np.arange(len(kept))
        return cls(row, len(kept) + 1)

    def matrix(self, texts: Sequence[Ints]) -> sp.csr_matrix:
        """0/1 matrix ``(texts, rows)`` of which rows each text has; column 0 is empty."""
        found = [np.unique(self.row[text]) for text in texts]
        found = [rows[rows > 0] for rows in found]
        ends = np.cumsum([0, *map(len, found)])
        columns = np.concatenate(found)
        ones = np.ones(len(columns), dtype=np.float64)
        return sp.csr_matrix((ones, columns, ends), shape=(len(texts), self.rows))


@dataclass(frozen=True)
class Texts:
    """Encoded texts, taken apart into the ranges of :mod:`tokenise`, each counted from 0.

    Attributes:
        words: hashed tokens in order.
        reached: which of them a negation reaches.
        bag: distinct words, pairs, negated words and marks of manner.
        pieces: distinct pieces of words.
    """

    words: list[Ints]
    reached: list[Bools]
    bag: list[Ints]
    pieces: list[Ints]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """Encode ``texts``."""
        words, reached, bag, pieces = [], [], [], []
        for text in texts:
            ids = tokenise.encode(text)
            tokens = ids[ids < tokenise.BAG_START]
            words.append(tokens % tokenise.WORDS)
            reached.append(tokens >= tokenise.WORDS)
            in_bag = (ids >= tokenise.BAG_START) & (ids < tokenise.PIECE_START)
            bag.append(ids[in_bag] - tokenise.BAG_START)
            pieces.append(ids[ids >= tokenise.PIECE_START] - tokenise.PIECE_START)
        return cls(words, reached, bag, pieces)

    def __len__(self) -> int:
        return len(self.words)

    def pick(self, chosen: Bools) -> Texts:
        """The texts where ``chosen`` holds."""
        where = np.flatnonzero(chosen)
        return Texts(
            [self.words[i] for i in where],
            [self.reached[i] for i in where],
            [self.bag[i] for i in where],
            [self.pieces[i] for i in where],
        )

    def __add__(self, other: Texts) -> Texts:
        return Texts(
            self.words + other.words,
            self.reached + other.reached,
            self.bag + other.bag,
            self.pieces + other.pieces,
        )
