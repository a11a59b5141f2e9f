"""Figures of a classifier, each with its number of items and an interval; numpy only.

Everything is computed from the probabilities and the true labels, so that no figure can come from
other data than its neighbour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.training.calibration import (
    calibrated_interval,
    calibration_error,
    checked_classes,
)

DRAWS = 2000
_Z95 = 1.959963984540054
_FLOOR = 1e-12  # a probability of 0 for the true label costs 27.6 nats instead of infinity

Interval = tuple[float, float]


@dataclass(frozen=True)
class Metrics:
    """How well probabilities fit labels.

    Attributes:
        labels: the classes, in the order of all per-class figures.
        n: items.
        accuracy: share of items whose most probable class is the true one.
        accuracy_interval: 95%, Wilson (1927).
        uar: unweighted average recall, the mean over the classes that occur.
        uar_interval: 95%, percentile bootstrap by item.
        uar_interval_by_group: the same by group (speaker), None without groups; with few groups
            it is too narrow.
        macro_f1: mean F1 over the classes that occur.
        macro_f1_interval: 95%, percentile bootstrap by item.
        ece: expected calibration error of the top probability, 15 equal bins (Guo et al., 2017).
        ece_if_calibrated: where the ECE of answers exactly as sure as they should be lies in 95 of
            100 cases; far from 0 on few items.
        nll: mean negative log-likelihood of the true class, in nats.
        recall: per class; None where the class does not occur.
        precision: per class; None where the class is never answered.
        f1: per class, harmonic mean of both, 0 where the class is never answered; None where it
            does not occur.
        support: items per class.
        confusion: rows are true classes, columns are answers.
    """

    labels: tuple[str, ...]
    n: int
    accuracy: float
    accuracy_interval: Interval
    uar: float
    uar_interval: Interval
    uar_interval_by_group: Interval | None
    macro_f1: float
    macro_f1_interval: Interval
    ece: float
    ece_if_calibrated: Interval
    nll: float
    recall: tuple[float | None, ...]
    precision: tuple[float | None, ...]
    f1: tuple[float | None, ...]
    support: tuple[int, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes that do not occur; UAR and macro-F1 are means over the others."""
        return tuple(
            name for name, count in zip(self.labels, self.support, strict=True) if not count
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        by_group = self.uar_interval_by_group
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "uar": self.uar,
            "uar_interval": list(self.uar_interval),
            "uar_interval_by_group": None if by_group is None else list(by_group),
            "macro_f1": self.macro_f1,
            "macro_f1_interval": list(self.macro_f1_interval),
            "ece": self.ece,
            "ece_if_calibrated": list(self.ece_if_calibrated),
            "nll": self.nll,
            "labels": list(self.labels),
            "absent": list(self.absent),
            "recall": list(self.recall),
            "precision": list(self.precision),
            "f1": list(self.f1),
            "support": list(self.support),
            "confusion": [list(row) for row in self.confusion],
        }


def measure(
    probabilities: NDArray[np.floating[Any]],
    truth: NDArray[np.integer[Any]],
    labels: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> Metrics:
    """All figures of one set of items.

    Args:
        probabilities: ``(n, k)``, rows sum to 1.
        truth: ``(n,)`` true classes, 0 to ``k - 1``.
        labels: names of the ``k`` classes.
        groups: per item whom it comes from (speaker); adds an interval by group where there are
            at least two.
        seed: of the bootstrap.

    Raises:
        ValueError: no items, or shapes, classes or probabilities that do not fit.
    """
    p, y = _checked(probabilities, truth, len(labels))
    answer = p.argmax(1)
    matrix = confusion_matrix(y, answer, len(labels))
    support, answered, hits = matrix.sum(1), matrix.sum(0), np.diag(matrix)
    by_group = None
    if groups is not None:
        if len(groups) != len(y):
            raise ValueError(f"expected {len(y)} groups, got {len(groups)}")
        if len(set(groups)) > 1:
            by_group = uar_interval(y, answer, len(labels), groups, seed=seed)
    return Metrics(
        labels=tuple(labels),
        n=len(y),
        accuracy=float(hits.sum() / len(y)),
        accuracy_interval=wilson(int(hits.sum()), len(y)),
        uar=unweighted_average_recall(matrix),
        uar_interval=uar_interval(y, answer, len(labels), seed=seed),
        uar_interval_by_group=by_group,
        macro_f1=macro_f1(matrix),
        macro_f1_interval=macro_f1_interval(matrix, seed=seed),
        ece=calibration_error(p, y),
        ece_if_calibrated=calibrated_interval(p, seed=seed),
        nll=negative_log_likelihood(p, y),
        recall=_shares(hits, support),
        precision=_shares(hits, answered),
        f1=_shares(2 * hits, np.where(support > 0, support + answered, 0)),
        support=tuple(int(count) for count in support),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def confusion_matrix(
    truth: NDArray[np.integer[Any]], answer: NDArray[np.integer[Any]], classes: int
) -> NDArray[np.int64]:
    """Counts ``(classes, classes)``: rows are true classes, columns are answers."""
    cells = np.bincount(truth * classes + answer, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def unweighted_average_recall(matrix: NDArray[np.int64]) -> float:
    """Mean recall over the classes that occur in a confusion matrix."""
    support = matrix.sum(1)
    return float((np.diag(matrix)[support > 0] / support[support > 0]).mean())


def macro_f1(matrix: NDArray[np.int64]) -> float:
    """Mean F1 over the classes that occur in a confusion matrix."""
    support, answered = matrix.sum(1), matrix.sum(0)
    occurs = support > 0
    return float((2 * np.diag(matrix)[occurs] / (support + answered)[occurs]).mean())


def macro_f1_interval(matrix: NDArray[np.int64], *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """95% percentile bootstrap interval of macro-F1 by item (Efron, 1979).

    F1 depends on the items only through the confusion matrix ``(classes, classes)``, so that each
    draw is one multinomial sample of its cells.
    """
    classes, n = len(matrix), int(matrix.sum())
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n, matrix.reshape(-1) / n, size=draws).reshape(-1, classes, classes)
    hits = np.diagonal(drawn, axis1=1, axis2=2)
    support = drawn.sum(2)
    f1 = 2 * hits / np.maximum(support + drawn.sum(1), 1)
    occurs = support > 0
    low, high = np.quantile((f1 * occurs).sum(1) / occurs.sum(1), (0.025, 0.975))
    return float(low), float(high)


def wilson(hits: int, n: int) -> Interval:
    """95% interval of a share (Wilson, 1927).

    Raises:
        ValueError: not ``0 <= hits <= n`` with ``n > 0``.
    """
    if not 0 <= hits <= n or n == 0:
        raise ValueError(f"expected 0 <= hits <= n and n > 0, got {hits} of {n}")
    share, z2 = hits / n, _Z95 * _Z95
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # Rounding must not push the share itself out of its interval at 0 and 1.
    return min(max(0.0, middle - half), share), max(min(1.0, middle + half), share)


def uar_interval(
    truth: NDArray[np.integer[Any]],
    answer: NDArray[np.integer[Any]],
    classes: int,
    groups: Sequence[str] | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """95% percentile bootstrap interval of UAR (Efron, 1979), by item or by group.

    UAR depends on a draw only through right and wrong answers per class, so that each draw is one
    multinomial sample of those counts (or of the groups).
    """
    rng = np.random.default_rng(seed)
    cell = truth * 2 + (answer == truth)
    if groups is None:
        counts = np.bincount(cell, minlength=2 * classes)
        drawn = rng.multinomial(len(cell), counts / len(cell), size=draws)
    else:
        names, member = np.unique(np.asarray(groups), return_inverse=True)
        table = np.zeros((len(names), 2 * classes), np.int64)
        np.add.at(table, (member, cell), 1)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws) @ table
    pairs = drawn.reshape(draws, classes, 2)
    support = pairs.sum(2)
    recall = pairs[:, :, 1] / np.maximum(support, 1)
    uar = recall.sum(1) / np.maximum((support > 0).sum(1), 1)
    low, high = np.quantile(uar, (0.025, 0.975))
    return float(low), float(high)


def negative_log_likelihood(
    probabilities: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]
) -> float:
    """Mean of ``-log p`` of the true class, in nats."""
    right = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(right, _FLOOR)).mean())


def _checked(
    probabilities: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    p, y = checked_classes(probabilities, truth, classes)
    if p.min() < 0 or np.abs(p.sum(1) - 1).max() > 1e-3:
        raise ValueError("expected rows of probabilities that sum to 1")
    return p, y


def _shares(part: NDArray[np.int64], whole: NDArray[np.int64]) -> tuple[float | None, ...]:
    return tuple(
        float(a / b) if b else None for a, b in zip(part.tolist(), whole.tolist(), strict=True)
    )
