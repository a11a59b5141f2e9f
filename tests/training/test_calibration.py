from __future__ import annotations

import numpy as np
import pytest

from emoscope.training.calibration import (
    calibrated_interval,
    calibration_error,
    reliability,
    softmax,
    temperature,
)
from emoscope.training.metrics import negative_log_likelihood

from .made_answers import onehot, sample


def test_calibration_error_of_cases_made_by_hand() -> None:
    # Ten answers at 0.8 of which six are right, ten at 0.55 of which seven are right.
    probs = np.concatenate([onehot([0] * 10, 0.8), onehot([0] * 10, 0.55)])
    truth = np.array([0] * 6 + [1] * 4 + [0] * 7 + [1] * 3)
    assert calibration_error(probs, truth) == pytest.approx(0.5 * 0.2 + 0.5 * 0.15)
    # Bins are (low, high]: within one bin errors cancel, across its edge they do not.
    probs = np.concatenate([onehot([0], 0.8), onehot([0], 0.8 + 1e-9)])
    assert calibration_error(probs, np.array([0, 1])) == pytest.approx(0.5)
    probs = np.concatenate([onehot([0], 0.79), onehot([0], 0.79)])
    assert calibration_error(probs, np.array([0, 1])) == pytest.approx(0.29)
    assert calibration_error(np.eye(4)[[0, 1]], np.array([0, 1])) == 0.0


def test_reliability_agrees_with_scikit_learn() -> None:
    judge = pytest.importorskip("sklearn.calibration", reason="scikit-learn is not installed")
    probs, truth = sample(800, 4, 6, skill=1.5)
    hit = (probs.argmax(1) == truth).astype(int)
    shares, means = judge.calibration_curve(hit, probs.max(1), n_bins=15)
    got = reliability(probs, truth)
    full = got.count > 0
    assert got.edges == pytest.approx(np.linspace(0, 1, 16))
    assert got.hits[full] / got.count[full] == pytest.approx(shares)
    assert got.confidence[full] / got.count[full] == pytest.approx(means)
    assert got.count.sum() == 800


def test_reliability_counts_each_answer_in_one_bin() -> None:
    # Bins are (low, high]; 1.0 stands in the last one.
    probs = np.concatenate([onehot([0], 0.8), np.eye(4)[[0, 1]]])
    got = reliability(probs, np.array([0, 0, 0]))
    assert got.count.tolist() == [0] * 11 + [1, 0, 0, 2]
    assert got.hits.tolist() == [0] * 11 + [1, 0, 0, 1]
    assert got.confidence == pytest.approx([0] * 11 + [0.8, 0, 0, 2])


def test_temperature_undoes_a_scale() -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(20_000, 4)) * 1.5
    probs = softmax(logits)
    truth = (probs.cumsum(1) < rng.random((len(probs), 1))).sum(1)
    assert temperature(logits, truth) == pytest.approx(1.0, rel=0.04)
    assert temperature(logits * 3, truth) == pytest.approx(3.0, rel=0.04)


def test_temperature_agrees_with_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="scipy is not installed")
    probs, truth = sample(300, 4, 4, skill=2.0)
    logits = np.log(probs) * 1.7

    def cost(t: float) -> float:
        return negative_log_likelihood(softmax(logits / t), truth)

    wanted = optimize.minimize_scalar(cost, bounds=(0.05, 20), method="bounded")
    got = temperature(logits, truth)
    assert got == pytest.approx(wanted.x, rel=1e-3)
    assert cost(got) <= cost(1.0)


def test_temperature_stays_in_its_bounds() -> None:
    truth = np.array([0, 1, 2, 3])
    assert temperature(np.eye(4), truth) == pytest.approx(0.05, rel=1e-3)
    assert temperature(-np.eye(4), truth) == pytest.approx(20, rel=1e-3)


def test_how_far_from_zero_the_error_of_calibrated_answers_lies() -> None:
    rng = np.random.default_rng(3)
    probs = softmax(2 * rng.normal(size=(240, 5)))
    low, high = calibrated_interval(probs)
    # Labels that follow the answers, drawn another way: 95 of 100 lie within.
    reach = probs.cumsum(1)
    drawn = ((rng.random((240, 400))[:, :, None] > reach[:, None, :]).sum(2)).clip(max=4)
    errors = np.array([calibration_error(probs, truth) for truth in drawn.T])
    assert 0.92 < np.mean((errors >= low) & (errors <= high)) < 0.98
    assert (low, high) == pytest.approx(np.quantile(errors, (0.025, 0.975)), abs=0.008)


def test_more_items_bring_the_error_of_calibrated_answers_nearer_to_zero() -> None:
    probs = softmax(2 * np.random.default_rng(3).normal(size=(100, 5)))
    few, many = (
        calibrated_interval(probs),
        calibrated_interval(np.tile(probs, (25, 1))),
    )
    assert many[1] < few[0]
    assert calibrated_interval(np.eye(5)) == (0, 0)
