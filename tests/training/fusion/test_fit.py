"""Fitting: known truths are found again, and tuples hold what they should."""

from __future__ import annotations

import numpy as np
import pytest

from emoscope.fusion.model import FusionModel
from emoscope.labels import SHARED
from emoscope.training.fusion.fit import answers, fit, qualities_of, together
from emoscope.training.fusion.measure import draws, measure_all, measure_case, recalls
from emoscope.training.fusion.readings import Readings
from emoscope.training.metrics import negative_log_likelihood

MEASURES = {"face": 4, "voice": 2, "words": 1}


def witness(name: str, strength: float, seed: int, n: int = 700) -> Readings:
    """A calibrated witness of uniform labels: Gaussian scores whose posterior is known."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 7
    evidence = strength * np.eye(7)[truth] + rng.standard_normal((n, 7))
    logits = strength * evidence
    probs = np.exp(logits - logits.max(1, keepdims=True))
    return Readings(
        np.array([f"{name}-{seed}-{row}" for row in range(n)]),
        np.array([f"{name} {row % 5}" for row in range(n)]),
        truth,
        probs / probs.sum(1, keepdims=True),
        np.full((n, MEASURES[name]), np.nan),
    )


def empty(names: tuple[str, ...]) -> FusionModel:
    return FusionModel("t", "1", {}, {}, dict.fromkeys(names, (1 / 7,) * 7), {})


NAMES = ("face", "voice", "words")


def parts(seed: int) -> dict[str, Readings]:
    return {name: witness(name, 1.5, seed * 10 + k) for k, name in enumerate(NAMES)}


def test_independent_witnesses_are_multiplied() -> None:
    """By Bayes' rule the best pool of calibrated, independent ones is their product."""
    model = fit(empty(NAMES), together(parts(1), 200, 0))
    assert max(model.reliabilities.values()) == 1.0
    assert min(model.reliabilities.values()) > 0.7
    assert model.temperatures["face+voice"] == pytest.approx(0.5, abs=0.08)
    assert model.temperatures["face+voice+words"] == pytest.approx(1 / 3, abs=0.06)


def test_a_witness_that_guesses_gets_little_say() -> None:
    readings = parts(1)
    rng = np.random.default_rng(0)
    readings["voice"] = witness("voice", 1.5, 3)
    shuffled = readings["voice"].probs[rng.permutation(700)]
    readings["voice"] = Readings(
        readings["voice"].names, readings["voice"].groups, readings["voice"].truth, shuffled,
        readings["voice"].measures,
    )  # fmt: skip
    model = fit(empty(NAMES), together(readings, 100, 0))
    assert model.reliabilities["voice"] < 0.35


def test_the_fit_is_better_than_its_neighbours() -> None:
    tuples = together(parts(1), 150, 0)
    model = fit(empty(NAMES), tuples)

    def cost(temperature: float) -> float:
        changed = {**model.temperatures, "face+voice": temperature}
        other = FusionModel("t", "1", model.reliabilities, changed, model.priors, {})
        return negative_log_likelihood(answers(other, tuples, "face+voice"), tuples.truth)

    best = model.temperatures["face+voice"]
    assert cost(best) < min(cost(best * 0.8), cost(best * 1.25))


def test_tuples_share_a_label_and_take_items_evenly() -> None:
    readings = {"face": witness("face", 1.0, 1, 70), "voice": witness("voice", 1.0, 2, 21)}
    tuples = together(readings, 30, 5)
    assert np.bincount(tuples.truth).tolist() == [30] * 7
    for name, items in readings.items():
        assert (items.truth[tuples.rows[name]] == tuples.truth).all()
        times = np.bincount(tuples.rows[name], minlength=len(items))
        assert times.max() - times.min() <= 1
    again = together(readings, 30, 5)
    assert all((again.rows[name] == tuples.rows[name]).all() for name in readings)


def test_figures_of_all_cases() -> None:
    model = fit(empty(NAMES), together(parts(1), 150, 0))
    figures = measure_all(model, together(parts(2), 150, 1))
    assert len(figures) == 7
    for row in figures:
        assert row.uar_interval[0] <= row.uar <= row.uar_interval[1]
        if "+" in row.case:
            assert row.margin is not None
            assert row.margin_interval is not None
            assert 0 < row.margin_interval[0] <= row.margin <= row.margin_interval[1]
            assert row.ece < 0.08
    assert figures[-1].uar > max(row.uar for row in figures[:-1])
    assert set(figures[0].to_dict()) == {
        "case", "n", "items", "accuracy", "uar", "uar_interval", "ece", "nll",
    }  # fmt: skip


def test_useless_company_gives_no_margin() -> None:
    """What the intervals are for: a partner that knows nothing must not seem to help."""
    readings = parts(1)
    even = Readings(
        readings["voice"].names, readings["voice"].groups, readings["voice"].truth,
        np.full((700, 7), 1 / 7), readings["voice"].measures,
    )  # fmt: skip
    readings["voice"] = even
    tuples = together(readings, 100, 0)
    row = measure_case(fit(empty(NAMES), tuples), tuples, "face+voice")
    assert row.margin_interval is not None
    assert row.margin_interval[0] <= 0


def test_items_that_stand_in_many_tuples_widen_the_interval() -> None:
    few = {"face": witness("face", 1.0, 1, 70)}
    many = {"face": witness("face", 1.0, 1, 1400)}
    model = empty(("face",))
    wide, narrow = (
        measure_case(model, together(r, 200, 0), "face").uar_interval for r in (few, many)
    )
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_draws_by_speaker_move_whole_speakers() -> None:
    readings = {"voice": witness("voice", 1.0, 1, 70)}
    tuples = together(readings, 10, 0)
    weight = draws(tuples, ["voice"], 0, by_speaker=True, count=20)
    who = readings["voice"].groups[tuples.rows["voice"]]
    for speaker in np.unique(who):
        same = weight[:, who == speaker]
        assert (same == same[:, :1]).all()


def test_recalls_agree_with_a_loop() -> None:
    rng = np.random.default_rng(0)
    probs, truth = rng.dirichlet(np.ones(7), 50), rng.integers(0, 7, 50)
    weight = rng.integers(0, 3, (4, 50)).astype(float)
    for row, found in zip(weight, recalls(probs, truth, weight), strict=True):
        shares = []
        for label in range(len(SHARED)):
            total = sum(w for w, y in zip(row, truth, strict=True) if y == label)
            right = sum(
                w
                for w, y, p in zip(row, truth, probs, strict=True)
                if y == label and p.argmax() == label
            )
            if total:
                shares.append(right / total)
        assert found == pytest.approx(sum(shares) / len(shares))


def test_what_was_not_measured_says_nothing() -> None:
    from emoscope.fusion.quality import Curve

    model = FusionModel(
        "t", "1", {}, {}, {}, {"voice": {"snr_db": Curve(((0.0, 0.0), (10.0, 1.0)))}}
    )
    items = witness("voice", 1.0, 1, 7)
    assert qualities_of(model, "voice", items).tolist() == [1.0] * 7
    items.measures[:, 1] = 5.0
    assert qualities_of(model, "voice", items) == pytest.approx([0.5] * 7)
