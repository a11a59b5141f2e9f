"""What holds in a live session at one moment: what windows, pages and logs show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emoscope.results import Box, FusedEmotion, Scores
from emoscope.scores import rounded
from emoscope.translated import TranslatedReading

SILENT_DBFS = -90.0
"""The floor of every level: what is more quiet counts as this."""


@dataclass(frozen=True)
class LiveFace:
    """One face as it is shown.

    Attributes:
        track_id: the same number for the same face.
        box_xyxy: in pixels of the frame at :attr:`LiveState.frame_time_s`.
        scores: smoothed over time.
        label: does not flicker; None: unsure.
        held: not seen in that frame, but just before.
        label_confidence: probability of the label over the seconds that it stands for, longer
            than those of ``scores``; None: that in ``scores``.
    """

    track_id: int
    box_xyxy: Box
    scores: Scores
    label: str | None
    held: bool = False
    label_confidence: float | None = None

    @property
    def confidence(self) -> float:
        """What is shown beside the label; of the best one in ``scores`` where it is unsure."""
        if self.label_confidence is not None:
            return self.label_confidence
        return _confidence(self.scores, self.label)

    def to_dict(self) -> dict[str, Any]:
        return {
            "track_id": self.track_id,
            "box_xyxy": [rounded(value, 1) for value in self.box_xyxy],
            "held": self.held,
            **_said(self.scores, self.label, self.confidence),
        }


@dataclass(frozen=True)
class LiveVoice:
    """The last reading of the voice.

    Attributes:
        scores: of the stretch from ``start_s`` to ``end_s``, seconds.
        label: None: unsure.
        start_s: where it begins.
        end_s: where it ends.
        held: nobody speaks now; the last reading stands.
    """

    scores: Scores
    label: str | None
    start_s: float
    end_s: float
    held: bool

    @property
    def confidence(self) -> float:
        """Probability of the label, of the best one where it is unsure."""
        return _confidence(self.scores, self.label)

    def to_dict(self) -> dict[str, Any]:
        return {
            "start_s": rounded(self.start_s, 3),
            "end_s": rounded(self.end_s, 3),
            "held": self.held,
            **_said(self.scores, self.label, self.confidence),
        }


@dataclass(frozen=True)
class LiveState:
    """Everything that holds now.

    Attributes:
        time_s: newest input seen, seconds on the clock of frames and sound.
        frame_time_s: of the frame that the boxes belong to; None before the first.
        size_px: ``(width, height)`` of that frame.
        faces: in view, by ``track_id``.
        voice: the last reading; None before the first.
        speaking: somebody speaks now.
        level_dbfs: of the last 50 ms of sound, :data:`SILENT_DBFS` at least.
        fused: smoothed; None where nothing is there.
        fused_label: does not flicker; None: unsure, or nothing is there.
        fused_confidence: what is shown beside it, see :attr:`LiveFace.label_confidence`.
        translated: what the side that is missing would be like, where that was asked for.
        recording: share, 0 to 1, of the stretch that ``record`` asked for; None: not recording.
        readings_per_s: frames read in a second, over the last ones.
        reading_delay_s: from a frame's arrival until it was read, of the last one.
        sound_lost_s: seconds of sound that came faster than they could be listened to.
    """

    time_s: float = 0.0
    frame_time_s: float | None = None
    size_px: tuple[int, int] | None = None
    faces: tuple[LiveFace, ...] = ()
    voice: LiveVoice | None = None
    speaking: bool = False
    level_dbfs: float = SILENT_DBFS
    fused: FusedEmotion | None = None
    fused_label: str | None = None
    fused_confidence: float | None = None
    translated: TranslatedReading | None = None
    recording: float | None = None
    readings_per_s: float = 0.0
    reading_delay_s: float = 0.0
    sound_lost_s: float = 0.0

    @property
    def leading_face(self) -> LiveFace | None:
        """The face that speaks in ``fused``, else the largest; None where there is none."""
        speaks = None if self.fused is None else self.fused.track_id
        order = sorted(self.faces, key=lambda face: (face.track_id != speaks, -_area(face)))
        return order[0] if order else None

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        fused = None
        if self.fused is not None:
            sure = self.fused_confidence
            said = _said(
                self.fused.scores,
                self.fused_label,
                self.fused.scores.confidence if sure is None else sure,
            )
            fused = {**self.fused.to_dict(), **said}
        return {
            "time_s": rounded(self.time_s, 3),
            "frame_time_s": None if self.frame_time_s is None else rounded(self.frame_time_s, 3),
            "size_px": None if self.size_px is None else list(self.size_px),
            "faces": [face.to_dict() for face in self.faces],
            "voice": None if self.voice is None else self.voice.to_dict(),
            "speaking": self.speaking,
            "level_dbfs": rounded(self.level_dbfs, 1),
            "fused": fused,
            "translated": None if self.translated is None else self.translated.to_dict(),
            "recording": None if self.recording is None else rounded(self.recording, 3),
            "readings_per_s": rounded(self.readings_per_s, 2),
            "reading_delay_s": rounded(self.reading_delay_s, 4),
            "sound_lost_s": rounded(self.sound_lost_s, 2),
        }


def _confidence(scores: Scores, label: str | None) -> float:
    if label is None:
        return scores.confidence
    return scores.probabilities[scores.labels.index(label)]


def _said(scores: Scores, label: str | None, confidence: float) -> dict[str, Any]:
    return {
        "label": label,
        "confidence": rounded(confidence, 4),
        "scores": scores.to_dict(),
        "shared": {name: rounded(value, 4) for name, value in scores.shared.items()},
    }


def _area(face: LiveFace) -> float:
    x1, y1, x2, y2 = face.box_xyxy
    return (x2 - x1) * (y2 - y1)
