"""How a model's labels and a corpus' labels meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.labels import SHARED, SHARED_LABELS, TO_SHARED, LabelSet, plain_label


@dataclass(frozen=True)
class Task:
    """The classes that are asked for, and how both sides' labels lead to them.

    Attributes:
        names: of the classes.
        truth: the corpus' label to its class; labels that the model cannot answer are not in it.
        columns: ``(model labels, classes)``, 0 or 1.
        text: which classes, in words.
    """

    names: tuple[str, ...]
    truth: dict[str, int]
    columns: NDArray[np.float64]
    text: str

    def answer(self, native: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Model's probabilities ``(n, labels)`` to those of the classes, renormalised."""
        kept = native.astype(np.float64) @ self.columns
        total = kept.sum(1, keepdims=True)
        even = np.full_like(kept, 1 / len(self.names))
        shares: NDArray[np.float64] = np.divide(kept, total, out=even, where=total > 0)
        return shares


def task_of(model: LabelSet, corpus: LabelSet) -> Task:
    """Native labels where the model has just the corpus' own; else the shared emotions of both.

    Raises:
        DatasetError: they have no emotion in common.
    """
    if set(model.names) == set(corpus.names):
        columns = np.array([[a == b for b in corpus.names] for a in model.names], np.float64)
        truth = {name: index for index, name in enumerate(corpus.names)}
        return Task(corpus.names, truth, columns, "the corpus' own")
    answered = {TO_SHARED[plain_label(name)] for name in model.names}
    asked = {TO_SHARED[plain_label(name)] for name in corpus.names}
    names = tuple(name for name in SHARED if name in answered & asked)
    if not names:
        raise DatasetError("the model and the corpus have no emotion in common")
    columns = model.shared_matrix()[:, [SHARED_LABELS.index(name) for name in names]]
    truth = {
        label: names.index(shared)
        for label in corpus.names
        if (shared := TO_SHARED[plain_label(label)]) is not None and shared in names
    }
    return Task(names, truth, columns, "those of the shared seven that both have")
