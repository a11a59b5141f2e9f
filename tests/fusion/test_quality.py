"""Quality: bounded, never falling, and about what it says it is about."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emoscope.fusion.quality import (
    Curve,
    all_present,
    count_words,
    quality,
    sharpness,
    signal_to_noise_db,
)

anything = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    x = draw(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6, unique=True))
    y = draw(st.lists(st.floats(0, 1), min_size=len(x), max_size=len(x)))
    return Curve(tuple(zip(sorted(x), sorted(y), strict=True)))


@given(curves(), anything)
def test_a_curve_stays_within_bounds_whatever_is_measured(curve: Curve, measure: float) -> None:
    assert 0.0 <= curve(measure) <= 1.0


@given(curves(), st.floats(-2e3, 2e3), st.floats(0, 1e3))
def test_a_curve_never_falls(curve: Curve, measure: float, more: float) -> None:
    assert curve(measure + more) >= curve(measure) - 1e-12


def test_a_curve_goes_straight_between_its_points_and_flat_beyond() -> None:
    curve = Curve(((10.0, 0.2), (20.0, 0.6)))
    assert [curve(x) for x in (-math.inf, 10, 15, 20, math.inf)] == pytest.approx(
        [0.2, 0.2, 0.4, 0.6, 0.6]
    )
    assert curve(math.nan) == 0.0


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ((), "at least one"),
        (((1.0, 0.5), (1.0, 0.6)), "rising"),
        (((1.0, 0.5), (2.0, 0.4)), "never fall"),
        (((1.0, -0.1),), "within"),
        (((1.0, 1.1),), "within"),
        (((math.nan, 0.5),), "finite"),
    ],
)
def test_curves_that_are_none_are_refused(
    points: tuple[tuple[float, float], ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Curve(points)


def test_the_worst_measure_decides_and_unknown_ones_say_nothing() -> None:
    linear = Curve(((0.0, 0.0), (1.0, 1.0)))
    known = {"size_px": linear, "sharpness": linear}
    assert quality(known, {"size_px": 0.8, "sharpness": 0.3, "other": 0.0}) == pytest.approx(0.3)
    assert quality(known, {"other": 0.0}) == 1.0
    assert quality(known, {"size_px": math.nan}) == 0.0


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48)).astype(np.uint8)


def test_blur_lowers_sharpness_and_contrast_does_not() -> None:
    import cv2

    crop = cv2.GaussianBlur(picture(), (0, 0), 1.0)
    found = [sharpness(cv2.GaussianBlur(crop, (0, 0), sigma)) for sigma in (0.5, 1.0, 2.0, 4.0)]
    assert sharpness(crop) > found[0] > found[1] > found[2] > found[3] > 0
    faint = (crop.astype(np.float64) * 0.4 + 60).astype(np.uint8)
    assert sharpness(faint) == pytest.approx(sharpness(crop), rel=0.15)
    assert sharpness(picture()) == pytest.approx(20, rel=0.15)


@pytest.mark.parametrize("shape", [(48, 48), (1, 1), (2, 9)])
def test_an_even_or_tiny_crop_is_not_sharp(shape: tuple[int, int]) -> None:
    assert sharpness(np.full(shape, 200, np.uint8)) == 0.0


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0, 30.0])
def test_noise_under_bursts_is_measured(snr_db: float) -> None:
    rng = np.random.default_rng(1)
    time = np.arange(16_000) / 16_000
    bursts = np.sin(2 * np.pi * 200 * time) * (time % 0.5 < 0.4)
    level = math.sqrt(np.mean(bursts**2) * 10 ** (-snr_db / 10))
    waveform = (bursts + level * rng.standard_normal(len(time))).astype(np.float32)
    assert signal_to_noise_db(waveform) == pytest.approx(snr_db, abs=2.0)
    assert signal_to_noise_db(waveform * np.float32(0.01)) == pytest.approx(
        signal_to_noise_db(waveform), abs=0.1
    )


@given(
    arrays(
        np.float32,
        st.integers(0, 2000),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    )
)
def test_any_waveform_has_a_ratio_within_bounds(waveform: np.ndarray) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        assert -10.0 <= signal_to_noise_db(waveform) <= 60.0


def test_silence_and_scraps_are_the_worst() -> None:
    assert signal_to_noise_db(np.zeros(16_000, np.float32)) == -10.0
    assert signal_to_noise_db(np.ones(100, np.float32)) == -10.0


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("  \n", 0), ("ask not, what!", 3), ("… — !", 0), ("مرحبا بك", 2)]
)
def test_words_are_counted(text: str, count: int) -> None:
    assert count_words(text) == count


def test_modalities_have_one_order() -> None:
    assert all_present(["words", "face"]) == ("face", "words")
    with pytest.raises(ValueError, match="gait"):
        all_present(["gait"])
