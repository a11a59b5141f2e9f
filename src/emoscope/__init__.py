"""emoscope reads how emotion appears in faces, voices and words.

>>> import emoscope
>>> analysis = emoscope.analyze("talk.mp4")  # doctest: +SKIP
>>> analysis.summary["voice"]["top"]  # doctest: +SKIP
'happy'

Names are loaded when first used, so that ``import emoscope`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoscope.analyzer import Analyzer, analyze
    from emoscope.errors import EmoscopeError, MediaError, MissingExtraError, ModelError
    from emoscope.labels import Emotion, LabelSet
    from emoscope.media import Frame, Limits, Sound
    from emoscope.results import (
        Analysis,
        FaceEmotion,
        FusedEmotion,
        Moment,
        Scores,
        TextEmotion,
        VoiceEmotion,
    )
    from emoscope.stream import EmotionStream

__version__ = "0.1.0"

_ORIGIN = {
    "Analysis": "results",
    "Analyzer": "analyzer",
    "Emotion": "labels",
    "EmotionStream": "stream",
    "EmoscopeError": "errors",
    "FaceEmotion": "results",
    "Frame": "media",
    "FusedEmotion": "results",
    "LabelSet": "labels",
    "Limits": "media",
    "MediaError": "errors",
    "MissingExtraError": "errors",
    "ModelError": "errors",
    "Moment": "results",
    "Scores": "results",
    "Sound": "media",
    "TextEmotion": "results",
    "VoiceEmotion": "results",
    "analyze": "analyzer",
}

__all__ = [
    "Analysis",
    "Analyzer",
    "EmoscopeError",
    "Emotion",
    "EmotionStream",
    "FaceEmotion",
    "Frame",
    "FusedEmotion",
    "LabelSet",
    "Limits",
    "MediaError",
    "MissingExtraError",
    "ModelError",
    "Moment",
    "Scores",
    "Sound",
    "TextEmotion",
    "VoiceEmotion",
    "__version__",
    "analyze",
]


def __getattr__(name: str) -> Any:
    if name not in _ORIGIN:
        raise AttributeError(f"module 'emoscope' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"emoscope.{_ORIGIN[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
