"""Mel spectrograms for people to look at: constants and matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE

WINDOW = 800  # 50 ms: long enough to tell the harmonics of a voice apart
HOP = 160  # 10 ms
FFT = 1024
MELS = 64
LOWEST_HZ = 50.0
HIGHEST_HZ = 7_600.0


def hz_to_mel(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Frequency to mel after O'Shaughnessy (1987), the HTK formula."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0), np.float64)


def mel_to_hz(mel: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Inverse of :func:`hz_to_mel`."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0), np.float64)


def mel_matrix() -> NDArray[np.float32]:
    """Triangular mel filters ``(513, 64)`` over the power spectrum, peaks of 1."""
    edges = mel_to_hz(np.linspace(hz_to_mel(LOWEST_HZ), hz_to_mel(HIGHEST_HZ), MELS + 2))
    bins = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


def fourier_matrix() -> NDArray[np.float32]:
    """Windowed Fourier basis ``(2 * 513, 800)``: cosines, then sines, under a Hann window.

    A convolution of the waveform with its rows at a hop of 160 is the short-time Fourier transform
    of 50 ms windows padded to 1024 samples.
    """
    time = np.arange(WINDOW)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * time / WINDOW)
    phase = 2 * np.pi * np.outer(np.arange(FFT // 2 + 1), time) / FFT
    basis = np.concatenate([np.cos(phase), -np.sin(phase)]) * window
    return basis.astype(np.float32)
