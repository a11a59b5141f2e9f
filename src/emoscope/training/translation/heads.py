"""The frozen classifier that stands on an embedding, recovered from the model's own answers.

Both shipped models answer ``softmax((W e + b) / T)``, so that the centred log-probabilities are
linear in the embedding and least squares finds ``W / T`` and ``b / T`` exactly, whatever the graph
looks like inside. Where a model is not of that kind the agreement shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import ModelError
from emoscope.training.calibration import softmax

LEAST_AGREEMENT = 0.99
_FLOOR = 1e-9  # float32 answers below it are rounding


@dataclass(frozen=True)
class Head:
    """A linear classifier, its temperature built in.

    Attributes:
        weight: ``(k, d)``.
        bias: ``(k,)``.
        agreement: share of other embeddings for which it gives the model's own top label.
        away: its largest difference from the model's probabilities there.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    agreement: float
    away: float

    def probs(self, embedding: NDArray[np.floating]) -> NDArray[np.float64]:
        """``(n, d)`` to ``(n, k)``."""
        return softmax(np.asarray(embedding, np.float64) @ self.weight.T + self.bias)


def recover(
    values: NDArray[np.float32],
    probs: NDArray[np.float32],
    check_values: NDArray[np.float32],
    check_probs: NDArray[np.float32],
) -> Head:
    """Fit the head on some embeddings ``(n, d)`` and answers ``(n, k)``, check it on others.

    Raises:
        ModelError: the answers are not linear in the embedding.
    """
    # Answers at the floor of float32 carry no digits; rows without them are plenty.
    clear = probs.min(1) > _FLOOR
    rows = np.column_stack([values[clear], np.ones(clear.sum())]).astype(np.float64)
    logits = np.log(probs[clear].astype(np.float64))
    logits -= logits.mean(1, keepdims=True)
    solution = np.linalg.lstsq(rows, logits, rcond=None)[0]
    weight, bias = solution[:-1].T, solution[-1]
    found = softmax(check_values.astype(np.float64) @ weight.T + bias)
    agreement = float((found.argmax(1) == check_probs.argmax(1)).mean())
    if agreement < LEAST_AGREEMENT:
        raise ModelError(
            f"the model's answers are not linear in its embedding (agreement {agreement:.1%}), "
            "so nothing can be translated into it; take a model that ends in one linear layer"
        )
    return Head(weight, bias, agreement, float(np.abs(found - check_probs).max()))
