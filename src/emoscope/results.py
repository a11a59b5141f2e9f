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

from emoscope.scores import Scores as Scores
from emoscope.scores import mean_scores as mean_scores
from emoscope.scores import rounded, scores_dict, shares
from emoscope.translated import TranslatedReading

SCHEMA = "emoscope/1"

Kind = Literal["image", "audio", "video"]
Box = tuple[float, float, float, float]


def _check_span(start_s: float, end_s: float) -> None:
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0 <= start_s <= end_s):
        raise ValueError(f"expected 0 <= start_s <= end_s, got {start_s} and {end_s}")


def _check_share(name: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"expected {name} within [0, 1], got {value}")


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
            "time_s": rounded(self.time_s, 3),
            "box_xyxy": [rounded(v, 1) for v in self.box_xyxy],
            "box_held": self.box_held,
            "detection_score": rounded(self.detection_score, 4),
            "track_id": self.track_id,
            **scores_dict(self.scores),
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
            "start_s": rounded(self.start_s, 3),
            "end_s": rounded(self.end_s, 3),
            **scores_dict(self.scores),
        }


@dataclass(frozen=True)
class Word:
    """One spoken word.

    Attributes:
        text: the word with its punctuation.
        start_s: where it begins, seconds from the start.
        end_s: where it ends.
        probability: how sure the transcriber is, within [0, 1].
    """

    text: str
    start_s: float
    end_s: float
    probability: float

    def __post_init__(self) -> None:
        _check_span(self.start_s, self.end_s)
        _check_share("probability", self.probability)

    def to_dict(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "start_s": rounded(self.start_s, 3),
            "end_s": rounded(self.end_s, 3),
            "probability": rounded(self.probability, 4),
        }


@dataclass(frozen=True)
class TextEmotion:
    """One stretch of words with what they express.

    Attributes:
        start_s: where it begins, seconds from the start.
        end_s: where it ends.
        text: what was said.
        scores: the recogniser's answer; it abstains where it had no text that it can read.
        language: of the speech, two or three letters as Whisper names it; None: not known.
        language_probability: within [0, 1]; None where it was not heard but given.
        words: in order, each with its time.
        translated: the scores were read from Whisper's translation into English.
        scored_text: what the scores were read from, where that is not ``text``.
    """

    start_s: float
    end_s: float
    text: str
    scores: Scores
    language: str | None = None
    language_probability: float | None = None
    words: tuple[Word, ...] = ()
    translated: bool = False
    scored_text: str | None = None

    def __post_init__(self) -> None:
        _check_span(self.start_s, self.end_s)
        if self.language_probability is not None:
            _check_share("language_probability", self.language_probability)

    def to_dict(self) -> dict[str, Any]:
        sure = self.language_probability
        return {
            "start_s": rounded(self.start_s, 3),
            "end_s": rounded(self.end_s, 3),
            "text": self.text,
            "language": self.language,
            "language_probability": None if sure is None else rounded(sure, 4),
            "translated": self.translated,
            "scored_text": self.scored_text,
            "words": [word.to_dict() for word in self.words],
            **scores_dict(self.scores),
        }


@dataclass(frozen=True)
class FusedEmotion:
    """What the modalities say together at one moment.

    Attributes:
        time_s: when, in seconds from the start; of an answer for a stretch: where it begins.
        scores: over the shared seven; of one modality alone, exactly its own.
        weights: share of ``face``, ``voice`` and ``words`` in the answer, summing to 1; 0 for one
            that is absent.
        qualities: within [0, 1], of the readings that are there.
        congruence: how far those that spoke agree, from 0 (a smile over an angry voice) to 1;
            None where fewer than two spoke.
        pairs: the same for each two, as ``face+voice``.
        track_id: whose face it is; None where no face spoke.
        end_s: of an answer for a stretch without frames: where it ends; None for a moment.
    """

    time_s: float
    scores: Scores
    weights: Mapping[str, float] = field(default_factory=dict)
    qualities: Mapping[str, float] = field(default_factory=dict)
    congruence: float | None = None
    pairs: Mapping[str, float] = field(default_factory=dict)
    track_id: int | None = None
    end_s: float | None = None

    def __post_init__(self) -> None:
        _check_span(self.time_s, self.time_s if self.end_s is None else self.end_s)
        found = {**self.weights, **self.qualities, **self.pairs}
        if self.congruence is not None:
            found["congruence"] = self.congruence
        for name, value in found.items():
            _check_share(name, value)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that spoke."""
        return tuple(name for name, weight in self.weights.items() if weight > 0)

    def to_dict(self) -> dict[str, Any]:
        return {
            "time_s": rounded(self.time_s, 3),
            "end_s": None if self.end_s is None else rounded(self.end_s, 3),
            "track_id": self.track_id,
            "modalities": list(self.modalities),
            "weights": {name: rounded(w, 4) for name, w in self.weights.items()},
            "qualities": {name: rounded(q, 4) for name, q in self.qualities.items()},
            "congruence": None if self.congruence is None else rounded(self.congruence, 4),
            "pairs": {name: rounded(value, 4) for name, value in self.pairs.items()},
            **scores_dict(self.scores),
        }


@dataclass(frozen=True)
class Moment:
    """What holds at ``time_s``.

    Attributes:
        time_s: seconds from the start.
        faces: in view.
        voice: the last reading.
        speaking: whether somebody speaks.
        fused: what is there together; None where nothing is.
        translated: what the modality that is not there would be like, derived from the other one;
            no part of ``fused``.
    """

    time_s: float
    faces: tuple[FaceEmotion, ...] = ()
    voice: VoiceEmotion | None = None
    speaking: bool = False
    fused: FusedEmotion | None = None
    translated: TranslatedReading | None = None


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
        models: role (``detector``, ``face``, ``voice``, ``speech``, ``transcriber``, ``words``,
            ``fusion`` where two of them came together) to ``name@version``.
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
        """Per face track, for voice, words and all together: state, mean scores, shares."""
        return {
            "faces": self._faces_summary(),
            "voice": self._voice_summary(),
            "words": self._words_summary(),
            "fused": self._fused_summary(),
        }

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
                    "start_s": rounded(seen[0].time_s, 3),
                    "end_s": rounded(seen[-1].time_s, 3),
                    "readings": len(seen),
                    "top_share": shares([face.scores for face in seen]),
                    **scores_dict(mean),
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
            "speech_s": rounded(sum(seconds), 3),
            "readings": len(self.voice),
            **scores_dict(mean),
        }

    def _words_summary(self) -> dict[str, Any]:
        if not self.has_sound:
            return {"state": "no sound"}
        if not self.words:
            return {"state": "no words" if "transcriber" in self.models else "not transcribed"}
        counts = [max(len(text.words), 1) for text in self.words]
        mean = mean_scores([text.scores for text in self.words], counts)
        return {
            "state": "found",
            "words": sum(counts),
            "readings": len(self.words),
            "languages": list(dict.fromkeys(t.language for t in self.words if t.language)),
            **scores_dict(mean),
        }

    def _fused_summary(self) -> dict[str, Any]:
        """Mean over the moments (over seconds where all are stretches), and how far they agree."""
        if not self.fused:
            return {"state": "nothing to fuse"}
        seconds = [(one.end_s or one.time_s) - one.time_s for one in self.fused]
        weights = seconds if all(s > 0 for s in seconds) else [1.0] * len(seconds)
        mean = mean_scores([one.scores for one in self.fused], weights)
        both = [one for one in self.fused if one.congruence is not None]
        agreement = [one.congruence for one in both if one.congruence is not None]
        apart = min(both, key=lambda one: one.congruence or 0.0, default=None)
        return {
            "state": "found",
            "readings": len(self.fused),
            "together": len(both),
            "congruence": rounded(sum(agreement) / len(both), 4) if both else None,
            "least_congruent_s": rounded(apart.time_s, 3) if apart else None,
            **scores_dict(mean),
        }

    def to_dict(self) -> dict[str, Any]:
        """The JSON document, schema ``emoscope/1``."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "kind": self.kind,
            "duration_s": rounded(self.duration_s, 3),
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

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Analysis:
        """The inverse of :meth:`to_dict`, as far as that rounds; the summary is made anew.

        Raises:
            ValueError: no such document, or of a schema that is not known.
        """
        from emoscope.documents import analysis_of  # which needs this module

        return analysis_of(document)


def clock(seconds: float, step_s: float = 1.0) -> str:
    """Time as a player shows it, for example ``1:04`` or ``1:02:30``; tenths for small steps."""
    tenths = round(seconds * 10)
    whole, tenth = divmod(tenths, 10) if step_s < 1 else (round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{text}.{tenth}" if step_s < 1 else text
