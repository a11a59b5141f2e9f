"""Congruence: bounded, symmetric, 1 for the same and 0 for answers that share nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emoscope.fusion.congruence import agreement_of_pairs, congruence

some = arrays(np.float64, (3, 7), elements=st.floats(0, 1)).filter(
    lambda p: (p.sum(1) > 0.01).all()
)
shares = st.lists(st.floats(0.01, 1), min_size=3, max_size=3)


def naive(rows: list[list[float]], weights: list[float]) -> float:
    """By the definition: the mean divergence of each from their mixture."""
    rows = [[x / sum(row) for x in row] for row in rows]
    total = sum(weights)
    a = [w / total for w in weights]
    middle = [sum(w * row[k] for w, row in zip(a, rows, strict=True)) for k in range(len(rows[0]))]
    divergence = sum(
        # A share of the smallest number there is may leave nothing in the mixture.
        w * sum(p * math.log(p / m) for p, m in zip(row, middle, strict=True) if p > 0 and m > 0)
        for w, row in zip(a, rows, strict=True)
    )
    return 1 - divergence / -sum(w * math.log(w) for w in a)


@given(some, shares)
@example(np.array([[1.0] + [0.0] * 6, [1.0] + [0.0] * 6, [1.0] + [0.0] * 5 + [5e-324]]), [1.0] * 3)
def test_it_is_as_defined_and_within_bounds(rows: np.ndarray, weights: list[float]) -> None:
    found = congruence(rows.tolist(), weights)
    assert found is not None
    assert 0.0 <= found <= 1.0
    assert found == pytest.approx(naive(rows.tolist(), weights), abs=1e-6)


@given(some, shares, st.permutations([0, 1, 2]))
def test_the_order_does_not_matter(
    rows: np.ndarray, weights: list[float], order: list[int]
) -> None:
    there = congruence(rows.tolist(), weights)
    assert congruence(rows[order].tolist(), [weights[i] for i in order]) == pytest.approx(there)


def test_the_ends_of_the_scale() -> None:
    happy, angry = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    assert congruence([happy, happy]) == pytest.approx(1.0)
    assert congruence([happy, angry]) == pytest.approx(0.0)
    assert congruence([happy, angry], [0.9, 0.1]) == pytest.approx(0.0)
    half = congruence([happy, [0.5, 0.0, 0.5]])
    assert half is not None
    assert 0.3 < half < 0.8


@pytest.mark.parametrize(
    ("rows", "weights"),
    [([], None), ([[1.0, 0.0]], None), ([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0])],
)
def test_fewer_than_two_have_none(rows: list[list[float]], weights: list[float] | None) -> None:
    assert congruence(rows, weights) is None


@pytest.mark.parametrize(
    "rows", [[[0.0, 0.0], [1.0, 0.0]], [[math.nan, 1.0], [1.0, 0.0]], [[-0.1, 1.1], [1.0, 0.0]]]
)
def test_what_is_no_distribution_is_refused(rows: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="distributions"):
        congruence(rows)


def test_pairs_are_named() -> None:
    found = agreement_of_pairs({"face": [1.0, 0.0], "voice": [1.0, 0.0], "words": [0.0, 1.0]})
    assert found == pytest.approx({"face+voice": 1.0, "face+words": 0.0, "voice+words": 0.0})
