from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.nn import functional as F  # noqa: E402

from emoscope.labels import SHARED, VOICE_LABELS  # noqa: E402
from emoscope.training.translation.losses import (  # noqa: E402
    answer_loss,
    class_discrepancy,
    spread_gap,
    supervised_contrast,
)


def rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1, 2], [0, 1, 2, 3, 4, 5], [1] * 6])
def test_contrast_agrees_with_the_paper_written_out(labels: list[int]) -> None:
    z, temperature = F.normalize(rows(6, 4), dim=1), 0.2
    terms = []
    for i in range(6):
        positives = [p for p in range(6) if p != i and labels[p] == labels[i]]
        if positives:
            total = sum(math.exp(float(z[i] @ z[a]) / temperature) for a in range(6) if a != i)
            logs = [math.log(math.exp(float(z[i] @ z[p]) / temperature) / total) for p in positives]
            terms.append(-sum(logs) / len(positives))
    wanted = sum(terms) / len(terms) if terms else 0.0
    got = supervised_contrast(z, torch.tensor(labels), temperature)
    assert float(got) == pytest.approx(wanted)


def test_contrast_prefers_labels_that_lie_together() -> None:
    labels = torch.tensor([0, 0, 1, 1])
    near = F.normalize(torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]]), dim=1)
    assert supervised_contrast(near, labels) < supervised_contrast(near[[0, 2, 1, 3]], labels)


def naive_discrepancy(a: np.ndarray, b: np.ndarray) -> float:
    both = np.concatenate([a, b])
    width = np.mean([np.sum((x - y) ** 2) for x in both for y in both])

    def mean(xs: np.ndarray, ys: np.ndarray) -> float:
        return float(
            np.mean(
                [
                    math.exp(-np.sum((x - y) ** 2) / (scale * width))
                    for x in xs
                    for y in ys
                    for scale in (0.5, 1.0, 2.0)
                ]
            )
        )

    return mean(a, a) + mean(b, b) - 2 * mean(a, b)


def test_discrepancy_agrees_with_the_definition() -> None:
    a, b = rows(3, 5, 2), rows(3, 4, 2, seed=1) + 0.5
    wanted = np.mean([naive_discrepancy(x.numpy(), y.numpy()) for x, y in zip(a, b, strict=True)])
    assert float(class_discrepancy(a, b)) == pytest.approx(wanted)


def test_discrepancy_sees_place_and_spread() -> None:
    a = rows(2, 40, 3)
    assert float(class_discrepancy(a, a)) == pytest.approx(0, abs=1e-9)
    means = a.mean(1, keepdim=True).expand_as(a)
    for other in (a + 2, means, a.flip(0) + torch.tensor([[[3.0]], [[-3.0]]])):
        assert float(class_discrepancy(a, other)) > 0.05
        assert float(spread_gap(a, other)) > 0.05


def test_spread_gap_agrees_with_numpy() -> None:
    a, b = rows(2, 6, 3), 2 * rows(2, 5, 3, seed=1)
    means = (a.numpy().mean(1) - b.numpy().mean(1)) ** 2
    deviations = (np.sqrt(a.numpy().var(1) + 1e-6) - np.sqrt(b.numpy().var(1) + 1e-6)) ** 2
    assert float(spread_gap(a, b)) == pytest.approx(means.mean() + deviations.mean())
    assert float(spread_gap(a, a)) == 0


def test_what_makes_all_one_is_pulled_apart() -> None:
    target = rows(1, 30, 2)
    made = (1e-2 * rows(1, 30, 2, seed=1)).requires_grad_()
    before = float(made.detach().std())
    (class_discrepancy(made, target) + spread_gap(made, target)).backward()
    assert made.grad is not None
    assert float((made.detach() - 0.5 * made.grad).std()) > before


def test_the_answer_counts_calm_as_neutral() -> None:
    matrix = torch.from_numpy(VOICE_LABELS.shared_matrix())
    logits = rows(5, 8)
    labels = torch.tensor([SHARED.index("neutral"), 0, 1, 2, 3])
    probs = torch.softmax(logits, 1).numpy()
    shared = VOICE_LABELS.to_shared(probs)
    wanted = -np.log(shared[np.arange(5), labels]).mean()
    assert float(answer_loss(logits, matrix, labels)) == pytest.approx(wanted)


def test_the_answer_sets_aside_what_has_no_counterpart() -> None:
    matrix = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    logits = torch.tensor([[1.0, 0.0, 50.0]])
    wanted = -math.log(math.e / (math.e + 1))
    assert float(answer_loss(logits, matrix, torch.tensor([0]))) == pytest.approx(wanted, rel=1e-4)
