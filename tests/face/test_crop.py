"""Crops against an independent integration, and the properties that the rule promises."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emoscope.face.crop import RULES, crop_faces, crop_regions, crop_rule

coordinate = st.floats(-20, 60, allow_nan=False)
side = st.floats(0.7, 70, allow_nan=False)


def noise(height: int, width: int, channels: int | None = None) -> NDArray[np.uint8]:
    shape = (height, width) if channels is None else (height, width, channels)
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


def integrated(
    grey: NDArray[np.uint8], region: tuple[float, ...], size: int
) -> NDArray[np.float64]:
    """Means over boxes by overlap of intervals, on a picture with a wide repeated border."""
    border = 100
    padded = np.pad(grey, border, mode="edge").astype(float)

    def weights(start: float, stop: float, length: int) -> NDArray[np.float64]:
        step = (stop - start) / size
        table = np.zeros((size, length))
        for i in range(size):
            centre = start + border + (i + 0.5) * step
            low, high = centre - max(step, 1) / 2, centre + max(step, 1) / 2
            for k in range(length):
                table[i, k] = max(min(high, k + 1) - max(low, k), 0) / (high - low)
        return table

    x1, y1, x2, y2 = region
    return weights(y1, y2, padded.shape[0]) @ padded @ weights(x1, x2, padded.shape[1]).T


@settings(max_examples=25, deadline=None)
@given(coordinate, coordinate, side, side, st.integers(1, 12))
def test_regions_agree_with_integration(
    x: float, y: float, width: float, height: float, size: int
) -> None:
    grey = noise(37, 45)
    region = (x, y, x + width, y + height)
    expected = integrated(grey, region, size)
    got = crop_regions(grey, [region], size)[0]
    assert np.abs(got - expected).max() <= 0.5 + 1e-6


def test_a_whole_fer_picture_is_itself() -> None:
    grey = noise(48, 48)
    assert np.array_equal(crop_regions(grey, [(0, 0, 48, 48)], 48)[0], grey)


def test_whole_shrinking_is_opencvs_area() -> None:
    image = noise(240, 240, 3)
    expected = cv2.resize(
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (48, 48), interpolation=cv2.INTER_AREA
    )
    got = crop_regions(image, [(0, 0, 240, 240)], 48)[0]
    assert np.abs(got.astype(int) - expected).max() <= 1


def test_whole_enlarging_is_opencvs_bilinear() -> None:
    grey = noise(20, 20)
    expected = cv2.resize(grey, (48, 48), interpolation=cv2.INTER_LINEAR)
    got = crop_regions(grey, [(0, 0, 20, 20)], 48)[0]
    assert np.abs(got.astype(int) - expected).max() <= 1


def test_grey_is_bt601() -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50)]
    for red, green, blue in colours:
        image = np.full((10, 10, 3), (red, green, blue), dtype=np.uint8)
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        assert abs(int(crop_regions(image, [(1, 1, 9, 9)], 4)[0, 0, 0]) - luma) <= 1


@given(coordinate, coordinate, side, st.integers(0, 255))
def test_a_constant_picture_stays_constant(x: float, y: float, width: float, value: int) -> None:
    image = np.full((30, 40), value, dtype=np.uint8)
    assert (crop_regions(image, [(x, y, x + width, y + width)], 9) == value).all()


@given(st.integers(0, 30), st.integers(0, 30), st.floats(5, 60), st.floats(0, 1))
def test_moving_the_picture_moves_the_crop(
    right: int, down: int, width: float, part: float
) -> None:
    picture = noise(70, 70)
    moved = np.zeros((110, 110), dtype=np.uint8)
    moved[down : down + 70, right : right + 70] = picture
    x = 2 + part
    inside = min(width, 66.0)
    a = crop_regions(picture, [(x, x, x + inside, x + inside)], 16)
    b = crop_regions(moved, [(x + right, x + down, x + right + inside, x + down + inside)], 16)
    assert np.abs(a.astype(int) - b).max() <= 1


def test_scale_of_the_picture_hardly_matters() -> None:
    smooth = cv2.resize(noise(12, 12), (400, 400), interpolation=cv2.INTER_LINEAR)
    half = cv2.resize(smooth, (200, 200), interpolation=cv2.INTER_AREA)
    a = crop_regions(smooth, [(51.4, 80.2, 251.4, 280.2)], 48)
    b = crop_regions(half, [(25.7, 40.1, 125.7, 140.1)], 48)
    assert np.ptp(a) > 20
    assert np.abs(a.astype(int) - b).max() <= 2


def test_outside_of_the_picture_its_edge_goes_on() -> None:
    grey = noise(10, 10)
    left = crop_regions(grey, [(-50, 0, -40, 10)], 10)[0]
    assert (left == grey[:, :1]).all()
    corner = crop_regions(grey, [(30, 30, 40, 40)], 4)[0]
    assert (corner == grey[-1, -1]).all()


@pytest.mark.parametrize("detector", sorted(RULES))
def test_the_rule_is_relative_to_the_box(detector: str) -> None:
    rule = crop_rule(detector)
    x1, y1, x2, y2 = rule.region((100, 200, 180, 325))
    assert x2 - x1 == pytest.approx(y2 - y1) == pytest.approx(rule.side * 100)
    assert (x1 + x2) / 2 == pytest.approx(140 + rule.right * 100)
    assert (y1 + y2) / 2 == pytest.approx(262.5 + rule.down * 100)
    assert crop_rule(f"{detector}@1.2") == rule


def test_faces_are_the_rules_regions() -> None:
    image = noise(120, 160, 3)
    boxes = [(10.0, 20.0, 50.0, 72.0), (100.5, 30.25, 170.0, 110.0)]
    got = crop_faces(image, boxes, "yunet@2023", 48)
    assert got.shape == (2, 48, 48)
    assert got.dtype == np.uint8
    assert np.array_equal(got, crop_regions(image, [RULES["yunet"].region(b) for b in boxes], 48))
    assert not np.array_equal(got, crop_faces(image, boxes, "haar", 48))


def test_no_boxes_give_no_crops() -> None:
    assert crop_faces(noise(5, 5, 3), [], "haar", 48).shape == (0, 48, 48)


def test_memory_layout_does_not_matter() -> None:
    image = noise(60, 80, 3)
    for view in (image[::-1, ::-1], image[:, :, ::-1], np.asfortranarray(image), image[::2, ::2]):
        expected = crop_regions(np.ascontiguousarray(view), [(3, 2, 25, 24)], 12)
        assert np.array_equal(crop_regions(view, [(3, 2, 25, 24)], 12), expected)


def test_a_large_patch_is_summed_exactly() -> None:
    image = np.full((3000, 3000), 255, dtype=np.uint8)
    image[:, :1500] = 1
    crop = crop_regions(image, [(0, 0, 3000, 3000)], 4)[0]
    assert crop.tolist() == [[1, 1, 255, 255]] * 4


@pytest.mark.parametrize(
    ("image", "region", "size"),
    [
        (np.zeros((5, 5), dtype=np.float32), (0, 0, 5, 5), 4),
        (np.zeros((5, 5, 4), dtype=np.uint8), (0, 0, 5, 5), 4),
        (np.zeros((0, 5), dtype=np.uint8), (0, 0, 5, 5), 4),
        (np.zeros((5, 5), dtype=np.uint8), (0, 0, 0, 5), 4),
        (np.zeros((5, 5), dtype=np.uint8), (0, 0, math.inf, 5), 4),
        (np.zeros((5, 5), dtype=np.uint8), (0, 0, 5, 5), 0),
    ],
)
def test_wrong_input_is_refused(
    image: NDArray[np.uint8], region: tuple[float, float, float, float], size: int
) -> None:
    with pytest.raises(ValueError, match=r"got|at least"):
        crop_regions(image, [region], size)


def test_an_unknown_detector_is_refused() -> None:
    with pytest.raises(ValueError, match="no crop rule for detector 'other'"):
        crop_faces(noise(5, 5, 3), [], "other", 48)
