from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from emoscope.errors import ModelError
from emoscope.training.calibration import softmax
from emoscope.training.translation.heads import recover

RNG = np.random.default_rng(3)


def test_a_linear_head_with_temperature_is_found_exactly() -> None:
    values = np.maximum(RNG.normal(size=(400, 9)), 0).astype(np.float32)
    values[:, 4] = 0  # a dimension that never moves
    weight, bias = RNG.normal(size=(5, 9)), RNG.normal(size=5)
    probs = softmax((values @ weight.T + bias) / 1.7).astype(np.float32)
    head = recover(values[:300], probs[:300], values[300:], probs[300:])
    assert head.agreement == 1.0
    assert head.away < 1e-5
    np.testing.assert_allclose(head.probs(values), probs, atol=1e-5)


def test_answers_that_are_not_linear_are_refused() -> None:
    values = RNG.normal(size=(400, 4)).astype(np.float32)
    probs = softmax(np.column_stack([values[:, 0] * values[:, 1], np.zeros(400)]) * 9)
    probs32 = probs.astype(np.float32)
    with pytest.raises(ModelError, match="not linear in its embedding"):
        recover(values[:300], probs32[:300], values[300:], probs32[300:])
