"""The front end's matrices against scipy and against their own definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import get_window, stft

from emoscope.media import SAMPLE_RATE
from emoscope.voice import features


def test_the_fourier_matrix_is_a_short_time_fourier_transform() -> None:
    wave = np.random.default_rng(0).standard_normal(4_000).astype(np.float32)
    starts = range(0, len(wave) - features.WINDOW + 1, features.HOP)
    ours = np.stack([features.fourier_matrix() @ wave[s : s + features.WINDOW] for s in starts], 1)
    bins = features.FFT // 2 + 1
    window = get_window("hann", features.WINDOW)
    _, _, theirs = stft(
        wave, window=window, nperseg=features.WINDOW, nfft=features.FFT, boundary=None,
        noverlap=features.WINDOW - features.HOP, padded=False, scaling="spectrum",
    )  # fmt: skip
    theirs = theirs * window.sum()
    np.testing.assert_allclose(ours[:bins], theirs.real, atol=2e-3)
    np.testing.assert_allclose(ours[bins:], theirs.imag, atol=2e-3)


@given(st.floats(20, 8_000))
def test_mel_and_back(hz: float) -> None:
    assert features.mel_to_hz(features.hz_to_mel(hz)) == pytest.approx(hz)


def test_mel_is_a_thousand_at_a_kilohertz() -> None:
    assert features.hz_to_mel(1_000.0) == pytest.approx(1_000.0, abs=0.1)


def test_each_mel_filter_is_a_triangle_about_its_centre() -> None:
    matrix = features.mel_matrix()
    bins = np.arange(features.FFT // 2 + 1) * SAMPLE_RATE / features.FFT
    assert matrix.shape == (513, 64)
    assert matrix.min() >= 0
    assert matrix.max() <= 1
    assert (matrix.max(0) > 0.4).all()
    heard = bins[matrix.any(1)]
    assert heard.min() >= features.LOWEST_HZ
    assert heard.max() <= features.HIGHEST_HZ
    centres = bins[matrix.argmax(0)]
    assert (np.diff(centres) > 0).all()


def test_the_low_bins_stand_alone() -> None:
    low = features.band_matrix()[:, features.MELS :]
    assert low.shape == (513, 64)
    np.testing.assert_array_equal(low.sum(0), 1.0)
    np.testing.assert_array_equal(low.argmax(0), np.arange(4, 68))
