from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from emoscope.training.translation.distance import frechet, nearest

RNG = np.random.default_rng(1)


def test_frechet_of_gaussians_known_in_closed_form() -> None:
    a = RNG.normal(size=(60_000, 3)) * [1, 2, 3]
    b = RNG.normal(size=(60_000, 3)) * [2, 2, 1] + [1, 0, 0]
    # Of independent dimensions: squared gap of means plus squared gap of deviations.
    assert frechet(a, b) == pytest.approx(1 + 1 + 0 + 4, rel=0.03)


def test_frechet_agrees_with_a_matrix_root() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    a = RNG.normal(size=(50, 4)) @ RNG.normal(size=(4, 4))
    b = RNG.normal(size=(40, 4)) @ RNG.normal(size=(4, 4)) + 1
    left, right = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    cross = np.trace(linalg.sqrtm(left @ right).real)
    wanted = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(left) + np.trace(right) - 2 * cross
    assert frechet(a, b) == pytest.approx(wanted)


def test_frechet_of_one_cloud_is_zero_and_one_row_is_too_few() -> None:
    a = RNG.normal(size=(30, 4))
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="two rows"):
        frechet(a[:1], a)


def test_nearest_agrees_with_all_pairs() -> None:
    a, b = RNG.normal(size=(7, 3)), RNG.normal(size=(5, 3))
    wanted = [min(np.linalg.norm(x - y) for y in b) for x in a]
    np.testing.assert_allclose(nearest(a, b), wanted)
