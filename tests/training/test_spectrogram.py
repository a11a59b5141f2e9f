"""The spectrogram's matrices against scipy and against their own definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import get_window, stft

from emoscope.media import SAMPLE_RATE
from emoscope.training import spectrogram


def test_the_fourier_matrix_is_a_short_time_fourier_transform() -> None:
    wave = np.random.default_rng(0).standard_normal(4_000).astype(np.float32)
    starts = range(0, len(wave) - spectrogram.WINDOW + 1, spectrogram.HOP)
    ours = np.stack(
        [spectrogram.fourier_matrix() @ wave[s : s + spectrogram.WINDOW] for s in starts], 1
    )
    bins = spectrogram.FFT // 2 + 1
    window = get_window("hann", spectrogram.WINDOW)
    _, _, theirs = stft(
        wave, window=window, nperseg=spectrogram.WINDOW, nfft=spectrogram.FFT, boundary=None,
        noverlap=spectrogram.WINDOW - spectrogram.HOP, padded=False, scaling="spectrum",
    )  # fmt: skip
    theirs = theirs * window.sum()
    np.testing.assert_allclose(ours[:bins], theirs.real, atol=2e-3)
    np.testing.assert_allclose(ours[bins:], theirs.imag, atol=2e-3)


@given(st.floats(20, 8_000))
def test_mel_and_back(hz: float) -> None:
    assert spectrogram.mel_to_hz(spectrogram.hz_to_mel(hz)) == pytest.approx(hz)


def test_mel_is_a_thousand_at_a_kilohertz() -> None:
    assert spectrogram.hz_to_mel(1_000.0) == pytest.approx(1_000.0, abs=0.1)


def test_each_mel_filter_is_a_triangle_about_its_centre() -> None:
    matrix = spectrogram.mel_matrix()
    bins = np.arange(spectrogram.FFT // 2 + 1) * SAMPLE_RATE / spectrogram.FFT
    assert matrix.shape == (513, 64)
    assert matrix.min() >= 0
    assert matrix.max() <= 1
    assert (matrix.max(0) > 0.4).all()
    heard = bins[matrix.any(1)]
    assert heard.min() >= spectrogram.LOWEST_HZ
    assert heard.max() <= spectrogram.HIGHEST_HZ
    centres = bins[matrix.argmax(0)]
    assert (np.diff(centres) > 0).all()
