"""Fits reliabilities and temperatures on tuples of unrelated items that share a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from emoscope.fusion.model import CASES, FusionModel
from emoscope.fusion.pool import pool_rows
from emoscope.fusion.quality import MEASURES, MODALITIES, quality
from emoscope.labels import SHARED
from emoscope.training.fusion.readings import Readings
from emoscope.training.metrics import negative_log_likelihood

_LEAST, _MOST = np.log(0.1), np.log(10.0)


@dataclass(frozen=True, eq=False)
class Tuples:
    """Items of different modalities put together by their label alone.

    Attributes:
        truth: ``(n,)`` their label.
        rows: per modality ``(n,)``, which item of its readings.
        readings: per modality.
    """

    truth: NDArray[np.int64]
    rows: Mapping[str, NDArray[np.int64]]
    readings: Mapping[str, Readings]

    def probs(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Answers ``(n, modalities, 7)``."""
        return np.stack([self.readings[name].probs[self.rows[name]] for name in names], 1)

    def qualities(self, model: FusionModel, names: Sequence[str]) -> NDArray[np.float64]:
        """Qualities ``(n, modalities)`` by the model's curves."""
        return np.stack(
            [qualities_of(model, name, self.readings[name])[self.rows[name]] for name in names], 1
        )


def together(readings: Mapping[str, Readings], per_label: int, seed: int) -> Tuples:
    """Put items together at random, ``per_label`` times for each of the seven labels.

    Each item of a label is taken about equally often.
    """
    rng = np.random.default_rng(seed)
    rows: dict[str, list[NDArray[np.int64]]] = {name: [] for name in readings}
    for label in range(len(SHARED)):
        for name, items in readings.items():
            same = np.flatnonzero(items.truth == label)
            rounds = -(-per_label // len(same))
            order = np.concatenate([rng.permutation(same) for _ in range(rounds)])
            rows[name].append(rng.permutation(order[:per_label]))
    truth = np.repeat(np.arange(len(SHARED)), per_label)
    return Tuples(truth, {name: np.concatenate(r) for name, r in rows.items()}, readings)


def qualities_of(model: FusionModel, name: str, items: Readings) -> NDArray[np.float64]:
    """Quality ``(n,)`` of each reading; what was not measured of an item says nothing."""
    found = [
        quality(
            model.curves.get(name, {}),
            {
                measure: value
                for measure, value in zip(MEASURES[name], row, strict=True)
                if not np.isnan(value)
            },
        )
        for row in items.measures.tolist()
    ]
    return np.array(found)


def answers(model: FusionModel, tuples: Tuples, case: str) -> NDArray[np.float64]:
    """The pooled answers ``(n, 7)`` of one case, as in use."""
    names = case.split("+")
    probs = tuples.probs(names)
    if len(names) == 1:
        return probs[:, 0]
    weights = tuples.qualities(model, names) * [model.reliabilities[name] for name in names]
    priors = np.array([model.priors[name] for name in names])
    return pool_rows(probs, weights, model.temperatures[case], priors)


def fit(model: FusionModel, tuples: Tuples) -> FusionModel:
    """The model with reliabilities and temperatures that fit best.

    The mean negative log-likelihood over all cases of two or more modalities is least. Only the
    ratios of reliabilities matter: the largest is 1.

    Args:
        model: with curves and priors.
        tuples: to fit on.
    """
    names = [name for name in MODALITIES if name in tuples.readings]
    cases = [case for case in CASES if "+" in case and set(case.split("+")) <= set(names)]

    def made(values: NDArray[np.float64]) -> FusionModel:
        strength = np.exp(np.concatenate([[0.0], values[: len(names) - 1]]))
        heat = np.exp(values[len(names) - 1 :])
        return replace(
            model,
            reliabilities=dict(zip(names, (strength / strength.max()).tolist(), strict=True)),
            temperatures=dict(zip(cases, heat.tolist(), strict=True)),
        )

    quality_of = {name: tuples.qualities(model, [name])[:, 0] for name in names}
    probs = {name: tuples.probs([name])[:, 0] for name in names}

    def cost(values: NDArray[np.float64]) -> float:
        candidate, total = made(values), 0.0
        for case in cases:
            some = case.split("+")
            row = pool_rows(
                np.stack([probs[name] for name in some], 1),
                np.stack([quality_of[n] * candidate.reliabilities[n] for n in some], 1),
                candidate.temperatures[case],
                np.array([model.priors[name] for name in some]),
            )
            total += negative_log_likelihood(row, tuples.truth)
        return total / len(cases)

    start = np.concatenate([np.zeros(len(names) - 1), np.full(len(cases), np.log(0.6))])
    bounds = [(_LEAST, _MOST)] * len(start)
    found = minimize(cost, start, method="L-BFGS-B", bounds=bounds)
    return made(np.round(found.x, 4))
