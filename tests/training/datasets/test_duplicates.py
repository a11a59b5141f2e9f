"""Pictures and arrays that stand there twice."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.training.datasets.duplicates import groups_of, near_pairs, same_bytes


def pictures(n: int, size: int = 48, seed: int = 0) -> NDArray[np.uint8]:
    """Pictures as smooth as faces, each unlike the others."""
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (n, 6, 6)).astype(np.float32)
    scaled = [cv2.resize(one, (size, size), interpolation=cv2.INTER_CUBIC) for one in rough]
    return np.clip(np.stack(scaled), 0, 255).astype(np.uint8)


def test_near_pairs_are_those_of_a_plain_comparison() -> None:
    rng = np.random.default_rng(1)
    crops = pictures(60)
    noisy = np.clip(crops[:20] * 0.6 + rng.normal(40, 25, crops[:20].shape), 0, 255)
    crops = np.concatenate([crops, noisy.astype(np.uint8), crops[10:30, :, ::-1], crops[50:52]])
    expected = set()
    halves = crops.reshape(len(crops), 24, 2, 24, 2).mean((2, 4))
    for first in range(len(crops)):
        for second in range(first + 1, len(crops)):
            as_is = np.corrcoef(halves[first].ravel(), halves[second].ravel())[0, 1]
            turned = np.corrcoef(halves[first].ravel(), halves[second][:, ::-1].ravel())[0, 1]
            if max(as_is, turned) >= 0.9:
                expected.add((first, second, turned > as_is))
    pairs, mirrored = near_pairs(crops, 0.9)
    assert {(*pair, turned) for pair, turned in zip(pairs.tolist(), mirrored, strict=True)} == (
        expected
    )
    assert 30 < len(expected) < 60  # some of the noisy ones are too far away


@pytest.mark.parametrize("size", [24, 48, 96, 65])
def test_near_pairs_in_any_size(size: int) -> None:
    crops = pictures(8, size)
    told: list[tuple[int, int]] = []
    pairs, mirrored = near_pairs(
        np.concatenate([crops, crops[3:4, :, ::-1]]), progress=lambda *step: told.append(step)
    )
    assert (pairs.tolist(), mirrored.tolist()) == ([[3, 8]], [True])
    assert told[-1] == (9, 9)


def test_pictures_of_one_grey_level_are_like_nothing() -> None:
    flat = np.full((3, 48, 48), 7, np.uint8)
    flat[2] = 200
    assert near_pairs(flat)[0].shape == (0, 2)
    assert [group.tolist() for group in same_bytes(flat)] == [[0, 1]]


def test_groups_are_linked_through_others() -> None:
    groups = groups_of(8, np.array([[5, 2], [0, 3], [2, 7]]))
    assert sorted(sorted(group.tolist()) for group in groups) == [[0, 3], [2, 5, 7]]
