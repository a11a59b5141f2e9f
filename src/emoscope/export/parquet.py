"""All readings as a table of columns (Apache Parquet) that is the same for every input.

One row per reading, in the order faces, voice, words, fused; an input in which nothing was read has
one row, so that no input is missing where tables of many are put together. Cells that say nothing
for a reading are null. The columns:

- ``source``: the input, as it was named
- ``kind``: ``image``, ``audio`` or ``video``
- ``duration_s``: its length in seconds, 0 for a picture
- ``modality``: ``face``, ``voice``, ``words``, ``fused``, or ``none`` where nothing was read
- ``model``: what read it, ``name@version`` (fused: null where one modality speaks alone)
- ``time_s``: the moment, seconds from the start (face, fused)
- ``start_s``, ``end_s``: the stretch, seconds from the start (voice, words, fused without frames)
- ``track_id``: the same number for the same face through a video (face, fused: whose face spoke)
- ``x1``, ``y1``, ``x2``, ``y2``: the box in pixels (face)
- ``detection_score``: the detector's score within [0, 1] (face)
- ``text``: what was said (words)
- ``language``: two or three letters (words)
- ``weight_face``, ``weight_voice``, ``weight_words``: share of each, 0 where it is absent (fused)
- ``congruence``: how far they agree, from 0 to 1, null where fewer than two spoke (fused)
- ``top``: the most probable label, null where the reading abstains
- ``confidence``: its probability
- ``p_angry`` ... ``p_neutral``: probabilities of the shared seven
- ``scores``: probabilities of the model's own labels

Needs the ``parquet`` extra.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from emoscope._optional import require
from emoscope.export.plain import escaped
from emoscope.labels import SHARED, LabelSet
from emoscope.results import SCHEMA, Analysis, Scores

if TYPE_CHECKING:
    import pyarrow

    Table: TypeAlias = pyarrow.Table
    Schema: TypeAlias = pyarrow.Schema

_TEXTS = ("source", "kind", "modality", "model", "text", "language", "top")
_TIMES = ("duration_s", "time_s", "start_s", "end_s")
_COLUMNS = (
    "source",
    "kind",
    "duration_s",
    "modality",
    "model",
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
    "language",
    "weight_face",
    "weight_voice",
    "weight_words",
    "congruence",
    "top",
    "confidence",
    *(f"p_{name}" for name in SHARED),
    "scores",
)


def schema() -> Schema:
    """The columns with their types; the metadata ``emoscope`` names the schema of the results.

    Raises:
        MissingExtraError: the ``parquet`` extra is not installed.
    """
    arrow = require("pyarrow", extra="parquet")
    share = arrow.float32()
    types = {
        **dict.fromkeys(_TEXTS, arrow.string()),
        **dict.fromkeys(_TIMES, arrow.float64()),
        "track_id": arrow.int64(),
        "scores": arrow.map_(arrow.string(), share),
    }
    fields = [(name, types.get(name, share)) for name in _COLUMNS]
    return arrow.schema(fields, metadata={"emoscope": SCHEMA})


def table(analysis: Analysis) -> Table:
    """The readings of one input.

    Raises:
        MissingExtraError: the ``parquet`` extra is not installed.
        ValueError: a reading has labels that no model has.
    """
    arrow = require("pyarrow", extra="parquet")
    whole = {
        "source": escaped(analysis.source),
        "kind": analysis.kind,
        "duration_s": round(analysis.duration_s, 3),
    }
    rows = [{**whole, **row} for row in _rows(analysis)] or [{**whole, "modality": "none"}]
    return arrow.Table.from_pylist(rows, schema=schema())


def parquet_bytes(analysis: Analysis) -> bytes:
    """:func:`table` as a Parquet file; raises the same."""
    parquet = require("pyarrow.parquet", extra="parquet")
    parquet.write_table(table(analysis), file := BytesIO(), compression="zstd")
    return file.getvalue()


def _rows(analysis: Analysis) -> Iterator[dict[str, Any]]:
    models = {role: escaped(model) for role, model in analysis.models.items()}
    for face, answer in _with_answers(analysis.faces):
        corners = zip(("x1", "y1", "x2", "y2"), face.box_xyxy, strict=True)
        yield {
            "modality": "face",
            "model": models.get("face"),
            "time_s": round(face.time_s, 3),
            "track_id": face.track_id,
            **{name: round(value, 2) for name, value in corners},
            "detection_score": face.detection_score,
            **answer,
        }
    for voice, answer in _with_answers(analysis.voice):
        span = _span(voice.start_s, voice.end_s)
        yield {"modality": "voice", "model": models.get("voice"), **span, **answer}
    for said, answer in _with_answers(analysis.words):
        yield {
            "modality": "words",
            "model": models.get("words"),
            **_span(said.start_s, said.end_s),
            "text": escaped(said.text),
            "language": escaped(said.language) if said.language else None,
            **answer,
        }
    for fused, answer in _with_answers(analysis.fused):
        yield {
            "modality": "fused",
            "model": models.get("fusion") if len(fused.modalities) > 1 else None,
            "time_s": round(fused.time_s, 3),
            **({} if fused.end_s is None else _span(fused.time_s, fused.end_s)),
            "track_id": fused.track_id,
            **{f"weight_{name}": weight for name, weight in fused.weights.items()},
            "congruence": fused.congruence,
            **answer,
        }


def _span(start_s: float, end_s: float) -> dict[str, float]:
    return {"start_s": round(start_s, 3), "end_s": round(end_s, 3)}


def _with_answers(readings: Sequence[Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Readings, each with the cells that say what it answers; mapped many at once, for speed."""
    by_labels: dict[tuple[str, ...], list[Scores]] = {}
    for one in readings:
        by_labels.setdefault(one.scores.labels, []).append(one.scores)
    shared = {
        labels: iter(LabelSet(labels).to_shared(np.array([s.probabilities for s in scores])))
        for labels, scores in by_labels.items()
    }
    for one in readings:
        scores = one.scores
        row = next(shared[scores.labels])
        yield (
            one,
            {
                "top": scores.top,
                "confidence": scores.confidence,
                **{f"p_{name}": share for name, share in zip(SHARED, row.tolist(), strict=True)},
                "scores": list(zip(scores.labels, scores.probabilities, strict=True)),
            },
        )
