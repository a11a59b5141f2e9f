from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.training.translation.retrieval import TOP, mean_interval, retrieve


def naive(query: np.ndarray, label: int, gallery: np.ndarray, labels: np.ndarray) -> tuple:
    cosine = [float(query @ g / np.linalg.norm(query) / np.linalg.norm(g)) for g in gallery]
    order = sorted(range(len(gallery)), key=lambda i: -cosine[i])
    hits, precisions = 0, []
    for rank, index in enumerate(order, start=1):
        if labels[index] == label:
            hits += 1
            precisions.append(hits / rank)
    top = sum(labels[index] == label for index in order[:10]) / 10
    return sum(precisions) / len(precisions), top


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(TOP, 40), st.integers(2, 4))
def test_agrees_with_a_naive_version(seed: int, size: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    gallery, queries = rng.normal(size=(size, 3)), rng.normal(size=(5, 3))
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=size - classes)])
    wanted = rng.integers(classes, size=5)
    found = retrieve(queries, wanted, gallery, labels)
    expected = [naive(q, w, gallery, labels) for q, w in zip(queries, wanted, strict=True)]
    np.testing.assert_allclose(found.average_precision, [e[0] for e in expected])
    np.testing.assert_allclose(found.precision, [e[1] for e in expected])


def test_a_gallery_in_order_of_label_gives_nothing_to_a_query_without_an_answer() -> None:
    labels = np.repeat([0, 1], 50)
    found = retrieve(np.zeros((200, 2)), np.zeros(200, int), np.ones((100, 2)), labels)
    assert found.precision.mean() < 0.95  # equals stand in random order, not the gallery's


def test_what_cannot_be_found_is_refused() -> None:
    with pytest.raises(ValueError, match="every query's label"):
        retrieve(np.ones((1, 2)), np.array([5]), np.ones((20, 2)), np.zeros(20, int))
    with pytest.raises(ValueError, match="at least 10"):
        retrieve(np.ones((1, 2)), np.array([0]), np.ones((9, 2)), np.zeros(9, int))


def test_the_interval_of_a_mean_is_about_two_standard_errors() -> None:
    values = np.random.default_rng(0).normal(3, 1, 400)
    low, high = mean_interval(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(4 * values.std() / 20, rel=0.1)
