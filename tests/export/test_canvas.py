from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emoscope.export.canvas import Canvas, Rect, bracket_mask, rounded_mask


@pytest.fixture
def grey() -> NDArray[np.uint8]:
    return np.full((60, 80, 3), 100, dtype=np.uint8)


@given(st.integers(2, 60), st.integers(2, 60), st.floats(0, 20))
def test_a_rounded_mask_has_the_area_of_its_shape(width: int, height: int, radius: float) -> None:
    r = min(radius, width / 2, height / 2)
    area = width * height - (4 - math.pi) * r * r
    assert rounded_mask(width, height, radius).sum() / 255 == pytest.approx(area, rel=0.04, abs=1.5)


def test_a_corner_has_the_area_of_its_stroke() -> None:
    mask, _ = bracket_mask(40, 10, 4)
    length = 2 * (40 - 10) + math.pi / 2 * 10
    assert mask.sum() / 255 == pytest.approx(4 * length + math.pi * 4, rel=0.02)


@pytest.mark.parametrize("size", [(20, 12), (80, 60), (200, 150)])
def test_large_and_small_rounded_rectangles_are_the_same_shape(size: tuple[int, int]) -> None:
    width, height = size
    image = np.zeros((height, width, 3), dtype=np.uint8)
    Canvas(image).rounded(Rect(0, 0, width, height), 6, (255, 255, 255))
    np.testing.assert_allclose(image[:, :, 0], rounded_mask(width, height, 6), atol=1)


def test_opacity_mixes(grey: NDArray[np.uint8]) -> None:
    Canvas(grey).rectangle(Rect(10, 10, 20, 20), (200, 0, 100), 0.5)
    assert grey[15, 15].tolist() == [150, 50, 100]
    assert (grey[:10] == 100).all()
    assert (grey[20:] == 100).all()
    assert (grey[:, :10] == 100).all()
    assert (grey[:, 20:] == 100).all()


@given(st.integers(-200, 200), st.integers(-200, 200), st.integers(1, 150), st.integers(1, 150))
def test_what_lies_outside_is_cut_off(x: int, y: int, width: int, height: int) -> None:
    """Drawing half outside gives the same as drawing on a larger picture and cutting it out."""
    small = np.full((60, 80, 3), 100, dtype=np.uint8)
    large = np.full((760, 780, 3), 100, dtype=np.uint8)
    for image, at in ((small, 0), (large, 350)):
        rect = Rect(x + at, y + at, x + at + width, y + at + height)
        canvas = Canvas(image)
        canvas.rounded(rect, 5, (20, 200, 90), 0.6)
        canvas.rectangle(rect, (9, 9, 9), 0.2)
        canvas.brackets(rect, 12, 4, 2, (250, 0, 0))
        canvas.text(rect.x1, rect.y1, "sad", 14.0, (255, 255, 255))
    np.testing.assert_array_equal(small, large[350:410, 350:430])


@pytest.mark.parametrize("stroke", [2, 3, 4])
def test_brackets_are_symmetric_and_sharp(stroke: int) -> None:
    image = np.zeros((101, 141, 3), dtype=np.uint8)
    Canvas(image).brackets(Rect(20, 20, 121, 81), 18, 6, stroke, (255, 255, 255))
    np.testing.assert_array_equal(image, image[::-1])
    np.testing.assert_array_equal(image, image[:, ::-1])
    assert (image[:50, 30].max(axis=1) == 255).sum() == stroke
    assert image[50, 70].max() == 0
    assert image[20, 70].max() == 0


def test_text_is_centred_on_its_line() -> None:
    image = np.zeros((100, 300, 3), dtype=np.uint8)
    Canvas(image).text(20, 50, "HxHx", 40.0, (255, 255, 255))
    rows = np.flatnonzero(image.max(axis=(1, 2)) > 128)
    columns = np.flatnonzero(image.max(axis=(0, 2)) > 128)
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(50, abs=3)
    assert 20 <= columns[0] <= 28
