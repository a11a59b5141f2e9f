"""The log-spectral front end: constants and matrices that training puts inside the exported graph.

Only matrices live here, made with numpy; the graph applies them, so that training and use cannot
differ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE

WINDOW = 800  # 50 ms: long enough to tell the harmonics of a voice apart
HOP = 160  # 10 ms
FFT = 1024
MELS = 64
FIRST_LOW_BIN = 4  # 62 Hz
LOW_BINS = 64  # up to 1047 Hz, where pitch and its harmonics stand
BANDS = MELS + LOW_BINS
HEARD_BINS = 488  # an even number; no band reaches further
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


def band_matrix() -> NDArray[np.float32]:
    """The mel filters and, beside them, the single low bins: ``(513, 128)``.

    Mel bands show the shape of the spectrum; they are too wide for pitch, which the low bins show.
    """
    low = np.zeros((FFT // 2 + 1, LOW_BINS), np.float32)
    low[FIRST_LOW_BIN + np.arange(LOW_BINS), np.arange(LOW_BINS)] = 1.0
    return np.concatenate([mel_matrix(), low], axis=1)


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


def half_window() -> NDArray[np.float32]:
    """The Hann window from its middle on, ``(400,)``.

    Its first value is halved: frames folded about their middle hold that sample twice.
    """
    window = 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(WINDOW // 2) / WINDOW)
    window[0] /= 2
    return window.astype(np.float32)


def folded_matrices() -> NDArray[np.float32]:
    """The Fourier basis with its symmetries used up, ``(4, 257, 244)``: a third of the work.

    About the middle of a window cosines are even and sines odd, and about a quarter of the 1024
    samples so are even and odd bins. Samples that meet the same factor are therefore added or
    subtracted before they are multiplied. In order: cosines of the even bins below
    :data:`HEARD_BINS`, cosines of the odd ones, sines of the even, sines of the odd. Phases count
    from the window's middle: powers are those of :func:`fourier_matrix`, phases are not.
    """
    phase = 2 * np.pi * np.outer(np.arange(FFT // 4 + 1), np.arange(HEARD_BINS)) / FFT
    even, odd = phase[:, ::2], phase[:, 1::2]
    return np.stack([np.cos(even), np.cos(odd), np.sin(even), np.sin(odd)]).astype(np.float32)
