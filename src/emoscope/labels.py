"""Emotion labels: the shared seven, what each corpus calls them, and their colours.

The shared seven are the basic emotions of Ekman (1992) with *neutral*, in FER2013's order
(Goodfellow et al., 2013). Every model speaks its own (native) labels; a :class:`LabelSet` says how
they map to the shared ones, so that results of different models can be compared and fused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray


class Emotion(StrEnum):
    """The seven shared emotions, in FER2013's order."""

    ANGRY = "angry"
    DISGUST = "disgust"
    FEAR = "fear"
    HAPPY = "happy"
    SAD = "sad"
    SURPRISE = "surprise"
    NEUTRAL = "neutral"


SHARED: tuple[str, ...] = tuple(emotion.value for emotion in Emotion)

# Native label -> shared emotion. None: the label has no counterpart among the seven; its
# probability is set aside and the rest is renormalised.
TO_SHARED: Mapping[str, str | None] = MappingProxyType(
    {
        **{name: name for name in SHARED},
        "calm": "neutral",
        "boredom": None,
        "contempt": None,
    }
)

# Hues after Okabe & Ito (2008), told apart by colour-blind people; the same everywhere.
COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "angry": "#D55E00",
        "disgust": "#009E73",
        "fear": "#CC79A7",
        "happy": "#F0C419",
        "sad": "#3B82C4",
        "surprise": "#56C5E8",
        "neutral": "#9AA3AD",
        "calm": "#7FC9B0",
        "boredom": "#B89C78",
        "contempt": "#A0522D",
    }
)


def plain_label(name: str) -> str:
    """The emotion of a label that also names its speaker: ``"YAF/angry"`` is ``"angry"``."""
    return name.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class LabelSet:
    """The ordered labels of one model or corpus.

    Attributes:
        names: native labels in output order; each, or what follows its last ``/`` (before it
            stands a speaker), must be known to :data:`TO_SHARED`.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if plain_label(name) not in TO_SHARED]
        if unknown:
            raise ValueError(f"unknown labels {unknown}; known are {sorted(TO_SHARED)}")
        if len(set(self.names)) != len(self.names) or not self.names:
            raise ValueError(f"labels must be distinct and not empty, got {self.names}")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Position of ``name``; raises ``ValueError`` if the set does not have it."""
        return self.names.index(name)

    def shared_matrix(self) -> NDArray[np.float64]:
        """The ``(n_native, 7)`` 0/1 matrix that maps native to shared probabilities."""
        matrix = np.zeros((len(self.names), len(SHARED)))
        for row, name in enumerate(self.names):
            target = TO_SHARED[plain_label(name)]
            if target is not None:
                matrix[row, SHARED.index(target)] = 1.0
        return matrix

    def to_shared(self, probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map native probabilities ``(..., n_native)`` to the shared seven ``(..., 7)``.

        Mass on labels without a counterpart is set aside and the rest renormalised; where nothing
        is left the answer is uniform.

        Raises:
            ValueError: the last axis is not as long as the set.
        """
        values = np.asarray(probabilities, dtype=np.float64)
        if values.shape[-1] != len(self.names):
            raise ValueError(f"expected {len(self.names)} probabilities, got {values.shape[-1]}")
        mapped = values @ self.shared_matrix()
        total = mapped.sum(axis=-1, keepdims=True)
        uniform = np.full_like(mapped, 1.0 / len(SHARED))
        shared: NDArray[np.float64] = np.divide(mapped, total, out=uniform, where=total > 0)
        return shared


SHARED_LABELS = LabelSet(SHARED)
RAVDESS_LABELS = LabelSet(
    ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
)
EMODB_LABELS = LabelSet(("angry", "boredom", "disgust", "fear", "happy", "sad", "neutral"))
VOICE_LABELS = LabelSet((*SHARED, "calm"))
FERPLUS_LABELS = LabelSet((*SHARED, "contempt"))
