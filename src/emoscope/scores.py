"""Probabilities over a model's labels: the answer inside every result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emoscope.labels import SHARED, LabelSet


def rounded(value: float, digits: int) -> float:
    """The value as documents state it."""
    return round(float(value), digits)


@dataclass(frozen=True)
class Scores:
    """Calibrated probabilities over a model's native labels.

    Attributes:
        labels: native labels, in the model's order.
        probabilities: one per label, each within [0, 1], summing to 1 up to what rounding each to
            four digits takes away.
        min_confidence: below this the result abstains: ``top`` is None.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    min_confidence: float = 0.0

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.probabilities):
            raise ValueError(
                f"expected {len(self.labels)} probabilities, got {len(self.probabilities)}"
            )
        if not all(math.isfinite(p) and -1e-6 <= p <= 1 + 1e-6 for p in self.probabilities):
            raise ValueError(f"expected probabilities within [0, 1], got {self.probabilities}")
        total = sum(self.probabilities)
        if abs(total - 1.0) > max(1e-3, 6e-5 * len(self.labels)):
            raise ValueError(f"expected probabilities that sum to 1, got a sum of {total:.4f}")
        if not 0.0 <= self.min_confidence <= 1.0:
            raise ValueError(f"min_confidence must be within [0, 1], got {self.min_confidence}")

    @classmethod
    def of(cls, labels: LabelSet, probabilities: ArrayLike, min_confidence: float = 0.0) -> Scores:
        """Scores from a row of a model's output, renormalised in double precision."""
        row = np.asarray(probabilities, dtype=np.float64)
        if row.ndim != 1:
            raise ValueError(f"expected one row of probabilities, got shape {row.shape}")
        total = row.sum()
        if not total > 0:
            raise ValueError("expected probabilities with a positive sum")
        return cls(labels.names, tuple((row / total).tolist()), min_confidence)

    @property
    def best(self) -> str:
        """The most probable label, however small its probability."""
        return self.labels[self.probabilities.index(max(self.probabilities))]

    @property
    def confidence(self) -> float:
        """Probability of the most probable label."""
        return max(self.probabilities)

    @property
    def top(self) -> str | None:
        """The most probable label, or None below ``min_confidence`` (it abstains)."""
        return self.best if self.confidence >= self.min_confidence else None

    @property
    def shared(self) -> dict[str, float]:
        """Probabilities over the seven shared emotions."""
        mapped = LabelSet(self.labels).to_shared(np.asarray(self.probabilities))
        return dict(zip(SHARED, mapped.tolist(), strict=True))

    def to_dict(self) -> dict[str, float]:
        """Label to probability, in the model's order, to four digits."""
        return {
            label: rounded(p, 4) for label, p in zip(self.labels, self.probabilities, strict=True)
        }


def scores_dict(scores: Scores) -> dict[str, Any]:
    """What documents say of scores; :func:`scores_of` reads it."""
    return {
        "scores": scores.to_dict(),
        "top": scores.top,
        "confidence": rounded(scores.confidence, 4),
        "min_confidence": scores.min_confidence,
    }


def scores_of(stated: Mapping[str, Any]) -> Scores:
    """Scores from what a document says of them; further keys are passed over.

    Rounding may have made two labels equal, or a label equal to ``min_confidence``: the answer has
    the stated ``top`` all the same.

    Raises:
        ValueError: no scores, labels that no model has, or a ``top`` that contradicts them.
        KeyError: something is missing.
        TypeError: something is of another kind.
    """
    shares: dict[str, float] = dict(stated["scores"])
    top, least = stated["top"], stated["min_confidence"]
    if not all(isinstance(value, int | float) for value in (*shares.values(), least)):
        raise TypeError("expected scores and min_confidence to be numbers")
    LabelSet(tuple(shares))
    found = Scores(tuple(shares), tuple(shares.values()), least)
    if found.top == top:
        return found
    if top is None:
        below = math.nextafter(least, 0.0)
        exact = {name: min(share, below) for name, share in shares.items()}
    elif top in shares:
        exact = {**shares, top: max(math.nextafter(found.confidence, 2.0), least)}
    else:
        raise ValueError(f"top is {top!r}, which is none of {list(shares)}")
    if any(abs(exact[name] - shares[name]) > 1.01e-4 for name in shares):
        raise ValueError(f"top is {top!r}, but scores and min_confidence say {found.top!r}")
    return Scores(found.labels, tuple(exact.values()), least)


def mean_scores(scores: Sequence[Scores], weights: Sequence[float]) -> Scores:
    """Weighted mean of scores over the same labels.

    Raises:
        ValueError: nothing to average, or the label sets differ.
    """
    if not scores:
        raise ValueError("expected at least one scores to average")
    labels = scores[0].labels
    if any(item.labels != labels for item in scores):
        raise ValueError("expected scores over the same labels")
    if len(scores) == 1:
        return scores[0]
    mean = np.average([item.probabilities for item in scores], axis=0, weights=weights)
    return Scores(labels, tuple(mean.tolist()), scores[0].min_confidence)


def shares(scores: list[Scores]) -> dict[str, float]:
    """Share of readings per label, most frequent first; abstentions count as ``unsure``."""
    tops = [item.top or "unsure" for item in scores]
    counts = {name: tops.count(name) for name in dict.fromkeys(tops)}
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return {name: rounded(count / len(tops), 4) for name, count in ordered}
