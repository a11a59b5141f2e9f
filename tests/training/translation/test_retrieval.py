from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="torch is not installed")

from emoscope.training.translation.retrieval import TOP, retrieve


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


def test_a_gallery_in_which_items_stand_several_times_is_that_gallery() -> None:
    rng = np.random.default_rng(4)
    gallery, queries = rng.normal(size=(30, 3)), rng.normal(size=(6, 3))
    labels, wanted = np.arange(30) % 3, np.arange(6) % 3
    times = np.ones(30, np.int64)
    times[[2, 5]] = 0
    times[[7, 8]] = 2
    # Two items at one place: in the long gallery both count, one after the other.
    longer = np.repeat(np.arange(30), times)
    average, precision = retrieve(queries, wanted, gallery, labels)._weighted(times)
    long = retrieve(queries, wanted, gallery[longer], labels[longer])
    np.testing.assert_allclose(precision, long.precision)
    # At a doubled item the precision behind both counts twice, hence a little apart.
    np.testing.assert_allclose(average, long.average_precision, atol=0.02)
    plain = retrieve(queries, wanted, gallery, labels)
    average, precision = plain._weighted(np.ones(30, np.int64))
    np.testing.assert_allclose(average, plain.average_precision)
    np.testing.assert_allclose(precision, plain.precision)


def test_one_ranking_asked_often_stays_uncertain() -> None:
    rng = np.random.default_rng(5)
    gallery, labels = rng.normal(size=(60, 4)), rng.integers(2, size=60)
    once = np.repeat(rng.normal(size=(1, 4)), 500, axis=0)
    found = retrieve(once, np.zeros(500, int), gallery, labels)
    draws = found.draws
    assert found.precision.std() == 0
    # A share among ten drawn items moves about as a binomial one does.
    share = found.precision[0]
    assert draws[:, 1].std() == pytest.approx(np.sqrt(share * (1 - share) / 10), rel=0.35)
    again = retrieve(once, np.zeros(500, int), gallery, labels)
    np.testing.assert_array_equal(draws, again.draws)
