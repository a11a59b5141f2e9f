"""One answer from what several modalities say: log-linear pooling of calibrated probabilities.

With shares ``a_m`` (weights that sum to 1; a weight is the modality's fitted reliability times the
quality of its reading), the pooled probabilities are

    log p = s · Σ a_m · log p_m − (s − 1) · Σ a_m · log prior_m + constant

a logarithmic opinion pool (Genest and Zidek, 1986). ``s ≥ 0`` says how much modalities that speak
together sharpen the answer: what independent witnesses say adds up, what repeats does not. It is
fitted as ``1 / temperature`` for each set of modalities, and goes to 1 as the shares go to one
modality alone, so that a reading whose quality fades does so without a step. Each model's answer
carries its own prior; pooling sharpened answers would count it ``s`` times, so ``s − 1`` of it is
taken back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.fusion.congruence import agreement_of_pairs, congruence
from emoscope.fusion.model import FusionModel, case_of
from emoscope.fusion.quality import MODALITIES, all_present, quality
from emoscope.labels import SHARED

FLOOR = 1e-4  # no model may rule an emotion out all by itself


@dataclass(frozen=True)
class Evidence:
    """What one modality says at one moment.

    Attributes:
        probabilities: calibrated, over the shared seven, in their order.
        measures: what tells its quality, see :data:`emoscope.fusion.quality.MEASURES`.
    """

    probabilities: tuple[float, ...]
    measures: Mapping[str, float]

    @property
    def usable(self) -> bool:
        """Whether it is a distribution over the shared seven at all."""
        p = self.probabilities
        return len(p) == len(SHARED) and all(math.isfinite(x) and x >= 0 for x in p) and sum(p) > 0


@dataclass(frozen=True)
class Pooled:
    """One answer.

    Attributes:
        probabilities: over the shared seven; of a modality that speaks alone, exactly its own.
        weights: share of every modality, summing to 1; 0 for one that is missing.
        qualities: within [0, 1], of those that are there.
        congruence: how far they agree, within [0, 1]; None where fewer than two speak.
        pairs: the same for each two, as ``face+voice``.
    """

    probabilities: tuple[float, ...]
    weights: dict[str, float]
    qualities: dict[str, float]
    congruence: float | None
    pairs: dict[str, float]


def pool(model: FusionModel, evidence: Mapping[str, Evidence]) -> Pooled | None:
    """Pool what is there.

    A modality takes part if its evidence is a distribution, its quality above 0, and the model has
    a reliability for it. Where that leaves none, those that are there take part as if their
    quality were 1; if the model knows none of these, all count alike.

    Args:
        model: fitted weights.
        evidence: per modality; a missing one is simply not in it.

    Returns:
        None where nobody says anything.

    Raises:
        ValueError: an unknown modality.
    """
    there = [name for name in all_present(list(evidence)) if evidence[name].usable]
    if not there:
        return None
    found = {name: quality(model.curves.get(name, {}), evidence[name].measures) for name in there}
    weights = {name: model.reliabilities.get(name, 0.0) * found[name] for name in there}
    if not any(weights.values()):
        weights = {name: model.reliabilities.get(name, 0.0) for name in there}
    if not any(weights.values()):
        weights = dict.fromkeys(there, 1.0)
    speaking = [name for name in there if weights[name] > 0]
    total = sum(weights.values())
    shares = {name: weights.get(name, 0.0) / total for name in MODALITIES}
    said = {name: evidence[name].probabilities for name in speaking}
    if len(speaking) == 1:
        return Pooled(said[speaking[0]], shares, found, None, {})
    row = pool_rows(
        np.array([[said[name] for name in speaking]]),
        np.array([[shares[name] for name in speaking]]),
        model.temperatures.get(case_of(speaking), 1.0),
        np.array([model.priors.get(name, (1 / len(SHARED),) * len(SHARED)) for name in speaking]),
    )[0]
    return Pooled(
        tuple(row.tolist()),
        shares,
        found,
        congruence(list(said.values()), [shares[name] for name in speaking]),
        agreement_of_pairs(said),
    )


def pool_rows(
    probabilities: NDArray[np.float64],
    weights: NDArray[np.float64],
    temperature: float,
    priors: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The formula of this module for many moments with the same modalities.

    Args:
        probabilities: ``(n, modalities, 7)``.
        weights: ``(n, modalities)``, not negative, with a positive sum.
        temperature: ``1 / s`` of these modalities at equal shares, positive.
        priors: ``(modalities, 7)``, positive.

    Returns:
        ``(n, 7)``, rows sum to 1.
    """
    shares = weights / weights.sum(1, keepdims=True)
    count = shares.shape[1]
    # From 0 (one share is 1) to 1 (all alike): the number of equal shares this amounts to.
    even = (1 / np.square(shares).sum(1) - 1) / max(count - 1, 1)
    sharper = (1 / temperature - 1) * np.clip(even, 0.0, 1.0)
    logs = np.log(np.maximum(probabilities, FLOOR))
    mixed = np.einsum("nm,nmk->nk", shares, logs)
    prior = shares @ np.log(np.maximum(priors, FLOOR))
    z = mixed + sharper[:, None] * (mixed - prior)
    z -= z.max(1, keepdims=True)
    values: NDArray[np.float64] = np.exp(z)
    values /= values.sum(1, keepdims=True)
    return values
