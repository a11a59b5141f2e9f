from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emoscope.training import metrics
from emoscope.training.metrics import measure

from .made_answers import onehot, sample

LABELS = ("a", "b", "c", "d")


@pytest.mark.parametrize("seed", range(5))
def test_figures_agree_with_scikit_learn(seed: int) -> None:
    judge = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    probs, truth = sample(300, 4, seed)
    answer = probs.argmax(1)
    got = measure(probs, truth, LABELS)
    report = judge.classification_report(truth, answer, output_dict=True)
    assert got.accuracy == pytest.approx(judge.accuracy_score(truth, answer))
    assert got.uar == pytest.approx(judge.balanced_accuracy_score(truth, answer))
    assert got.macro_f1 == pytest.approx(judge.f1_score(truth, answer, average="macro"))
    assert got.nll == pytest.approx(judge.log_loss(truth, probs))
    assert np.array_equal(got.confusion, judge.confusion_matrix(truth, answer))
    for index in range(4):
        row = report[str(index)]
        assert got.recall[index] == pytest.approx(row["recall"])
        assert got.precision[index] == pytest.approx(row["precision"])
        assert got.f1[index] == pytest.approx(row["f1-score"])
        assert got.support[index] == row["support"]


def test_absent_classes_are_left_out_and_named() -> None:
    judge = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    probs, truth = sample(120, 4, 9)
    keep = truth != 2
    probs, truth = probs[keep], truth[keep]
    answer = probs.argmax(1)
    assert (answer == 2).any(), "the absent class must be answered for this to be a test"
    got = measure(probs, truth, LABELS)
    assert got.absent == ("c",)
    assert got.recall[2] is None
    assert got.precision[2] == 0.0
    assert got.f1[2] is None
    assert np.mean([got.f1[index] for index in (0, 1, 3)]) == pytest.approx(got.macro_f1)
    assert got.uar == pytest.approx(
        judge.recall_score(truth, answer, labels=[0, 1, 3], average="macro")
    )
    assert got.macro_f1 == pytest.approx(
        judge.f1_score(truth, answer, labels=[0, 1, 3], average="macro")
    )


def test_a_class_that_is_never_answered_has_no_precision() -> None:
    got = measure(onehot([0, 0, 1], 0.9), np.array([0, 1, 1]), LABELS)
    assert got.precision == (0.5, 1.0, None, None)
    assert got.recall == (1.0, 0.5, None, None)
    assert got.f1 == (pytest.approx(2 / 3), pytest.approx(2 / 3), None, None)
    assert measure(onehot([0, 0], 0.9), np.array([0, 1]), LABELS).f1[1] == 0.0


def test_wilson_interval_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    for hits, n in ((0, 7), (7, 7), (2348, 3579), (1, 2)):
        wanted = stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert metrics.wilson(hits, n) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_uar_interval_agrees_with_a_plain_bootstrap() -> None:
    probs, truth = sample(200, 4, 3)
    answer = probs.argmax(1)
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(2000):
        index = rng.integers(0, len(truth), len(truth))
        matrix = metrics.confusion_matrix(truth[index], answer[index], 4)
        drawn.append(metrics.unweighted_average_recall(matrix))
    wanted = np.quantile(drawn, (0.025, 0.975))
    assert metrics.uar_interval(truth, answer, 4) == pytest.approx(wanted, abs=0.01)


def test_macro_f1_interval_agrees_with_a_plain_bootstrap() -> None:
    judge = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    probs, truth = sample(150, 4, 8)
    answer = probs.argmax(1)
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(500):
        index = rng.integers(0, len(truth), len(truth))
        there = np.unique(truth[index])
        drawn.append(judge.f1_score(truth[index], answer[index], labels=there, average="macro"))
    wanted = np.quantile(drawn, (0.025, 0.975))
    assert measure(probs, truth, LABELS).macro_f1_interval == pytest.approx(wanted, abs=0.02)


def test_a_rare_class_counts_only_in_draws_where_it_occurs() -> None:
    # Two classes are always right; the third, one item, is missed. Without it, F1 is 1.
    truth = np.repeat([0, 1, 2], [30, 30, 1])
    got = measure(onehot([*truth[:-1].tolist(), 3], 0.9), truth, LABELS)
    assert got.macro_f1 == pytest.approx(2 / 3)
    assert got.macro_f1_interval == (pytest.approx(2 / 3), 1.0)


def test_groups_that_differ_widen_the_interval() -> None:
    truth = np.tile([0, 1], 100)
    answer = truth.copy()
    answer[:100] = 0  # the first speaker is always heard as 0
    who = ["x"] * 100 + ["y"] * 100
    item = metrics.uar_interval(truth, answer, 2)
    group = metrics.uar_interval(truth, answer, 2, who)
    assert group == (0.5, 1.0)
    assert group[1] - group[0] > item[1] - item[0]


def test_one_group_gives_no_interval_by_group() -> None:
    probs, truth = sample(50, 4, 0)
    assert measure(probs, truth, LABELS, ["x"] * 50).uar_interval_by_group is None
    assert measure(probs, truth, LABELS, ["x", "y"] * 25).uar_interval_by_group is not None


@given(n=st.integers(1, 60), classes=st.integers(2, 8), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_figures_lie_where_they_must(n: int, classes: int, seed: int) -> None:
    probs, truth = sample(n, classes, seed)
    labels = [str(index) for index in range(classes)]
    got = measure(probs, truth, labels, [str(index % 3) for index in range(n)])
    assert 0 <= got.accuracy_interval[0] <= got.accuracy <= got.accuracy_interval[1] <= 1
    assert 0 <= got.uar_interval[0] <= got.uar_interval[1] <= 1
    assert 0 <= got.uar <= 1
    assert 0 <= got.macro_f1 <= 1
    assert 0 <= got.macro_f1_interval[0] <= got.macro_f1_interval[1] <= 1
    assert 0 <= got.ece <= 1
    assert 0 <= got.ece_if_calibrated[0] <= got.ece_if_calibrated[1] <= 1
    assert got.nll >= 0
    assert sum(map(sum, got.confusion)) == sum(got.support) == got.n == n
    assert json.loads(json.dumps(got.to_dict(), allow_nan=False)) == got.to_dict()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_order_of_items_and_classes_does_not_matter(seed: int) -> None:
    probs, truth = sample(40, 4, seed)
    rng = np.random.default_rng(seed)
    order, classes = rng.permutation(40), rng.permutation(4)
    got = measure(probs, truth, LABELS)
    other = measure(probs[order][:, classes], np.argsort(classes)[truth[order]], LABELS)
    for name in ("accuracy", "uar", "macro_f1", "ece", "ece_if_calibrated", "nll"):
        assert getattr(got, name) == pytest.approx(getattr(other, name)), name


def test_the_same_seed_gives_the_same_interval() -> None:
    probs, truth = sample(60, 4, 2)
    again = measure(probs, truth, LABELS)
    assert measure(probs, truth, LABELS) == again
    assert measure(probs, truth, LABELS, seed=1).uar_interval != again.uar_interval


@pytest.mark.parametrize(
    ("probs", "truth", "problem"),
    [
        (np.zeros((0, 4)), np.zeros(0, int), "n > 0"),
        (np.full((2, 3), 1 / 3), np.array([0, 1]), r"\(n, 4\)"),
        (np.full((2, 4), 0.25), np.array([0, 4]), "classes 0 to 3"),
        (np.full((2, 4), 0.3), np.array([0, 1]), "sum to 1"),
        (np.full((2, 4), np.nan), np.array([0, 1]), "finite"),
    ],
)
def test_what_does_not_fit_is_refused(
    probs: NDArray[np.float64], truth: NDArray[np.int64], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        measure(probs, truth, LABELS)
