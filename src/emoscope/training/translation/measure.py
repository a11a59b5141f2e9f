"""What a translation is worth, on items that no model was trained on, beside its controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.labels import SHARED, LabelSet
from emoscope.models.spaces import Modality, other
from emoscope.training.metrics import (
    DRAWS,
    Interval,
    Metrics,
    confusion_matrix,
    measure,
    unweighted_average_recall,
)
from emoscope.training.translation.distance import frechet, nearest
from emoscope.training.translation.embeddings import Embedded, Side
from emoscope.training.translation.heads import Head
from emoscope.training.translation.network import TranslationNet
from emoscope.training.translation.retrieval import TOP, Retrieval, retrieve

Floats = NDArray[np.floating[Any]]
PRECISION = f"precision_at_{TOP}"


@dataclass(frozen=True)
class Answers:
    """What one system makes of the source's items.

    Attributes:
        made: ``(n, d2)`` embeddings in the target's space.
        probs: ``(n, 7)`` of the target's frozen classifier, in the shared labels.
        queries: ``(n, s)`` in the shared space.
        gallery: ``(m, s)`` the target's real items there.
    """

    made: Floats
    probs: Floats
    queries: Floats
    gallery: Floats


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: of the system.
        answers: figures of the frozen target classifier against the source's label.
        retrieval: of the target's real items; None for a system without an embedding, whose
            distances are None too.
        distances: Fréchet from the made embeddings to real ones, in standardised dimensions; mean
            distance from each made one to the nearest real one; and from each real one to the
            nearest made one, which sees a cloud without width.
    """

    name: str
    answers: Metrics
    retrieval: Retrieval | None = None
    distances: tuple[float, float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        made: dict[str, Any] = {"name": self.name, "answers": self.answers.to_dict()}
        if self.retrieval is not None:
            low, high = np.quantile(self.retrieval.draws, (0.025, 0.975), axis=0)
            made["map"] = float(self.retrieval.average_precision.mean())
            made["map_interval"] = [float(low[0]), float(high[0])]
            made[PRECISION] = float(self.retrieval.precision.mean())
            made[f"{PRECISION}_interval"] = [float(low[1]), float(high[1])]
        if self.distances is not None:
            made |= dict(zip(("frechet", "nearest", "coverage"), self.distances, strict=True))
        return made


class Bench:
    """One direction on one part: source's items, target's real items, what they are called.

    Args:
        source: the modality that is translated.
        sides: both modalities.
        heads: both frozen classifiers.
        part: ``held`` or ``test``.
        seed: of everything drawn.
    """

    def __init__(
        self,
        source: Modality,
        sides: Mapping[Modality, Side],
        heads: Mapping[Modality, Head],
        part: str,
        seed: int = 0,
    ) -> None:
        self.source, self.target = source, other(source)
        self.items, self.real = sides[source].parts[part], sides[self.target].parts[part]
        self.known = sides[self.target].parts["learn"]
        self.labels: Mapping[Modality, LabelSet] = {m: s.labels for m, s in sides.items()}
        self.head = heads[self.target]
        self.seed = seed

    def translated(self, network: TranslationNet) -> Answers:
        """What a trained network makes of the source's items."""
        # Answered by the model's own head: a control may have been trained on another order of it.
        made, _, queries = network.read(self.source, self.items.values)
        gallery = network.read(self.target, self.real.values)[2]
        return Answers(made, self._answer(made), queries, gallery)

    def class_means(self, network: TranslationNet, label: NDArray[np.int64]) -> Answers:
        """Control: the mean of the target's training items of a label, nothing else.

        Args:
            network: its shared space serves for retrieval.
            label: ``(n,)`` of each source item.
        """
        shared = network.read(self.target, self.known.values)[2]
        groups = [self.known.labels == index for index in range(len(SHARED))]
        means = np.stack([self.known.values[group].mean(0) for group in groups])
        queries = np.stack([shared[group].mean(0) for group in groups])
        gallery = network.read(self.target, self.real.values)[2]
        return Answers(means[label], self._answer(means)[label], queries[label], gallery)

    def read_label(self) -> NDArray[np.int64]:
        """The label that the source's own model reads."""
        label: NDArray[np.int64] = (
            self.labels[self.source].to_shared(self.items.probs).argmax(1).astype(np.int64)
        )
        return label

    def chance(self, network: TranslationNet) -> Answers:
        """Control: real training items of the target drawn blindly, queries of random direction."""
        rng = np.random.default_rng([self.seed, 6])
        drawn = rng.integers(len(self.known), size=len(self.items))
        probs = np.eye(len(SHARED))[rng.integers(len(SHARED), size=len(self.items))]
        gallery = network.read(self.target, self.real.values)[2]
        queries = rng.standard_normal((len(self.items), gallery.shape[1]))
        return Answers(self.known.values[drawn], probs, queries, gallery)

    def row(self, name: str, found: Answers) -> Row:
        """Figures of one system."""
        return Row(
            name,
            self._measure(found.probs),
            retrieve(found.queries, self.items.labels, found.gallery, self.real.labels),
            self._distances(found.made, self.items.labels),
        )

    def copied(self, name: str) -> Row:
        """Control: the source model's own scores, called the target's. No embedding comes of it."""
        return Row(name, self._measure(self.labels[self.source].to_shared(self.items.probs)))

    def _measure(self, probs: Floats) -> Metrics:
        groups = list(self.items.groups) if self.items.groups.any() else None
        return measure(probs, self.items.labels, SHARED, groups, seed=self.seed)

    def real_floor(self) -> tuple[float, float, float]:
        """The three distances of real training items: what another draw of people has."""
        return self._distances(self.known.values, self.known.labels)

    def _answer(self, made: Floats) -> Floats:
        return self.labels[self.target].to_shared(self.head.probs(made))

    def _distances(self, made: Floats, labels: NDArray[np.int64]) -> tuple[float, float, float]:
        """To the real items, with as many of each label on both sides, none twice."""
        rng = np.random.default_rng([self.seed, 7])
        mine, theirs = [], []
        for label in np.intersect1d(labels, self.real.labels):
            both = [np.flatnonzero(where == label) for where in (labels, self.real.labels)]
            count = min(map(len, both))
            mine.append(rng.permutation(both[0])[:count])
            theirs.append(rng.permutation(both[1])[:count])
        made, real = made[np.concatenate(mine)], self.real.values[np.concatenate(theirs)]
        mean, deviation = self.known.values.mean(0), self.known.values.std(0)
        scale = deviation + 0.1 * deviation.mean()
        a, b = ((x - mean) / scale for x in (made, real))
        return frechet(a, b), float(nearest(a, b).mean()), float(nearest(b, a).mean())


@dataclass(frozen=True)
class Gap:
    """A difference of two systems on the same items, with its 95% interval.

    Attributes:
        name: of the figure.
        value: first minus second.
        interval: percentile bootstrap, both systems on the same draws.
    """

    name: str
    value: float
    interval: Interval

    @property
    def tie(self) -> bool:
        """Whether the interval holds 0."""
        return self.interval[0] <= 0 <= self.interval[1]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "value": self.value,
            "interval": list(self.interval),
            "tie": self.tie,
        }


def answer_gaps(
    labels: NDArray[np.int64], first: Floats, second: Floats, seed: int = 0
) -> list[Gap]:
    """First minus second, of probabilities ``(n, 7)``: accuracy and UAR; bootstrap by item."""
    answers = [probs.argmax(1) for probs in (first, second)]

    def figures(index: NDArray[np.int64]) -> list[float]:
        truth, pair = labels[index], [answer[index] for answer in answers]
        matrices = [confusion_matrix(truth, answer, len(SHARED)) for answer in pair]
        right = [float((answer == truth).mean()) for answer in pair]
        recall = [unweighted_average_recall(matrix) for matrix in matrices]
        return [right[0] - right[1], recall[0] - recall[1]]

    rng = np.random.default_rng([seed, 8])
    draws = [figures(rng.integers(len(labels), size=len(labels))) for _ in range(DRAWS)]
    return _gaps(("accuracy", "uar"), figures(np.arange(len(labels))), np.array(draws))


def retrieval_gaps(first: Retrieval, second: Retrieval) -> list[Gap]:
    """First minus second: mAP and precision@10; bootstrap of queries and gallery."""
    values = [
        float(first.average_precision.mean() - second.average_precision.mean()),
        float(first.precision.mean() - second.precision.mean()),
    ]
    draws = first.draws - second.draws
    return _gaps(("map", PRECISION), values, draws)


def _gaps(names: tuple[str, ...], values: list[float], draws: NDArray[np.float64]) -> list[Gap]:
    low, high = np.quantile(draws, (0.025, 0.975), axis=0).tolist()
    return [Gap(*one) for one in zip(names, values, zip(low, high, strict=True), strict=True)]


def own_reading(side: Side, part: str) -> Metrics:
    """What a model reads of its own items in the shared labels: more is not to be had of them."""
    items: Embedded = side.parts[part]
    groups = list(items.groups) if items.groups.any() else None
    return measure(side.labels.to_shared(items.probs), items.labels, SHARED, groups)
