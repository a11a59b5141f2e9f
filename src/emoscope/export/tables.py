"""All readings of one input as one long table.

One row per reading, in the order faces, voice, words, fused. Cells that say nothing for a reading
are empty. The columns:

- ``source``: the input, as it was named
- ``modality``: ``face``, ``voice``, ``words`` or ``fused``
- ``time_s``: the moment, seconds from the start (face, fused)
- ``start_s``, ``end_s``: the stretch, seconds from the start (voice, words, fused without frames)
- ``track_id``: the same number for the same face through a video (face, fused: whose face spoke)
- ``x1``, ``y1``, ``x2``, ``y2``: the box in pixels (face)
- ``detection_score``: the detector's score within [0, 1] (face)
- ``text``: what was said (words)
- ``weight_face``, ``weight_voice``, ``weight_words``: share of each, 0 where it is absent (fused)
- ``congruence``: how far they agree, from 0 to 1, empty where fewer than two spoke (fused)
- ``top``: the most probable label, empty where the reading abstains
- ``confidence``: its probability
- ``p_<label>``: one per native label, empty where the reading's model does not have the label
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

from emoscope.results import Analysis, Scores

COLUMNS = (
    "source",
    "modality",
    "time_s",
    "start_s",
    "end_s",
    "track_id",
    "x1",
    "y1",
    "x2",
    "y2",
    "detection_score",
    "text",
    "weight_face",
    "weight_voice",
    "weight_words",
    "congruence",
    "top",
    "confidence",
)
"""What stands before the columns of the labels."""

# What a spreadsheet would take for a formula, some also in full width.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_text(analysis: Analysis) -> str:
    """The table with a header; free text that a spreadsheet would run gets an apostrophe."""
    rows = list(_rows(analysis))
    labels = dict.fromkeys(label for _, scores in rows for label in scores.labels)
    # The default line ends, as in RFC 4180: with others, csv leaves a lone \r unquoted.
    table = csv.DictWriter(file := StringIO(), [*COLUMNS, *(f"p_{label}" for label in labels)])
    table.writeheader()
    for row, scores in rows:
        table.writerow(
            {
                "source": plain_text(analysis.source),
                "top": scores.top or "",
                "confidence": round(scores.confidence, 6),
                **row,
                **{
                    f"p_{label}": round(share, 6)
                    for label, share in zip(scores.labels, scores.probabilities, strict=True)
                },
            }
        )
    return file.getvalue()


def plain_text(text: str) -> str:
    """The text, marked as text where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _rows(analysis: Analysis) -> Iterator[tuple[dict[str, Any], Scores]]:
    for face in analysis.faces:
        corners = zip(("x1", "y1", "x2", "y2"), face.box_xyxy, strict=True)
        yield (
            {
                "modality": "face",
                "time_s": round(face.time_s, 3),
                "track_id": face.track_id,
                **{name: round(value, 2) for name, value in corners},
                "detection_score": round(face.detection_score, 4),
            },
            face.scores,
        )
    for voice in analysis.voice:
        yield {"modality": "voice", **_span(voice.start_s, voice.end_s)}, voice.scores
    for words in analysis.words:
        span = _span(words.start_s, words.end_s)
        yield {"modality": "words", **span, "text": plain_text(words.text)}, words.scores
    for fused in analysis.fused:
        stretch = {} if fused.end_s is None else _span(fused.time_s, fused.end_s)
        yield (
            {
                "modality": "fused",
                "time_s": round(fused.time_s, 3),
                **stretch,
                "track_id": "" if fused.track_id is None else fused.track_id,
                **{f"weight_{name}": round(w, 4) for name, w in fused.weights.items()},
                "congruence": "" if fused.congruence is None else round(fused.congruence, 4),
            },
            fused.scores,
        )


def _span(start_s: float, end_s: float) -> dict[str, float]:
    return {"start_s": round(start_s, 3), "end_s": round(end_s, 3)}
