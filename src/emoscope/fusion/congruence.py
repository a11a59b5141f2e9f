"""How far modalities agree: 1 minus their normalised Jensen-Shannon divergence (Lin, 1991).

1 is the same answer, 0 answers that share nothing: a smile over an angry voice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray


def congruence(
    distributions: Sequence[Sequence[float]], weights: Sequence[float] | None = None
) -> float | None:
    """Agreement of several distributions.

    The divergence ``H(Σ a_m p_m) − Σ a_m H(p_m)`` is at most the entropy of the weights ``a``,
    which it is divided by.

    Args:
        distributions: each over the same labels; each is brought to a sum of 1.
        weights: not negative; None: all alike. One with a weight of 0 has no say.

    Returns:
        Within [0, 1]; None where fewer than two have a say.

    Raises:
        ValueError: shapes that do not fit, or values that are negative, not finite, or all 0.
    """
    if not distributions:
        return None
    p = _rows(np.asarray(distributions, np.float64))
    a = np.ones(len(p)) if weights is None else np.asarray(weights, np.float64)
    if a.shape != (len(p),) or not np.isfinite(a).all() or (a < 0).any():
        raise ValueError(f"expected {len(p)} weights that are not negative, got {weights}")
    p, a = p[a > 0], a[a > 0]
    if len(p) < 2:
        return None
    a = a / a.sum()
    most = _entropy(a)
    if most < 1e-9:  # one has all the say but for rounding
        return None
    divergence = _entropy(a @ p) - float(
        sum(w * _entropy(row) for w, row in zip(a, p, strict=True))
    )
    return min(max(1 - divergence / most, 0.0), 1.0)


def agreement_of_pairs(distributions: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Congruence of each two, alike in weight, as ``first+second``.

    Raises:
        ValueError: as for :func:`congruence`.
    """
    found = {}
    for first, second in combinations(distributions, 2):
        value = congruence([distributions[first], distributions[second]])
        assert value is not None, "two distributions of equal weight"
        found[f"{first}+{second}"] = value
    return found


def _rows(p: NDArray[np.float64]) -> NDArray[np.float64]:
    if p.ndim != 2 or not np.isfinite(p).all() or (p < 0).any() or (p.sum(1) <= 0).any():
        raise ValueError("expected distributions over the same labels")
    rows: NDArray[np.float64] = p / p.sum(1, keepdims=True)
    return rows


def _entropy(p: NDArray[np.float64]) -> float:
    some = p[p > 0]
    return float(-(some * np.log(some)).sum())
