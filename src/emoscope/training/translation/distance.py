"""How far made embeddings lie from real ones; numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 512


def frechet(made: NDArray[np.floating], real: NDArray[np.floating]) -> float:
    """Fréchet distance of two Gaussians fitted to ``(n, d)`` and ``(m, d)`` (Heusel et al., 2017).

    Raises:
        ValueError: fewer than two rows on a side.
    """
    a, b = np.asarray(made, np.float64), np.asarray(real, np.float64)
    if min(len(a), len(b)) < 2:
        raise ValueError(f"expected at least two rows on each side, got {len(a)} and {len(b)}")
    left, right = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = _root(left)
    # tr (left right)^½ through the symmetric matrix that has the same eigenvalues.
    values = np.linalg.eigvalsh(root @ right @ root)
    cross = np.sqrt(np.maximum(values, 0)).sum()
    gap = np.square(a.mean(0) - b.mean(0)).sum()
    return float(max(0.0, gap + np.trace(left) + np.trace(right) - 2 * cross))


def nearest(made: NDArray[np.floating], real: NDArray[np.floating]) -> NDArray[np.float64]:
    """Euclidean distance ``(n,)`` of each made row to the nearest real one."""
    a, b = np.asarray(made, np.float64), np.asarray(real, np.float64)
    own, theirs = np.square(a).sum(1), np.square(b).sum(1)
    found = np.empty(len(a))
    for start in range(0, len(a), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        square = own[rows, None] + theirs[None] - 2 * (a[rows] @ b.T)
        found[rows] = np.sqrt(np.maximum(square.min(1), 0))
    return found


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root
