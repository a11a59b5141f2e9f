"""Made sounds for the speech gates, all seeded, and the gates themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.voice.activity import Span, SpeechGate

RATE = 16_000


@pytest.fixture(scope="session")
def coloured_noise() -> Callable[..., NDArray[np.float32]]:
    """Noise whose power falls with frequency to the given exponent (0 white, 1 pink, 2 brown)."""

    def make(exponent: float, seconds: float, seed: int) -> NDArray[np.float32]:
        size = int(seconds * RATE)
        spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(size))
        hz = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 20.0)
        noise = np.fft.irfft(spectrum * hz ** (-exponent / 2), size)
        return (noise / noise.std()).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def hum() -> Callable[..., NDArray[np.float32]]:
    """Mains hum with falling harmonics of random phase."""

    def make(base_hz: float, seconds: float, seed: int, harmonics: int = 12) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        time = np.arange(int(seconds * RATE)) / RATE
        sound = np.zeros(time.size)
        for order in range(1, harmonics + 1):
            level = rng.uniform(0.3, 1.0) / order
            sound += level * np.sin(2 * np.pi * base_hz * order * time + rng.uniform(0, 6.3))
        return (sound / sound.std()).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def babbler() -> Callable[..., NDArray[np.float32]]:
    """Speech-like sound: glottal pulses of gliding pitch through moving formants, by syllables.

    Fricative noise stands between the syllables. Source-filter synthesis with second-order
    resonators (Klatt 1980), nothing of the gate's own code.
    """

    def make(seconds: float, seed: int, pitch_hz: float = 120.0) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        vowels = np.array(
            [[700, 1200, 2500], [300, 2200, 3000], [350, 800, 2300], [500, 1800, 2500]]
        )
        pieces: list[NDArray[np.float64]] = []
        total, phase = 0, 0.0
        while total < seconds * RATE:
            length = int(RATE * rng.uniform(0.12, 0.25))
            time = np.linspace(0, 1, length)
            pitch = pitch_hz * 2 ** (rng.uniform(-0.3, 0.3) + rng.uniform(-0.3, 0.3) * time)
            turns = phase + np.cumsum(pitch) / RATE
            phase = float(turns[-1] % 1)
            voice = np.diff(np.floor(turns), prepend=0.0) - pitch / RATE
            first, second = vowels[rng.integers(4)], vowels[rng.integers(4)]
            for formant in range(3):
                voice = _resonate(voice, np.linspace(first[formant], second[formant], length))
            pieces.append(voice / (np.abs(voice).max() + 1e-9) * np.sin(np.pi * time) ** 0.5)
            rest = int(RATE * rng.uniform(0.03, 0.09))
            hiss = np.diff(rng.standard_normal(rest + 1)) * 0.04
            pieces.append(hiss * np.hanning(rest))
            total += length + rest
        return np.concatenate(pieces)[: int(seconds * RATE)].astype(np.float32)

    return make


def _resonate(source: NDArray[np.float64], centre_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    radius = np.exp(-np.pi * 90 / RATE)
    turn = 2 * radius * np.cos(2 * np.pi * centre_hz / RATE)
    out = np.zeros(source.size + 2)
    for i in range(source.size):
        out[i + 2] = source[i] + turn[i] * out[i + 1] - radius**2 * out[i]
    return out[2:]


@pytest.fixture(scope="session")
def run_gate() -> Callable[[SpeechGate, NDArray[np.float32], int], list[Span]]:
    """All spans of a recording, pushed in chunks of one size."""

    def run(gate: SpeechGate, waveform: NDArray[np.float32], chunk: int = 8000) -> list[Span]:
        spans: list[Span] = []
        for first in range(0, waveform.size, chunk):
            spans += gate.push(waveform[first : first + chunk])
        return spans + gate.flush()

    return run
