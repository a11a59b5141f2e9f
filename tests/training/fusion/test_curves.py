"""Quality curves are found again where they are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

from emoscope.fusion.quality import sharpness
from emoscope.training.fusion.curves import (
    blurred,
    cut,
    fit_curve,
    fit_levels,
    never_falling,
    noisy,
    shrunk,
    trust,
)
from emoscope.training.fusion.readings import Readings, halves, kept_in

EVEN = np.full(7, 1 / 7)


def answered(strength: np.ndarray, seed: int = 0, stated: float = 1.5) -> Readings:
    """Witnesses of true strengths ``(n,)`` who all claim the strength ``stated``."""
    rng = np.random.default_rng(seed)
    n = len(strength)
    truth = rng.integers(0, 7, n)
    evidence = strength[:, None] * np.eye(7)[truth] + rng.standard_normal((n, 7))
    logits = stated * evidence
    probs = np.exp(logits - logits.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    names = np.array([str(row) for row in range(n)])
    return Readings(names, np.array([""] * n), truth, probs, strength[:, None])


def test_trust_is_how_much_of_what_is_claimed_is_there() -> None:
    for true in (0.75, 1.5, 2.25):
        items = answered(np.full(6000, true))
        assert trust(items.probs, items.truth, EVEN) == pytest.approx(true / 1.5, rel=0.1)
    deaf = answered(np.zeros(6000))
    assert trust(deaf.probs, deaf.truth, EVEN) < 0.06


def test_a_curve_rises_with_what_makes_answers_good() -> None:
    strength = np.random.default_rng(1).uniform(0, 1.5, 8000)
    curve = fit_curve(strength, answered(strength), EVEN)
    assert curve(0.0) < 0.25
    assert curve(0.75) == pytest.approx(0.54, abs=0.15)
    assert curve(1.5) == 1.0


def test_levels_have_a_point_each_and_rare_ones_none() -> None:
    strength = np.repeat([0.2, 0.8, 1.5, 1.6], [1500, 1500, 1500, 5])
    curve = fit_levels(strength, answered(strength), EVEN)
    assert [x for x, _ in curve.points] == [0.2, 0.8, 1.5]


def test_where_a_measure_tells_nothing_the_curve_is_near_even() -> None:
    rng = np.random.default_rng(2)
    curve = fit_curve(rng.uniform(0, 1, 8000), answered(np.full(8000, 1.5)), EVEN)
    assert curve(0.0) > 0.85


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12), st.data())
def test_pooling_violators_gives_the_nearest_rising_sequence(
    values: list[float], data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.floats(0.1, 5), min_size=len(values), max_size=len(values)))
    expected = isotonic_regression(np.array(values), sample_weight=np.array(weights))
    assert never_falling(values, weights) == pytest.approx(expected.tolist(), abs=1e-9)


def test_worse_copies_are_worse_in_what_they_should_be() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 48, 48)).astype(np.uint8)
    assert shrunk(crops, 12).shape == blurred(crops, 2.0).shape == crops.shape
    assert sharpness(blurred(crops, 2.0)[0]) < sharpness(crops[0])
    assert sharpness(shrunk(crops, 12)[0]) < sharpness(crops[0])
    waveform = np.sin(np.arange(16_000) / 5).astype(np.float32)
    assert len(cut(waveform, 0.25)) == 4000
    assert len(cut(waveform, 9.0)) == 16_000
    added = noisy(waveform, 10.0, 0) - waveform
    ratio = 10 * np.log10(np.mean(waveform**2) / np.mean(added**2))
    assert ratio == pytest.approx(10.0, abs=0.2)
    assert (noisy(waveform, 10.0, 0) == noisy(waveform, 10.0, 0)).all()


def test_halves_go_by_name_alone() -> None:
    items = answered(np.ones(2000))
    first = halves(items.names)
    assert 0.45 < first.mean() < 0.55
    order = np.random.default_rng(0).permutation(2000)
    assert (halves(items.names[order]) == first[order]).all()


def test_answers_are_kept_and_a_damaged_file_is_read_anew(tmp_path) -> None:  # type: ignore[no-untyped-def]
    items, calls = answered(np.ones(20)), []

    def read() -> Readings:
        calls.append(1)
        return items

    for _ in range(2):
        found = kept_in(tmp_path, "key", read)
        assert (found.probs == items.probs).all()
        assert found.names.tolist() == items.names.tolist()
    assert len(calls) == 1
    kept_in(tmp_path, "other", read)
    assert len(calls) == 2
    for path in tmp_path.iterdir():
        path.write_bytes(b"damaged")
    kept_in(tmp_path, "key", read)
    kept_in(None, "key", read)
    assert len(calls) == 4
