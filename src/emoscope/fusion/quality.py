"""How far a reading can be trusted: from what was measured of it to a quality within [0, 1].

A quality of 1 is that of a good reading, 0 takes no part. Several measures of one reading give the
least of their qualities, so that a face that is small, and therefore blurred, pays once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

MODALITIES: tuple[str, ...] = ("face", "voice", "words")

MEASURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "face": ("yunet_score", "haar_score", "size_px", "sharpness"),
        "voice": ("voiced_s", "snr_db"),
        "words": ("words",),
    }
)
"""What is measured of a reading of each modality. Detectors score each in a way of their own.

``size_px``: side of the square that was cut out of the picture. ``sharpness``, ``snr_db``: see
:func:`sharpness`, :func:`signal_to_noise_db`. ``words``: see :func:`count_words`.
"""

LEAST_SNR_DB, MOST_SNR_DB = -10.0, 60.0
_WINDOW = 320  # samples: 20 ms at 16 kHz
_FLOOR_SHARE = 0.1


@dataclass(frozen=True)
class Curve:
    """A measure to a quality: straight between its points, flat beyond them, never falling.

    Attributes:
        points: ``(measure, quality)`` by rising measure; qualities within [0, 1].

    Raises:
        ValueError: no points, or points that are not finite, fall, or leave [0, 1].
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("a quality curve needs at least one point")
        x, y = self._x, self._y
        if not all(map(math.isfinite, (*x, *y))):
            raise ValueError(f"expected finite points, got {self.points}")
        if any(a >= b for a, b in pairwise(x)):
            raise ValueError(f"expected rising measures, got {x}")
        falls = any(a > b for a, b in pairwise(y))
        if falls or y[0] < 0 or y[-1] > 1:
            raise ValueError(f"expected qualities within [0, 1] that never fall, got {y}")

    @property
    def _x(self) -> tuple[float, ...]:
        return tuple(x for x, _ in self.points)

    @property
    def _y(self) -> tuple[float, ...]:
        return tuple(y for _, y in self.points)

    def __call__(self, measure: float) -> float:
        """The quality of a measure; 0 where it is not a number."""
        if math.isnan(measure):
            return 0.0
        return float(np.interp(measure, self._x, self._y))


def quality(curves: Mapping[str, Curve], measures: Mapping[str, float]) -> float:
    """The least of the qualities of one reading's measures.

    Args:
        curves: per measure; a measure without a curve says nothing.
        measures: what was measured; one that is missing says nothing, one that is not a number
            takes the reading out (0).

    Returns:
        Within [0, 1]; 1 where nothing was measured.
    """
    found = [curves[name](value) for name, value in measures.items() if name in curves]
    return min(found, default=1.0)


def sharpness(crop: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of a grey crop at unit contrast (after Pech-Pacheco et al., 2000).

    The crop is brought to a deviation of 1 first, as the face network does, so that light and
    contrast are no sharpness.

    Args:
        crop: ``(height, width)`` uint8.

    Returns:
        0 for an even crop or one below 3×3, about 20 for noise.

    Raises:
        ValueError: another shape.
    """
    if crop.ndim != 2:
        raise ValueError(f"expected a grey crop, got {crop.shape}")
    if min(crop.shape) < 3:
        return 0.0
    x = crop.astype(np.float64)
    spread = float(x.var())
    if spread < 1e-6:
        return 0.0
    inner = x[1:-1, 1:-1]
    laplacian = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] - 4 * inner
    return float(laplacian.var()) / spread


def signal_to_noise_db(waveform: NDArray[np.float32]) -> float:
    """How far the loud part of a stretch of speech stands above its quiet part, in decibels.

    The power of the quietest tenth of the 20 ms windows counts as noise, the mean power above it
    as signal: an estimate without a reference, which takes a stretch without any pause as noisy.

    Args:
        waveform: ``(time,)`` at 16 kHz.

    Returns:
        Within [-10, 60]; -10 for silence, and where the stretch is shorter than two windows or
        holds numbers that are not finite.
    """
    count = len(waveform) // _WINDOW
    if count < 2:
        return LEAST_SNR_DB
    windows = waveform[: count * _WINDOW].astype(np.float64).reshape(count, _WINDOW)
    power = np.square(windows).mean(1)
    if not np.isfinite(power).all() or not power.any():
        return LEAST_SNR_DB
    noise = float(np.quantile(power, _FLOOR_SHARE))
    signal = float(power.mean()) - noise
    least, most = 10 ** (LEAST_SNR_DB / 10), 10 ** (MOST_SNR_DB / 10)
    ratio = most if noise <= 0 else min(max(signal / noise, least), most)
    return 10 * math.log10(ratio)


def count_words(text: str) -> int:
    """How many words a text has: stretches without white space that hold a letter or digit."""
    return sum(any(map(str.isalnum, part)) for part in text.split())


def all_present(names: Sequence[str]) -> tuple[str, ...]:
    """Names of modalities in their standard order.

    Raises:
        ValueError: one is unknown.
    """
    unknown = set(names) - set(MODALITIES)
    if unknown:
        raise ValueError(f"unknown modalities {sorted(unknown)}; there are {MODALITIES}")
    return tuple(name for name in MODALITIES if name in names)
