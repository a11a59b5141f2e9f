"""What pooling gives on items that it was not fitted on, with intervals that respect reuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.fusion.model import CASES, FusionModel
from emoscope.fusion.pool import FLOOR
from emoscope.labels import SHARED
from emoscope.training.calibration import calibration_error
from emoscope.training.fusion.fit import Tuples, answers
from emoscope.training.metrics import Interval, negative_log_likelihood

DRAWS = 1000


@dataclass(frozen=True)
class CaseFigures:
    """One availability case.

    Attributes:
        case: which modalities are there.
        n: tuples.
        items: distinct items per modality.
        accuracy: share of right answers.
        uar: unweighted average recall over the seven.
        uar_interval: 95%.
        ece: expected calibration error of the top probability, 15 bins.
        nll: mean negative log-likelihood, nats.
        margin: UAR above the best single modality's; None for one modality.
        margin_interval: 95%, of the difference to the best in each draw.
        margin_interval_by_speaker: the same with speakers drawn instead of clips; None without
            voices.
        margin_without_prior: UAR above the best single one from whose answers its prior was
            divided: what is won beyond balanced answers.
        margin_without_prior_interval: 95%.
    """

    case: str
    n: int
    items: dict[str, int]
    accuracy: float
    uar: float
    uar_interval: Interval
    ece: float
    nll: float
    margin: float | None = None
    margin_interval: Interval | None = None
    margin_interval_by_speaker: Interval | None = None
    margin_without_prior: float | None = None
    margin_without_prior_interval: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values to four digits, without those that do not apply."""
        return {key: _rounded(value) for key, value in asdict(self).items() if value is not None}


def measure_all(model: FusionModel, tuples: Tuples, seed: int = 0) -> tuple[CaseFigures, ...]:
    """Figures of every case that the tuples have the modalities for."""
    there = set(tuples.readings)
    cases = [case for case in CASES if set(case.split("+")) <= there]
    return tuple(measure_case(model, tuples, case, seed) for case in cases)


def measure_case(model: FusionModel, tuples: Tuples, case: str, seed: int = 0) -> CaseFigures:
    """Figures of one case.

    Intervals: items of each modality are drawn anew, independently, and a tuple counts as often as
    the product of its items does (the pigeonhole bootstrap; Owen, 2007), since each item stands in
    many tuples.
    """
    names, truth = case.split("+"), tuples.truth
    found = answers(model, tuples, case)
    drawn = draws(tuples, names, seed)
    uars = recalls(found, truth, drawn)
    figures = CaseFigures(
        case=case,
        n=len(truth),
        items={name: len(np.unique(tuples.rows[name])) for name in names},
        accuracy=float((found.argmax(1) == truth).mean()),
        uar=_uar(found, truth),
        uar_interval=_interval(uars),
        ece=calibration_error(found, truth),
        nll=negative_log_likelihood(found, truth),
    )
    if len(names) == 1:
        return figures
    singles = [answers(model, tuples, name) for name in names]
    even = [_balanced(model, name, row) for name, row in zip(names, singles, strict=True)]

    def margin(others: list[NDArray[np.float64]], of: NDArray[np.float64]) -> Interval:
        best = np.max([recalls(row, truth, of) for row in others], axis=0)
        return _interval(recalls(found, truth, of) - best)

    return replace(
        figures,
        margin=figures.uar - max(_uar(row, truth) for row in singles),
        margin_interval=margin(singles, drawn),
        margin_interval_by_speaker=(
            margin(singles, draws(tuples, names, seed, by_speaker=True))
            if "voice" in names
            else None
        ),
        margin_without_prior=figures.uar - max(_uar(row, truth) for row in even),
        margin_without_prior_interval=margin(even, drawn),
    )


def draws(
    tuples: Tuples, names: Sequence[str], seed: int, *, by_speaker: bool = False, count: int = DRAWS
) -> NDArray[np.float64]:
    """How often each tuple counts in each draw, ``(count, n)``."""
    rng = np.random.default_rng(seed)
    weight = np.ones((count, len(tuples.truth)))
    for name in names:
        items = tuples.readings[name]
        units = np.arange(len(items))
        if by_speaker and name == "voice":
            units = np.unique(items.groups, return_inverse=True)[1]
        size = int(units.max()) + 1
        times = rng.multinomial(size, np.full(size, 1 / size), size=count)
        weight *= times[:, units[tuples.rows[name]]]
    return weight


def recalls(
    probs: NDArray[np.float64], truth: NDArray[np.int64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """UAR ``(draws,)`` of weighted items, over the labels that occur in a draw."""
    hit = (probs.argmax(1) == truth).astype(np.float64)
    total = np.stack([weight[:, truth == k].sum(1) for k in range(len(SHARED))], 1)
    right = np.stack([(weight[:, truth == k] @ hit[truth == k]) for k in range(len(SHARED))], 1)
    shares = np.divide(right, total, out=np.zeros_like(right), where=total > 0)
    found: NDArray[np.float64] = shares.sum(1) / np.maximum((total > 0).sum(1), 1)
    return found


def _balanced(model: FusionModel, name: str, probs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Answers with the model's own prior divided out."""
    found: NDArray[np.float64] = np.maximum(probs, FLOOR) / np.array(model.priors[name])
    return found


def _uar(probs: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    return float(recalls(probs, truth, np.ones((1, len(truth))))[0])


def _interval(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    return [round(item, 4) for item in value] if isinstance(value, tuple) else value
