"""What emoscope answers: frozen, validated, the same shape in library, command line and files.

Times are seconds from the start of the medium, boxes ``(x1, y1, x2, y2)`` in pixels of the
original image. Absence is explicit: no face is an empty tuple, no speech is said in the summary,
nothing is filled with zeros. Everything describes how expression *appears*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from emoscope.labels import SHARED, LabelSet

SCHEMA = "emoscope/1"

Kind = Literal["image", "audio", "video"]
Box = tuple[float, float, float, float]


def _rounded(value: float, digits: int) -> float:
    return round(float(value), digits)


@dataclass(frozen=True)
class Scores:
    """Calibrated probabilities over a model's native labels.

    Attributes:
        labels: native labels, in the model's order.
        probabilities: one per label, each within [0, 1], summing to 1.
        min_confidence: below this the result abstains: ``top`` is None.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    min_confidence: float = 0.0

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.probabilities):
            raise ValueError(
                f"expected {len(self.labels)} probabilities, got {len(self.probabilities)}"
            )
        if not all(math.isfinite(p) and -1e-6 <= p <= 1 + 1e-6 for p in self.probabilities):
            raise ValueError(f"expected probabilities within [0, 1], got {self.probabilities}")
        total = sum(self.probabilities)
        if abs(total - 1.0) > 1e-3:
            raise ValueError(f"expected probabilities that sum to 1, got a sum of {total:.4f}")
        if not 0.0 <= self.min_confidence <= 1.0:
            raise ValueError(f"min_confidence must be within [0, 1], got {self.min_confidence}")

    @classmethod
    def of(cls, labels: LabelSet, probabilities: ArrayLike, min_confidence: float = 0.0) -> Scores:
        """Scores from a row of a model's output, renormalised in double precision."""
        row = np.asarray(probabilities, dtype=np.float64)
        if row.ndim != 1:
            raise ValueError(f"expected one row of probabilities, got shape {row.shape}")
        total = row.sum()
        if not total > 0:
            raise ValueError("expected probabilities with a positive sum")
        return cls(labels.names, tuple((row / total).tolist()), min_confidence)

    @property
    def best(self) -> str:
        """The most probable label, however small its probability."""
        return self.labels[int(np.argmax(self.probabilities))]

    @property
    def confidence(self) -> float:
        """Probability of the most probable label."""
        return max(self.probabilities)

    @property
    def top(self) -> str | None:
        """The most probable label, or None below ``min_confidence`` (it abstains)."""
        return self.best if self.confidence >= self.min_confidence else None

    @property
    def shared(self) -> dict[str, float]:
        """Probabilities over the seven shared emotions."""
        mapped = LabelSet(self.labels).to_shared(np.asarray(self.probabilities))
        return dict(zip(SHARED, mapped.tolist(), strict=True))

    def to_dict(self) -> dict[str, float]:
        """Label to probability, in the model's order, to four digits."""
        return {
            label: _rounded(p, 4) for label, p in zip(self.labels, self.probabilities, strict=True)
        }


def _scores_dict(scores: Scores) -> dict[str, Any]:
    return {
        "scores": scores.to_dict(),
        "top": scores.top,
        "confidence": _rounded(scores.confidence, 4),
    }


def _check_span(start_s: float, end_s: float) -> None:
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0 <= start_s <= end_s):
        raise ValueError(f"expected 0 <= start_s <= end_s, got {start_s} and {end_s}")


@dataclass(frozen=True)
class FaceEmotion:
    """One face at one moment.

    Attributes:
        time_s: when, in seconds from the start (0 for a picture).
        box_xyxy: the detector's box in pixels of the original image.
        detection_score: the detector's score within [0, 1].
        track_id: the same number for the same face through a video, from 0.
        scores: the recogniser's answer.
        box_held: the box was carried over from an earlier detection, not detected in this frame.
    """

    time_s: float
    box_xyxy: Box
    detection_score: float
    track_id: int
    scores: Scores
    box_held: bool = False

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.box_xyxy
        if not all(map(math.isfinite, self.box_xyxy)) or x2 <= x1 or y2 <= y1:
            raise ValueError(f"expected a box x1 < x2, y1 < y2, got {self.box_xyxy}")
        if not (math.isfinite(self.time_s) and self.time_s >= 0):
            raise ValueError(f"expected time_s >= 0, got {self.time_s}")

    def to_dict(self) -> dict[str, Any]:
        return {
            "time_s": _rounded(self.time_s, 3),
            "box_xyxy": [_rounded(v, 1) for v in self.box_xyxy],
            "box_held": self.box_held,
            "detection_score": _rounded(self.detection_score, 4),
            "track_id": self.track_id,
            **_scores_dict(self.scores),
        }


@dataclass(frozen=True)
class VoiceEmotion:
    """One stretch of speech.

    Attributes:
        start_s: where it begins, seconds from the start.
        end_s: where it ends.
        scores: the recogniser's answer for the whole stretch.
    """

    start_s: float
    end_s: float
    scores: Scores

    def __post_init__(self) -> None:
        _check_span(self.start_s, self.end_s)

    def to_dict(self) -> dict[str, Any]:
        return {
            "start_s": _rounded(self.start_s, 3),
            "end_s": _rounded(self.end_s, 3),
            **_scores_dict(self.scores),
        }


@dataclass(frozen=True)
class TextEmotion:
    """One stretch of words with what they express."""

    start_s: float
    end_s: float
    text: str
    scores: Scores

    def __post_init__(self) -> None:
        _check_span(self.start_s, self.end_s)

    def to_dict(self) -> dict[str, Any]:
        return {
            "start_s": _rounded(self.start_s, 3),
            "end_s": _rounded(self.end_s, 3),
            "text": self.text,
            **_scores_dict(self.scores),
        }


@dataclass(frozen=True)
class FusedEmotion:
    """What the modalities say together at one moment; an absent one has weight 0."""

    time_s: float
    scores: Scores
    weights: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "time_s": _rounded(self.time_s, 3),
            "weights": {name: _rounded(w, 4) for name, w in self.weights.items()},
            **_scores_dict(self.scores),
        }


@dataclass(frozen=True)
class Moment:
    """What holds at ``time_s``: the faces in view, the last voice, whether somebody speaks."""

    time_s: float
    faces: tuple[FaceEmotion, ...] = ()
    voice: VoiceEmotion | None = None
    speaking: bool = False


@dataclass(frozen=True)
class Analysis:
    """Everything read from one input.

    Attributes:
        source: the input as the user named it.
        kind: ``image``, ``audio`` or ``video``.
        duration_s: length of the medium in seconds, 0 for a picture.
        size_px: ``(width, height)`` of the picture or video as shown (after rotation), or None.
        has_sound: whether there is a sound track.
        frames_read: how many frames were looked at.
        models: role (``detector``, ``face``, ``voice``, ``speech``) to ``name@version``.
        faces: in order of time, then track.
        voice: in order of time.
        words: in order of time.
        fused: in order of time.
    """

    source: str
    kind: Kind
    duration_s: float
    size_px: tuple[int, int] | None
    has_sound: bool
    frames_read: int
    models: Mapping[str, str]
    faces: tuple[FaceEmotion, ...] = ()
    voice: tuple[VoiceEmotion, ...] = ()
    words: tuple[TextEmotion, ...] = ()
    fused: tuple[FusedEmotion, ...] = ()

    @property
    def track_ids(self) -> tuple[int, ...]:
        """The distinct faces, in order of first appearance."""
        return tuple(dict.fromkeys(face.track_id for face in self.faces))

    @property
    def summary(self) -> dict[str, Any]:
        """Per face track and for the voice: state, mean scores and the share of each label."""
        return {"faces": self._faces_summary(), "voice": self._voice_summary()}

    def _faces_summary(self) -> dict[str, Any]:
        if self.size_px is None:
            return {"state": "no picture", "tracks": []}
        tracks = []
        for track_id in self.track_ids:
            seen = [face for face in self.faces if face.track_id == track_id]
            mean = mean_scores([face.scores for face in seen], [1.0] * len(seen))
            tracks.append(
                {
                    "track_id": track_id,
                    "start_s": _rounded(seen[0].time_s, 3),
                    "end_s": _rounded(seen[-1].time_s, 3),
                    "readings": len(seen),
                    "top_share": _shares([face.scores for face in seen]),
                    **_scores_dict(mean),
                }
            )
        return {"state": "found" if tracks else "no face", "tracks": tracks}

    def _voice_summary(self) -> dict[str, Any]:
        if not self.has_sound:
            return {"state": "no sound"}
        if not self.voice:
            return {"state": "no speech"}
        seconds = [max(v.end_s - v.start_s, 1e-3) for v in self.voice]
        mean = mean_scores([v.scores for v in self.voice], seconds)
        return {
            "state": "found",
            "speech_s": _rounded(sum(seconds), 3),
            "readings": len(self.voice),
            **_scores_dict(mean),
        }

    def to_dict(self) -> dict[str, Any]:
        """The JSON document, schema ``emoscope/1``."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "kind": self.kind,
            "duration_s": _rounded(self.duration_s, 3),
            "size_px": list(self.size_px) if self.size_px else None,
            "has_sound": self.has_sound,
            "frames_read": self.frames_read,
            "models": dict(self.models),
            "faces": [face.to_dict() for face in self.faces],
            "voice": [voice.to_dict() for voice in self.voice],
            "words": [words.to_dict() for words in self.words],
            "fused": [fused.to_dict() for fused in self.fused],
            "summary": self.summary,
        }


def mean_scores(scores: list[Scores], weights: list[float]) -> Scores:
    """Weighted mean of scores over the same labels.

    Raises:
        ValueError: nothing to average, or the label sets differ.
    """
    if not scores:
        raise ValueError("expected at least one scores to average")
    labels = scores[0].labels
    if any(item.labels != labels for item in scores):
        raise ValueError("expected scores over the same labels")
    mean = np.average([item.probabilities for item in scores], axis=0, weights=weights)
    return Scores(labels, tuple(mean.tolist()), scores[0].min_confidence)


def _shares(scores: list[Scores]) -> dict[str, float]:
    """Share of readings per label, most frequent first; abstentions count as ``unsure``."""
    tops = [item.top or "unsure" for item in scores]
    counts = {name: tops.count(name) for name in dict.fromkeys(tops)}
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return {name: _rounded(count / len(tops), 4) for name, count in ordered}


def clock(seconds: float, step_s: float = 1.0) -> str:
    """Time as a player shows it, for example ``1:04`` or ``1:02:30``; tenths for small steps."""
    tenths = round(seconds * 10)
    whole, tenth = divmod(tenths, 10) if step_s < 1 else (round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{text}.{tenth}" if step_s < 1 else text
