"""What the light gate looks at: 29 numbers per 32 ms, from two overlapping frames.

Every number but the band energies is independent of the level; the gate normalises the energies
over the stretch that it looks at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE

Floats = NDArray[np.float32]

STEP = 512
HOP = 256
WINDOW = 640
OVERLAP = WINDOW - HOP
BANDS = 24
TRAITS = 5
WIDTH = BANDS + TRAITS
STILL_FRAMES = 4
FLATNESS_RANGE_LOG10 = 5.0

_FFT = 768
_TINY = 1e-13
# Only 60 to 1400 Hz enter the autocorrelation, so half the rate is fine enough for its lags.
_PITCH_BINS = slice(3, 67)
_PITCH_RATE = SAMPLE_RATE // 2
_PITCH_FFT = _FFT // 2
_PITCH_LAGS = slice(_PITCH_RATE // 400, _PITCH_RATE // 65)
# Multiples of the period fit as well as the period itself: prefer the shorter.
_OCTAVE_COST = 1.0 - 0.04 * np.log2(np.arange(_PITCH_LAGS.start, _PITCH_LAGS.stop) / 20)
_TONE_BINS = slice(2, 192)  # 40 to 4000 Hz


def _mel_bands(low_hz: float = 60.0, high_hz: float = 7600.0) -> Floats:
    """Triangular bands, shape ``(bins, BANDS)``, evenly spaced on the mel scale, each of sum 1."""
    mel = np.linspace(
        2595 * np.log10(1 + low_hz / 700), 2595 * np.log10(1 + high_hz / 700), BANDS + 2
    )
    edges = 700 * (10 ** (mel / 2595) - 1)
    bins = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = np.clip(np.minimum(rising, falling), 0.0, None)
    return np.asarray(bank / bank.sum(axis=0), dtype=np.float32)


_HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
_BANDS = _mel_bands()
_HANN_CORRELATION = np.fft.irfft(np.abs(np.fft.rfft(_HANN, 2 * WINDOW)) ** 2)[:WINDOW:2]
_HANN_CORRELATION = _HANN_CORRELATION / _HANN_CORRELATION[0]


class LightFeatures:
    """Streams blocks of samples into features; holds 24 ms of sound and four spectra."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Digital silence before the start."""
        self._sound = np.zeros(OVERLAP, dtype=np.float32)
        self._spectra = np.zeros((STILL_FRAMES, _FFT // 2 + 1), dtype=np.float32)

    def push(self, block: Floats) -> Floats:
        """Features of the block's steps.

        Args:
            block: ``(steps * 512,)`` samples at 16 kHz.

        Returns:
            ``(steps, 29)``: 24 log10 band energies, then voicing (peak of the normalised
            autocorrelation between 65 and 400 Hz, after Boersma 1993), its pitch in octaves
            over 65 Hz, stillness (cosine of a magnitude spectrum with that of 64 ms before),
            flatness (log10 of geometric over arithmetic mean of the bands' energies), peak
            share (how much of the power below 4 kHz its strongest bin holds).
        """
        sound = np.concatenate([self._sound, block])
        self._sound = sound[-OVERLAP:].copy()
        frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
        padded = np.zeros((len(frames), _FFT))
        padded[:, :WINDOW] = (frames - frames.mean(axis=1, keepdims=True)) * _HANN
        spectrum = np.fft.rfft(padded, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        power /= WINDOW

        bands = power @ _BANDS
        rows = np.empty((len(frames), WIDTH), dtype=np.float32)
        rows[:, :BANDS] = np.log10(bands + _TINY)
        rows[:, BANDS], rows[:, BANDS + 1] = _pitch(power)
        rows[:, BANDS + 2] = self._stillness(np.sqrt(power))
        # The floor keeps the level, and the accuracy of the arithmetic, out of the flatness.
        loudest = rows[:, :BANDS].max(axis=1, keepdims=True)
        floored = np.maximum(rows[:, :BANDS], loudest - FLATNESS_RANGE_LOG10)
        rows[:, BANDS + 3] = floored.mean(axis=1) - np.log10(bands.mean(axis=1) + _TINY)
        tonal = power[:, _TONE_BINS]
        rows[:, BANDS + 4] = tonal.max(axis=1) / (tonal.sum(axis=1) + _TINY)
        steps: Floats = (rows[::2] + rows[1::2]) * np.float32(0.5)
        return steps

    def _stillness(self, spectra: Floats) -> Floats:
        extended = np.concatenate([self._spectra, spectra])
        self._spectra = extended[-STILL_FRAMES:].copy()
        before = extended[:-STILL_FRAMES]
        norms = np.sqrt(np.einsum("fb,fb->f", extended, extended))
        alike = np.einsum("fb,fb->f", before, spectra)
        cosines: Floats = alike / (norms[:-STILL_FRAMES] * norms[STILL_FRAMES:] + _TINY)
        return cosines


def _pitch(power: Floats) -> tuple[Floats, Floats]:
    low = np.zeros((len(power), _PITCH_FFT // 2 + 1))
    low[:, _PITCH_BINS] = power[:, _PITCH_BINS]
    correlation = np.fft.irfft(low, axis=1)
    ratio = correlation[:, _PITCH_LAGS] / _HANN_CORRELATION[_PITCH_LAGS]
    best = (ratio * _OCTAVE_COST).argmax(axis=1)
    peak = ratio[np.arange(len(ratio)), best] / (correlation[:, 0] + _TINY)
    octaves = np.log2(_PITCH_RATE / 65 / (best + _PITCH_LAGS.start))
    return np.clip(peak, 0.0, 1.0).astype(np.float32), octaves.astype(np.float32)
