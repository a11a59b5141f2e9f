"""Probabilities and truths that tests of figures make."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emoscope.training.calibration import softmax


def sample(
    n: int, classes: int, seed: int, skill: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes)) + skill * np.eye(classes)[truth]
    return softmax(logits), truth


def onehot(answers: list[int], confidence: float, classes: int = 4) -> NDArray[np.float64]:
    rest = (1 - confidence) / (classes - 1)
    return np.where(np.eye(classes)[answers] == 1, confidence, rest)
