"""All readings of one input as one row per moment, for spreadsheets and statistics.

A moment is a frame in which something was read, or the start of a stretch of voice or words that no
frame falls into. Cells that say nothing are empty. The columns are the same for every input:

- ``time_s``: the moment, seconds from the start
- ``end_s``: where what begins then ends, for a moment that is the start of a stretch
- ``faces``: how many are in view
- ``track_id``: of the face whose columns these are: the one that the fused answer is about, or else
  the largest
- ``face_top``, ``face_confidence``, ``face_angry`` ... ``face_neutral``: its most probable label
  (empty where the reading abstains), the probability of that, and those of the shared seven
- ``voice_top`` ..., ``words_top`` ..., ``fused_top`` ...: the same for what holds then
- ``weight_face``, ``weight_voice``, ``weight_words``, ``congruence``: of the fused answer
"""

from __future__ import annotations

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from io import StringIO
from typing import Any

from emoscope.labels import SHARED
from emoscope.results import Analysis, FaceEmotion, FusedEmotion, Scores, TextEmotion, VoiceEmotion

_MODALITIES = ("face", "voice", "words", "fused")
_OF_EACH = ("top", "confidence", *SHARED)
COLUMNS = (
    "time_s",
    "end_s",
    "faces",
    "track_id",
    *(f"{name}_{what}" for name in _MODALITIES for what in _OF_EACH),
    "weight_face",
    "weight_voice",
    "weight_words",
    "congruence",
)
"""All columns, in order."""


def csv_text(analysis: Analysis) -> str:
    """The table with a header."""
    table = csv.DictWriter(file := StringIO(), COLUMNS)
    table.writeheader()
    table.writerows(_rows(analysis))
    return file.getvalue()


def _rows(analysis: Analysis) -> list[dict[str, Any]]:
    faces: dict[float, list[FaceEmotion]] = {}
    for face in analysis.faces:
        faces.setdefault(round(face.time_s, 3), []).append(face)
    fused: dict[float, FusedEmotion] = {}
    for one in analysis.fused:
        fused.setdefault(round(one.time_s, 3), one)
    voices, words = _ByStart(analysis.voice), _ByStart(analysis.words)
    moments = sorted({*faces, *fused})
    alone = {start_s for part in (voices, words) for start_s in part.starts_without(moments)}
    return [
        _row(time_s, faces.get(time_s, []), voices.at(time_s), words.at(time_s), fused.get(time_s))
        for time_s in sorted({*moments, *alone})
    ]


def _row(
    time_s: float,
    faces: Sequence[FaceEmotion],
    voice: VoiceEmotion | TextEmotion | None,
    words: VoiceEmotion | TextEmotion | None,
    fused: FusedEmotion | None,
) -> dict[str, Any]:
    face = _leading(faces, fused)
    begun = [one.end_s for one in (voice, words) if one and round(one.start_s, 3) == time_s]
    row: dict[str, Any] = {
        "time_s": time_s,
        "end_s": round(max(begun), 3) if begun else "",
        "faces": len(faces),
        "track_id": face.track_id if face else "",
    }
    for name, reading in zip(_MODALITIES, (face, voice, words, fused), strict=True):
        if reading is not None:
            row |= _cells(name, reading.scores)
    if fused is not None:
        for name in _MODALITIES[:3]:
            row[f"weight_{name}"] = round(fused.weights.get(name, 0.0), 4)
        row["congruence"] = "" if fused.congruence is None else round(fused.congruence, 4)
    return row


def _cells(name: str, scores: Scores) -> dict[str, Any]:
    shared = {f"{name}_{label}": round(share, 6) for label, share in scores.shared.items()}
    confidence = round(scores.confidence, 6)
    return {f"{name}_top": scores.top or "", f"{name}_confidence": confidence, **shared}


def _leading(faces: Sequence[FaceEmotion], fused: FusedEmotion | None) -> FaceEmotion | None:
    if fused is not None and fused.track_id is not None:
        faces = [face for face in faces if face.track_id == fused.track_id] or faces

    def area(face: FaceEmotion) -> float:
        x1, y1, x2, y2 = face.box_xyxy
        return (x2 - x1) * (y2 - y1)

    return max(faces, key=area, default=None)


class _ByStart:
    """Stretches by their start; where several hold at once, the one that began last counts."""

    def __init__(self, stretches: Sequence[VoiceEmotion | TextEmotion]) -> None:
        self._stretches = sorted(stretches, key=lambda one: one.start_s)
        self._starts = [round(one.start_s, 3) for one in self._stretches]

    def at(self, time_s: float) -> VoiceEmotion | TextEmotion | None:
        """What holds at a moment, or begins with it."""
        place = bisect_right(self._starts, time_s) - 1
        if place < 0:
            return None
        one, start_s = self._stretches[place], self._starts[place]
        return one if time_s == start_s or time_s < round(one.end_s, 3) else None

    def starts_without(self, moments: Sequence[float]) -> list[float]:
        """Where those begin into which no moment falls; ``moments`` rise."""
        found = []
        for one, start_s in zip(self._stretches, self._starts, strict=True):
            place = bisect_left(moments, start_s)
            if place == len(moments) or moments[place] > max(start_s, round(one.end_s, 3)):
                found.append(start_s)
        return found
