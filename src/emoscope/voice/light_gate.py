"""The light gate: a small network of this project's own, in numpy, without any extra.

A perceptron with two hidden layers looks at about one second of sound: 0.64 s before and 0.32 s
after the step that it judges. Band energies are taken relative to that stretch, so loudness is
no cue. It learnt from clean speech that Silero had labelled, mixed with made noise
(``training/recipes/speech_gate.py``).
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from emoscope.voice.block_gate import BlockGate
from emoscope.voice.light_features import BANDS, STEP, WIDTH, Floats, LightFeatures
from emoscope.voice.spans import SpanRule

STEPS_BEFORE = 20
STEPS_AFTER = 10
CONTEXT = STEPS_BEFORE + 1 + STEPS_AFTER
RANGE_LOG10 = 5.0
"""Energies further below the loudest of the stretch than this (50 dB) count as silence."""

_BLOCK = 8 * STEP
_SILENT_LOG10 = -12.0
_WEIGHTS = "light_gate.npz"

Layers = tuple[tuple[Floats, Floats], ...]


def stretches(features: Floats) -> Floats:
    """The network's inputs: a normalised stretch around each step.

    Args:
        features: ``(steps + 30, 29)`` as ``LightFeatures`` gives them, 20 steps of context
            before and 10 after.

    Returns:
        ``(steps, 31 * 29)``; all zero where the whole stretch is digital silence.
    """
    windows = np.lib.stride_tricks.sliding_window_view(features, CONTEXT, axis=0)
    inputs = np.array(windows.transpose(0, 2, 1), dtype=np.float32)
    energies = inputs[:, :, :BANDS]
    loudest = energies.max(axis=(1, 2), keepdims=True)
    np.maximum(energies, loudest - RANGE_LOG10, out=energies)
    energies -= energies.mean(axis=(1, 2), keepdims=True)
    inputs[loudest[:, 0, 0] <= _SILENT_LOG10] = 0.0
    return inputs.reshape(len(inputs), CONTEXT * WIDTH)


def probabilities_of(inputs: Floats, layers: Layers) -> Floats:
    """Forward pass: ReLU between the layers, a logistic at the end; 0 for digital silence."""
    values = inputs
    for weight, bias in layers[:-1]:
        values = np.maximum(values @ weight + bias, 0.0)
    weight, bias = layers[-1]
    logits = np.clip((values @ weight + bias)[:, 0], -30.0, 30.0)
    heard = inputs.any(axis=1)
    return np.asarray(heard / (1.0 + np.exp(-logits)), dtype=np.float32)


@cache
def packaged_layers() -> Layers:
    """The weights that ship with the package, as single precision."""
    file = resources.files("emoscope.voice") / _WEIGHTS
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        count = len(arrays.files) // 2
        return tuple(
            (arrays[f"weight{i}"].astype(np.float32), arrays[f"bias{i}"].astype(np.float32))
            for i in range(count)
        )


class LightGate(BlockGate):
    """Speech activity with numpy alone; insensitive to the level.

    Its answers lag 0.32 to 0.58 s behind the sound.

    Args:
        rule: thresholds and durations.
    """

    name = "light-gate@1"

    def __init__(self, rule: SpanRule = SpanRule()) -> None:  # noqa: B008 - frozen
        super().__init__(rule, step=STEP, block=_BLOCK)
        self._layers = packaged_layers()
        self._features = LightFeatures()
        self._forget()

    def _forget(self) -> None:
        self._features.reset()
        silence = LightFeatures().push(np.zeros(STEP, dtype=np.float32))
        self._context = np.repeat(silence, STEPS_BEFORE, axis=0)

    def _probabilities(self, blocks: NDArray[np.float32]) -> NDArray[np.float32]:
        # One after another: numpy's products differ in the last bits with the number of rows.
        return np.concatenate([self._block_probabilities(block) for block in blocks])

    def _block_probabilities(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = np.concatenate([self._context, self._features.push(block)])
        if len(rows) < CONTEXT:
            self._context = rows
            return np.zeros(0, dtype=np.float32)
        self._context = rows[len(rows) - CONTEXT + 1 :].copy()
        return probabilities_of(stretches(rows), self._layers)
