"""What the word model is worth: figures with 95% bootstrap intervals over comments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from emoscope.training.texts.corpus import EMOTIONS, Bools, Floats, Ints

RESAMPLES = 1000
BINS = 15

Doubles = NDArray[np.float64]


def best_thresholds(labels: Floats, probs: Floats) -> Doubles:
    """For each emotion the threshold of the highest F1, between two neighbouring values."""
    chosen = np.zeros(labels.shape[1])
    for emotion in range(labels.shape[1]):
        order = np.argsort(-probs[:, emotion], kind="stable")
        values = probs[order, emotion].astype(np.float64)
        hits = np.cumsum(labels[order, emotion])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + labels[:, emotion].sum())
        best = int(f1.argmax())
        chosen[emotion] = values[best : best + 2].mean()
    return chosen


def f1_each(labels: NDArray[np.bool_], said: NDArray[np.bool_]) -> Doubles:
    """F1 of each column; 0 where nothing was there and nothing said."""
    hits = (labels & said).sum(axis=0)
    return np.asarray(2 * hits / np.maximum(labels.sum(axis=0) + said.sum(axis=0), 1))


def calibration_error(confidence: Doubles, right: NDArray[np.bool_]) -> float:
    """Expected calibration error over :data:`BINS` equal bins (Guo et al., 2017)."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(place, right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


@dataclass(frozen=True)
class Figure:
    """A figure with the ends of its 95% interval and the number of comments."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] (n = {self.n})"


def figure(of: Callable[[NDArray[np.int64]], float], n: int) -> Figure:
    """``of(rows)`` on all rows, and its percentiles over resampled rows."""
    chance = np.random.default_rng(0)
    values = [of(chance.integers(0, n, n)) for _ in range(RESAMPLES)]
    low, high = np.percentile(values, (2.5, 97.5))
    return Figure(of(np.arange(n)), float(low), float(high), n)


def single_label(labels: Floats, probs: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The true emotion and the probabilities of the comments that have exactly one."""
    one = labels.sum(axis=1) == 1
    return labels[one].argmax(axis=1), probs[one]


def measure(labels: Floats, probs: Floats, thresholds: Doubles) -> dict[str, Figure]:
    """Every figure of the report, by name."""
    shown, said = labels > 0, probs >= thresholds
    truth, single = single_label(labels, probs)
    top, confidence = single.argmax(axis=1), single.max(axis=1).astype(np.float64)
    eye = np.eye(len(EMOTIONS), dtype=bool)
    of_all, of_top = eye[truth], eye[top]
    highest = probs.argmax(axis=1)
    any_right = shown[np.arange(len(probs)), highest]
    any_confidence = probs.max(axis=1).astype(np.float64)

    def recall(rows: NDArray[np.int64]) -> float:
        hits = (of_all[rows] & of_top[rows]).sum(axis=0)
        return float((hits / np.maximum(of_all[rows].sum(axis=0), 1)).mean())

    n, ones = len(probs), len(truth)
    figures = {
        "macro-F1": figure(lambda r: float(f1_each(shown[r], said[r]).mean()), n),
        "ECE (top label, any of the labels counts)": figure(
            lambda r: calibration_error(any_confidence[r], any_right[r]), n
        ),
        "single: accuracy": figure(lambda r: float((truth[r] == top[r]).mean()), ones),
        "single: UAR": figure(recall, ones),
        "single: macro-F1": figure(lambda r: float(f1_each(of_all[r], of_top[r]).mean()), ones),
        "single: ECE": figure(lambda r: calibration_error(confidence[r], (truth == top)[r]), ones),
    }
    for k, name in enumerate(EMOTIONS):
        figures[f"F1 {name}"] = figure(partial(_f1_of, shown[:, k : k + 1], said[:, k : k + 1]), n)
    return figures


def table(labels: Floats, probs: Floats, thresholds: Doubles) -> str:
    """Markdown: precision, recall and F1 of each emotion in multi-label terms."""
    shown, said = labels > 0, probs >= thresholds
    lines = ["| emotion | n | threshold | precision | recall | F1 |", "|---|---|---|---|---|---|"]
    f1 = f1_each(shown, said)
    for k, name in enumerate(EMOTIONS):
        hits = (shown[:, k] & said[:, k]).sum()
        precision, recall = hits / max(said[:, k].sum(), 1), hits / max(shown[:, k].sum(), 1)
        lines.append(
            f"| {name} | {shown[:, k].sum()} | {thresholds[k]:.3f} | {precision:.3f} "
            f"| {recall:.3f} | {f1[k]:.3f} |"
        )
    return "\n".join([*lines, f"| **macro** | | | | | **{f1.mean():.3f}** |"])


def _f1_of(shown: Bools, said: Bools, rows: Ints) -> float:
    return float(f1_each(shown[rows], said[rows])[0])
