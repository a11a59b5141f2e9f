"""Retrieval across modalities: whoever has the query's label is relevant; numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

TOP = 10
DRAWS = 200  # each sorts through the whole gallery for every query
_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class Retrieval:
    """A gallery of ``m`` items, sorted for each of ``n`` queries.

    Attributes:
        ranked: ``(n, m)`` int32, numbers of the gallery's items, the nearest first.
        hit: ``(n, m)`` bool, which of them are relevant.
        average_precision: ``(n,)`` mean of the precisions at the relevant places (Manning,
            Raghavan and Schütze, 2008).
        precision: ``(n,)`` share of relevant ones among the first ten.
    """

    ranked: NDArray[np.int32]
    hit: NDArray[np.bool_]
    average_precision: NDArray[np.float64]
    precision: NDArray[np.float64]

    @cached_property
    def draws(self) -> NDArray[np.float64]:
        """mAP and precision@10 ``(DRAWS, 2)`` on other draws of the queries and of the gallery.

        Both are resampled (Owen, 2007): a query that many share, such as a class mean, is one
        ranking of this very gallery, and queries alone would make it look certain. The draws are
        the same for every system on the same items, so that systems can be compared.
        """
        rng = np.random.default_rng(9)
        n, m = self.hit.shape
        made = np.empty((DRAWS, 2))
        for draw in made:
            queries = rng.integers(n, size=n)
            times = np.bincount(rng.integers(m, size=m), minlength=m)
            share = np.bincount(queries, minlength=n)
            draw[:] = [np.average(f, weights=share) for f in self._weighted(times)]
        return made

    def _weighted(
        self, times: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Average precision and precision@10 where gallery item ``i`` stands ``times[i]`` times."""
        here = times[self.ranked]
        found = here * self.hit
        places, hits = np.cumsum(here, axis=1), np.cumsum(found, axis=1)
        average = (found * hits / np.maximum(places, 1)).sum(1) / np.maximum(hits[:, -1], 1)
        first = np.diff(np.minimum(places, TOP), axis=1, prepend=0)
        return average, (first * self.hit).sum(1) / TOP


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
    ranked = np.empty((len(q), len(g)), np.int32)
    for start in range(0, len(q), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        ranked[rows] = order[np.argsort(-(q[rows] @ g.T), axis=1, kind="stable")]
    hit = gallery_labels[ranked] == labels[:, None]
    at_rank = np.cumsum(hit, axis=1) / np.arange(1, len(g) + 1)
    return Retrieval(ranked, hit, (at_rank * hit).sum(1) / hit.sum(1), hit[:, :TOP].mean(1))


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = np.asarray(rows, np.float64)
    unit: NDArray[np.float64] = wide / np.maximum(
        np.linalg.norm(wide, axis=1, keepdims=True), 1e-12
    )
    return unit
