"""Statistics of a stretch of speech, as classical classifiers hear it.

Mel-frequency cepstral coefficients (Davis and Mermelstein, 1980) and pitch by probabilistic YIN
(Mauch and Dixon, 2014), both by librosa, which comes with an extra. They are computed outside the
model's graph, so a model names what it learnt from and :func:`statistics_of` finds it again;
whatever changes the numbers gets a new name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope._optional import require
from emoscope.errors import ModelIntegrityError
from emoscope.media import SAMPLE_RATE

NAME = "mfcc-pitch-statistics/1"

COEFFICIENTS = 20
MELS = 40
WINDOW = 512  # 32 ms
HOP = 160  # 10 ms
PITCH_WINDOW = 1024  # 64 ms: four periods of the lowest voice
PITCH_HOP = 320
LOWEST_HZ = 65.0
HIGHEST_HZ = 600.0
REFERENCE_HZ = 100.0

_PITCH = ("mean", "deviation", "range", "slope", "voiced", "movement")
FEATURES: tuple[str, ...] = (
    *(f"mfcc{n} mean" for n in range(COEFFICIENTS)),
    *(f"mfcc{n} deviation" for n in range(COEFFICIENTS)),
    *(f"mfcc{n} delta deviation" for n in range(COEFFICIENTS)),
    *(f"pitch {name}" for name in _PITCH),
)

Statistics = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def speech_statistics(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """What :data:`FEATURES` names, of one stretch of speech.

    The level is set to an RMS of 1 first, so gain is no cue. Pitch is in octaves above 100 Hz over
    the voiced frames: its mean, standard deviation, range (from the 10th to the 90th percentile),
    slope (octaves a second) and mean movement (octaves a second, up or down); ``voiced`` is the
    share of voiced frames. Without voiced frames all six are 0.

    Args:
        waveform: ``(time,)`` float32 at 16 kHz, at least one sample.

    Returns:
        ``(66,)`` float32, finite.

    Raises:
        MissingExtraError: librosa is not installed.
    """
    librosa = require("librosa", extra="pitch")
    level = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
    speech = np.zeros(max(len(waveform), PITCH_WINDOW), np.float32)  # at least one window
    if level > 1e-9:
        speech[: len(waveform)] = waveform / np.float32(level)
    return np.concatenate([_cepstrum(librosa, speech), _pitch(librosa, speech)])


def statistics_of(name: object, width: int | None) -> Statistics:
    """What computes the features that a model file names.

    Args:
        name: of the features.
        width: how many of them the model's graph takes.

    Raises:
        ModelIntegrityError: this version of emoscope has none of that name and width.
        MissingExtraError: librosa is not installed.
    """
    if name != NAME or width != len(FEATURES):
        raise ModelIntegrityError(
            f"the model wants {width} features {name!r}, known here are {len(FEATURES)} features "
            f"{NAME!r}; update emoscope: pip install -U emoscope"
        )
    require("librosa", extra="pitch")
    return speech_statistics


def _cepstrum(librosa: Any, speech: NDArray[np.float32]) -> NDArray[np.float32]:
    mfcc = librosa.feature.mfcc(
        y=speech, sr=SAMPLE_RATE, n_mfcc=COEFFICIENTS, n_fft=WINDOW, hop_length=HOP, n_mels=MELS
    )
    # "nearest": clips shorter than the slope's nine frames have deltas too.
    delta = librosa.feature.delta(mfcc, mode="nearest")
    return np.concatenate([mfcc.mean(1), mfcc.std(1), delta.std(1)]).astype(np.float32)


def _pitch(librosa: Any, speech: NDArray[np.float32]) -> NDArray[np.float32]:
    # Fifths of a semitone and half of the usual thresholds: a fifth of the time.
    hz, voiced, _ = librosa.pyin(
        speech,
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        sr=SAMPLE_RATE,
        frame_length=PITCH_WINDOW,
        hop_length=PITCH_HOP,
        resolution=0.2,
        n_thresholds=50,
    )
    if not voiced.any():
        return np.zeros(len(_PITCH), np.float32)
    octaves = np.log2(np.where(voiced, hz, REFERENCE_HZ) / REFERENCE_HZ)
    heard = octaves[voiced]
    time_s = np.flatnonzero(voiced) * PITCH_HOP / SAMPLE_RATE
    away = time_s - time_s.mean()
    slope = (away * heard).sum() / max(float(np.square(away).sum()), 1e-9)
    neighbours = voiced[1:] & voiced[:-1]
    steps = np.abs(np.diff(octaves))[neighbours]
    return np.array(
        [
            heard.mean(),
            heard.std(),
            np.quantile(heard, 0.9) - np.quantile(heard, 0.1),
            slope,
            voiced.mean(),
            steps.mean() * SAMPLE_RATE / PITCH_HOP if steps.size else 0.0,
        ],
        np.float32,
    )
