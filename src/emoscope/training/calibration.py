"""How sure answers are, and how sure they should be; numpy only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
DRAWS = 1000
_GOLDEN = (math.sqrt(5) - 1) / 2


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Logits ``(n, k)`` to probabilities ``(n, k)``."""
    shifted = np.asarray(logits, np.float64) - np.max(logits, axis=1, keepdims=True)
    values: NDArray[np.float64] = np.exp(shifted)
    values /= values.sum(1, keepdims=True)
    return values


def temperature(logits: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]) -> float:
    """The ``T`` within [0.05, 20] at which ``softmax(logits / T)`` fits best (Guo et al., 2017).

    Args:
        logits: ``(n, k)``.
        truth: ``(n,)``.

    Raises:
        ValueError: no items, or classes that do not fit.
    """
    z, y = checked_classes(logits, truth, logits.shape[-1])
    z = z - z.max(1, keepdims=True)
    right = z[np.arange(len(y)), y]

    def cost(log_t: float) -> float:
        beta = math.exp(-log_t)
        return float((np.log(np.exp(z * beta).sum(1)) - right * beta).mean())

    # The cost is convex in 1 / T, hence has one valley in log T.
    return math.exp(_valley(cost, math.log(0.05), math.log(20)))


def _valley(cost: Callable[[float], float], low: float, high: float) -> float:
    """Where ``cost``, which has one valley, is least: golden-section search (Kiefer, 1953)."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = cost(left), cost(right)
    while high - low > 1e-6:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = cost(right)
    return (low + high) / 2


def calibration_error(
    probabilities: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]
) -> float:
    """Expected calibration error (Guo et al., 2017): equal bins ``(low, high]`` of the top."""
    found = reliability(probabilities, truth)
    return float(np.abs(found.hits - found.confidence).sum() / len(truth))


def calibrated_interval(
    probabilities: NDArray[np.floating[Any]], *, seed: int = 0
) -> tuple[float, float]:
    """Where the ECE would lie in 95 of 100 cases if the answers were calibrated.

    What is right is drawn with the answers' own top probabilities: consistency resampling (Bröcker
    and Smith, 2007). An ECE within it is no sign of answers that are too sure or too unsure.

    Args:
        probabilities: ``(n, k)``, rows sum to 1.
        seed: of the draws.
    """
    top = np.sort(probabilities.max(1))
    place = _bins_of(top)
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    expected = np.add.reduceat(top, starts)
    rng = np.random.default_rng(seed)
    found = np.empty(DRAWS)
    for draw in range(DRAWS):
        hits = np.add.reduceat((rng.random(len(top)) < top).astype(np.int64), starts)
        found[draw] = np.abs(hits - expected).sum() / len(top)
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Answers sorted into equal bins ``(low, high]`` of their top probability.

    Attributes:
        edges: ``(16,)`` from 0 to 1.
        count: ``(15,)`` answers.
        hits: ``(15,)`` how many of them are right.
        confidence: ``(15,)`` sum of their top probabilities: how many should be right.
    """

    edges: NDArray[np.float64]
    count: NDArray[np.int64]
    hits: NDArray[np.int64]
    confidence: NDArray[np.float64]


def reliability(
    probabilities: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]
) -> Reliability:
    """What a reliability diagram shows (Niculescu-Mizil and Caruana, 2005).

    Args:
        probabilities: ``(n, k)``, rows sum to 1.
        truth: ``(n,)`` true classes.
    """
    top = probabilities.max(1)
    hit = probabilities.argmax(1) == truth
    place = _bins_of(top)
    return Reliability(
        edges=np.linspace(0, 1, BINS + 1),
        count=np.bincount(place, minlength=BINS),
        hits=np.bincount(place[hit], minlength=BINS),
        confidence=np.bincount(place, weights=top, minlength=BINS).astype(np.float64),
    )


def _bins_of(top: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.clip(np.ceil(top * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return found


def checked_classes(
    values: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Values ``(n, classes)`` and true classes ``(n,)`` as numpy has them.

    Raises:
        ValueError: no items, or values or classes that do not fit.
    """
    v, y = np.asarray(values, np.float64), np.asarray(truth, np.int64)
    if y.ndim != 1 or not len(y) or v.shape != (len(y), classes):
        raise ValueError(
            f"expected (n, {classes}) values and (n,) classes with n > 0, "
            f"got {v.shape} and {y.shape}"
        )
    if y.min() < 0 or y.max() >= classes or not np.isfinite(v).all():
        raise ValueError(f"expected finite values and classes 0 to {classes - 1}")
    return v, y
