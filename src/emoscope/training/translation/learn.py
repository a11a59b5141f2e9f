"""Training: batches with as many faces as voices and as many of each label, one cosine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from emoscope.errors import DatasetError
from emoscope.labels import SHARED, LabelSet
from emoscope.models.spaces import MODALITIES, Modality, other
from emoscope.training.translation.embeddings import Embedded
from emoscope.training.translation.heads import Head
from emoscope.training.translation.losses import (
    answer_loss,
    class_discrepancy,
    spread_gap,
    supervised_contrast,
)
from emoscope.training.translation.network import TranslationNet

STEPS = 1000
PER_LABEL = 24  # items of each label and modality in a batch
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.02
NOISE = 0.3  # on standardised embeddings: the models know the training items too well
WEIGHTS = {
    "contrast": 0.5,
    "classifier": 0.5,
    "alignment": 1.0,
    "answer": 1.0,
    "cycle": 0.5,
    "spread": 0.5,
    "match": 4.0,
}


def learn(
    parts: Mapping[Modality, Embedded],
    heads: Mapping[Modality, Head],
    labels: Mapping[Modality, LabelSet],
    *,
    seed: int = 0,
    steps: int = STEPS,
) -> TranslationNet:
    """Train both ways.

    Args:
        parts: the embeddings to learn from; never paired.
        heads: both models' frozen classifiers.
        labels: both models' native labels, those of the heads.
        seed: of weights, batches and noise.
        steps: of the optimiser.

    Returns:
        The network at the end of the schedule, in evaluation mode.

    Raises:
        DatasetError: a shared label has no items.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = TranslationNet(parts, heads, len(SHARED))
    to_shared = {m: torch.from_numpy(labels[m].shared_matrix()).float() for m in MODALITIES}
    places = {m: _places(parts[m]) for m in MODALITIES}
    values = {m: torch.from_numpy(parts[m].values) for m in MODALITIES}
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    network.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * _rate(step / steps)
        drawn = {
            m: values[m][np.concatenate([rng.choice(rows, PER_LABEL) for rows in places[m]])]
            for m in MODALITIES
        }
        loss = _loss(network, drawn, to_shared)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
    return network.eval()


def without_labels(parts: Mapping[Modality, Embedded], seed: int) -> dict[Modality, Embedded]:
    """Control: the labels of each modality's items in random order, so that they say nothing."""
    rng = np.random.default_rng([seed, 3])
    return {m: replace(parts[m], labels=rng.permutation(parts[m].labels)) for m in MODALITIES}


def with_wrong_classes(
    parts: Mapping[Modality, Embedded], head: Head, names: LabelSet, seed: int
) -> tuple[dict[Modality, Embedded], Head]:
    """Control: every class of faces stands for another class of voices.

    Args:
        parts: both modalities.
        head: the face model's; its rows move along, so that it is right about the new names.
        names: the face model's labels, which must be the shared seven.
        seed: of the correspondence.

    Raises:
        ValueError: the face model has other labels.
    """
    if names.names != SHARED:
        raise ValueError(f"expected a face model with the shared labels, got {names.names}")
    order = derangement(len(SHARED), seed)
    face = replace(parts["face"], labels=order[parts["face"].labels])
    back = np.argsort(order)
    moved = replace(head, weight=head.weight[back], bias=head.bias[back])
    return {"face": face, "voice": parts["voice"]}, moved


def derangement(n: int, seed: int) -> NDArray[np.int64]:
    """A random order of ``n`` in which nothing keeps its place: one cycle (Sattolo, 1986)."""
    rng = np.random.default_rng([seed, 4])
    order = np.arange(n)
    for last in range(n - 1, 0, -1):
        chosen = int(rng.integers(last))
        order[[last, chosen]] = order[[chosen, last]]
    return order


def _rate(done: float) -> float:
    """A tenth of warm-up, then half a cosine."""
    return min(1.0, done / 0.1 + 0.01) * 0.5 * (1 + math.cos(math.pi * done))


def _places(part: Embedded) -> list[NDArray[np.int64]]:
    """Rows of each shared label."""
    places = [np.flatnonzero(part.labels == label) for label in range(len(SHARED))]
    missing = [name for name, rows in zip(SHARED, places, strict=True) if not len(rows)]
    if missing:
        raise DatasetError(f"nothing to learn {', '.join(missing)} from; complete the corpora")
    return places


def _loss(
    network: TranslationNet, drawn: Mapping[Modality, Tensor], to_shared: Mapping[Modality, Tensor]
) -> Tensor:
    """Of embeddings, ``PER_LABEL`` rows of the first label, then of the next."""
    labels = torch.arange(len(SHARED)).repeat_interleave(PER_LABEL)
    clean = {m: network.way(m).standard(drawn[m]) for m in MODALITIES}
    x = {m: clean[m] + NOISE * torch.randn_like(clean[m]) for m in MODALITIES}
    z = {m: network.way(m).shared(x[m]) for m in MODALITIES}
    both, both_labels = torch.cat([z["face"], z["voice"]]), torch.cat([labels, labels])
    terms = {
        "contrast": supervised_contrast(both, both_labels),
        "classifier": F.cross_entropy(network.classifier(both), both_labels),
        "alignment": class_discrepancy(_by_label(z["face"]), _by_label(z["voice"])),
    }
    per_way: dict[str, list[Tensor]] = {"answer": [], "cycle": [], "spread": [], "match": []}
    for source in MODALITIES:
        target = other(source)
        made = network.way(source).translate(x[source])
        # In the target's own scale, so that every dimension counts alike.
        y = network.way(target).standard(made)
        back = network.way(source).standard(network.way(target).translate(y))
        clouds = _by_label(y), _by_label(clean[target])
        answer = answer_loss(network.answer(target, made), to_shared[target], labels)
        per_way["answer"].append(answer)
        per_way["cycle"].append(F.mse_loss(back, clean[source]))
        per_way["spread"].append(spread_gap(*clouds))
        per_way["match"].append(class_discrepancy(*clouds))
    terms |= {name: torch.stack(found).mean() for name, found in per_way.items()}
    return torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()


def _by_label(rows: Tensor) -> Tensor:
    return rows.view(len(SHARED), PER_LABEL, -1)
