"""Quality curves: how far a model's answers can be trusted where faces shrink and voices drown."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from emoscope.face.crop import crop_faces
from emoscope.face.detect import FaceDetector
from emoscope.fusion.pool import FLOOR
from emoscope.fusion.quality import Curve
from emoscope.media import SAMPLE_RATE
from emoscope.training.fusion.readings import Readings

SIZES_PX = (6, 8, 12, 16, 24, 32)
BLURS_PX = (0.6, 1.0, 1.5, 2.5, 4.0)
SECONDS = (0.25, 0.5, 0.75, 1.0, 1.5)
NOISES_DB = (20.0, 10.0, 5.0, 0.0, -5.0)
_LEAST_IN_BIN = 40
_SCENE_PX = 120
_MOST_TRUST = 4.0


def shrunk(crops: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Crops ``(n, side, side)`` as a camera sees a smaller face: averaged to ``size``, enlarged."""
    side = crops.shape[1]
    small = [cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) for crop in crops]
    return np.stack([cv2.resize(c, (side, side), interpolation=cv2.INTER_LINEAR) for c in small])


def blurred(crops: NDArray[np.uint8], sigma_px: float) -> NDArray[np.uint8]:
    """Crops ``(n, side, side)`` out of focus: a Gaussian blur."""
    return np.stack([cv2.GaussianBlur(crop, (0, 0), sigma_px) for crop in crops])


def detected(
    detector: FaceDetector, crops: NDArray[np.uint8], size: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]:
    """Crops ``(n, side, side)`` put into pictures, found there, and cut out as in use.

    Every second face is turned by up to 40 degrees, every third one blurred: a detector scores
    what it seldom sees low.

    Returns:
        Which were found ``(m,)``, the scores ``(m,)`` of their surest boxes, and the crops
        ``(m, size, size)``.
    """
    found: list[int] = []
    scores: list[float] = []
    cuts: list[NDArray[np.uint8]] = []
    rng = np.random.default_rng(0)
    for number, crop in enumerate(crops):
        picture = np.pad(cv2.resize(crop, (_SCENE_PX, _SCENE_PX)), _SCENE_PX // 3, mode="edge")
        if number % 2:
            middle = (picture.shape[1] / 2, picture.shape[0] / 2)
            turn = cv2.getRotationMatrix2D(middle, float(rng.uniform(-40, 40)), 1.0)
            picture = cv2.warpAffine(
                picture, turn, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE
            )
        if number % 3 == 0:
            picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(1, 6)))
        image = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB).astype(np.uint8)
        boxes = detector.detect(image)
        if boxes:
            found.append(number)
            scores.append(boxes[0].score)
            cuts.append(crop_faces(image, [boxes[0].box_xyxy], detector.name, size)[0])
    empty = np.zeros((0, size, size), np.uint8)
    return np.array(found, np.int64), np.array(scores), np.stack(cuts) if cuts else empty


def cut(waveform: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
    """The middle of a stretch ``(time,)`` at 16 kHz."""
    length = min(len(waveform), round(seconds * SAMPLE_RATE))
    start = (len(waveform) - length) // 2
    return waveform[start : start + length]


def noisy(waveform: NDArray[np.float32], snr_db: float, seed: int) -> NDArray[np.float32]:
    """A stretch ``(time,)`` with white noise under it, ``snr_db`` below its mean power."""
    rng = np.random.default_rng(seed)
    level = math.sqrt(float(np.mean(np.square(waveform))) * 10 ** (-snr_db / 10))
    return waveform + (level * rng.standard_normal(len(waveform))).astype(np.float32)


def trust(
    probs: NDArray[np.float64], truth: NDArray[np.int64], prior: NDArray[np.float64]
) -> float:
    """The exponent at which answers fit best: 1 as they are, 0 not better than the prior.

    Args:
        probs: ``(n, 7)``.
        truth: ``(n,)``.
        prior: ``(7,)``, where an answer goes that is not trusted at all.
    """
    logs, base = np.log(np.maximum(probs, FLOOR)), np.log(np.maximum(prior, FLOOR))
    rows = np.arange(len(truth))

    def cost(exponent: float) -> float:
        z = base + exponent * (logs - base)
        top = z.max(1)
        total = np.log(np.exp(z - top[:, None]).sum(1)) + top
        return float((total - z[rows, truth]).mean())

    found = minimize_scalar(cost, bounds=(0.0, _MOST_TRUST), method="bounded")
    return float(found.x)


def fit_curve(
    measure: NDArray[np.float64], readings: Readings, prior: NDArray[np.float64], bins: int = 8
) -> Curve:
    """A quality curve over bins of equal counts (items with the same measure stay together).

    Args:
        measure: ``(n,)``.
        readings: the answers that it belongs to.
        prior: ``(7,)``.
        bins: at most this many.
    """
    edges = np.unique(np.quantile(measure, np.linspace(0, 1, bins + 1)[1:-1]))
    return _curve(measure, np.searchsorted(edges, measure, side="left"), readings, prior)


def fit_levels(
    measure: NDArray[np.float64], readings: Readings, prior: NDArray[np.float64]
) -> Curve:
    """A quality curve with a point for each value of the measure; args as for :func:`fit_curve`."""
    return _curve(measure, np.unique(measure, return_inverse=True)[1], readings, prior)


def _curve(
    measure: NDArray[np.float64],
    place: NDArray[np.int64],
    readings: Readings,
    prior: NDArray[np.float64],
) -> Curve:
    """Trust by the bin, made never to fall, relative to its best.

    Neighbours whose trust falls are pooled (Ayer et al., 1955).
    """
    blocks: list[tuple[float, float, int]] = []  # middle of the measure, trust, items
    for number in np.unique(place).tolist():
        rows = np.flatnonzero(place == number)
        if len(rows) >= _LEAST_IN_BIN:
            value = trust(readings.probs[rows], readings.truth[rows], prior)
            blocks.append((float(np.median(measure[rows])), value, len(rows)))
    if not blocks:
        return Curve(((0.0, 1.0),))
    rising = never_falling([b[1] for b in blocks], [float(b[2]) for b in blocks])
    best = max(rising[-1], 1e-9)
    points: dict[float, float] = {}
    for (x, _, _), y in zip(blocks, rising, strict=True):
        points[round(x, 4)] = round(min(max(y / best, 0.0), 1.0), 4)
    return Curve(tuple(points.items()))


def never_falling(values: list[float], weights: list[float]) -> list[float]:
    """The nearest sequence that never falls, in weighted squares: pool adjacent violators."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m, i), (b, n, j) = pools[-2], pools[-1]
            pools[-2:] = [((a * m + b * n) / (m + n), m + n, i + j)]
    return [value for value, _, count in pools for _ in range(count)]
