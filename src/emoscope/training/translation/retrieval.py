"""Retrieval across modalities: whoever has the query's label is relevant; numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.training.metrics import DRAWS, Interval

TOP = 10
_AT_ONCE = 512


@dataclass(frozen=True)
class Retrieval:
    """How well a gallery is sorted for queries, one value for each query.

    Attributes:
        average_precision: ``(n,)`` mean of the precisions at the relevant places (Manning,
            Raghavan and Schütze, 2008).
        precision: ``(n,)`` share of relevant ones among the first ten.
    """

    average_precision: NDArray[np.float64]
    precision: NDArray[np.float64]


def retrieve(
    queries: NDArray[np.floating],
    labels: NDArray[np.integer],
    gallery: NDArray[np.floating],
    gallery_labels: NDArray[np.integer],
    *,
    seed: int = 0,
) -> Retrieval:
    """Sort a gallery for each query by cosine.

    Args:
        queries: ``(n, d)``.
        labels: ``(n,)``; each must stand in the gallery.
        gallery: ``(m, d)``, with at least ten items.
        gallery_labels: ``(m,)``.
        seed: of the order among equals: the gallery's own order would favour whatever it is.

    Raises:
        ValueError: a label without relevant items, or fewer than ten items.
    """
    if len(gallery) < TOP or not np.isin(labels, gallery_labels).all():
        raise ValueError(f"expected a gallery of at least {TOP} items that has every query's label")
    order = np.random.default_rng([seed, 5]).permutation(len(gallery))
    q, g = _unit(queries), _unit(gallery)[order]
    target = gallery_labels[order]
    average, precision = np.empty(len(q)), np.empty(len(q))
    ranks = np.arange(1, len(g) + 1)
    for start in range(0, len(q), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        ranked = np.argsort(-(q[rows] @ g.T), axis=1, kind="stable")
        hit = target[ranked] == labels[rows, None]
        at_rank = np.cumsum(hit, axis=1) / ranks
        average[rows] = (at_rank * hit).sum(1) / hit.sum(1)
        precision[rows] = hit[:, :TOP].mean(1)
    return Retrieval(average, precision)


def mean_interval(values: NDArray[np.floating], *, seed: int = 0, draws: int = DRAWS) -> Interval:
    """95% percentile bootstrap interval of a mean, by item (Efron, 1979)."""
    rng = np.random.default_rng(seed)
    n = len(values)
    means = [values[rng.integers(n, size=n)].mean() for _ in range(draws)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = np.asarray(rows, np.float64)
    unit: NDArray[np.float64] = wide / np.maximum(
        np.linalg.norm(wide, axis=1, keepdims=True), 1e-12
    )
    return unit
