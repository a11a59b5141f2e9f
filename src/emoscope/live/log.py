"""A live session as a table: one row per moment, as CSV or Parquet.

Cells that say nothing are empty. The columns:

- ``started_at``: when the session began, UTC, ISO 8601, the same in each row; add ``time_s`` to it
- ``time_s``: the moment, seconds since then
- ``frame_time_s``: of the frame that was read, on the same clock
- ``faces``: how many are in view
- ``track_id``, ``x1``, ``y1``, ``x2``, ``y2``, ``face_held``: of the face that leads
- ``face_label``, ``face_confidence``, ``face_<emotion>``: of the same, smoothed; the shared seven
- ``speaking``, ``level_dbfs``: of the sound
- ``voice_start_s``, ``voice_end_s``, ``voice_held``, ``voice_label``, ``voice_confidence``,
  ``voice_<emotion>``: the last reading of the voice
- ``fused_label``, ``fused_confidence``, ``congruence``, ``fused_<emotion>``: all together
- ``translated_to``, ``translated_label``, ``translated_confidence``: the side that is missing
- ``all_faces``: every face as JSON
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TextIO

from emoscope._closing import Closing
from emoscope._optional import require
from emoscope.export.files import atomic_path
from emoscope.labels import SHARED
from emoscope.live.state import LiveState
from emoscope.results import Scores

FLUSH_ROWS = 50
"""After so many rows they are on the disk (CSV), or a group is finished (Parquet)."""

_WHOLE = ("faces", "track_id")
_TRUTHS = ("face_held", "speaking", "voice_held")
_TEXTS = (
    "started_at",
    "face_label",
    "voice_label",
    "fused_label",
    "translated_to",
    "translated_label",
    "all_faces",
)
COLUMNS = (
    "started_at",
    "time_s",
    "frame_time_s",
    "faces",
    "track_id",
    "x1",
    "y1",
    "x2",
    "y2",
    "face_held",
    "face_label",
    "face_confidence",
    *(f"face_{name}" for name in SHARED),
    "speaking",
    "level_dbfs",
    "voice_start_s",
    "voice_end_s",
    "voice_held",
    "voice_label",
    "voice_confidence",
    *(f"voice_{name}" for name in SHARED),
    "fused_label",
    "fused_confidence",
    "congruence",
    *(f"fused_{name}" for name in SHARED),
    "translated_to",
    "translated_label",
    "translated_confidence",
    "all_faces",
)


class LiveLog(Closing):
    """Writes states as they come; a context manager, and what ``on_reading`` may call.

    A CSV file holds what came so far whatever happens; a Parquet file appears when the log is
    closed.

    Args:
        path: ends in ``.csv`` or ``.parquet``.
        now: the time of the day when the session begins.

    Raises:
        ValueError: the path ends in something else.
        MissingExtraError: Parquet without the ``parquet`` extra.
        OSError: the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        path = Path(path)
        self._started_at = now().isoformat(timespec="milliseconds")
        self._waiting = 0
        self._table: _Table
        if path.suffix.lower() == ".csv":
            self._table = _Csv(path)
        elif path.suffix.lower() == ".parquet":
            self._table = _Parquet(path)
        else:
            raise ValueError(f"{path}: a log ends in .csv or .parquet")

    def __call__(self, state: LiveState) -> None:
        """Write what holds now."""
        self._table.add({"started_at": self._started_at, **row(state)})
        self._waiting += 1
        if self._waiting >= FLUSH_ROWS:
            self._table.flush()
            self._waiting = 0

    def close(self) -> None:
        """Finish the file; may be called again."""
        self._table.close()


def row(state: LiveState) -> dict[str, Any]:
    """One moment by column; what is missing says nothing."""
    found: dict[str, Any] = {
        "time_s": round(state.time_s, 3),
        "faces": len(state.faces),
        "speaking": state.speaking,
        "level_dbfs": round(state.level_dbfs, 1),
        "all_faces": json.dumps([face.to_dict() for face in state.faces]),
    }
    if state.frame_time_s is not None:
        found["frame_time_s"] = round(state.frame_time_s, 3)
    face, voice = state.leading_face, state.voice
    if face is not None:
        corners = (round(value, 1) for value in face.box_xyxy)
        found |= dict(zip(("x1", "y1", "x2", "y2"), corners, strict=True))
        found |= {"track_id": face.track_id, "face_held": face.held}
        found |= _said("face", face.scores, face.label, face.confidence)
    if voice is not None:
        found |= {"voice_start_s": round(voice.start_s, 3), "voice_end_s": round(voice.end_s, 3)}
        found |= {"voice_held": voice.held}
        found |= _said("voice", voice.scores, voice.label, voice.confidence)
    if state.fused is not None:
        scores, sure = state.fused.scores, state.fused_confidence
        found |= _said("fused", scores, state.fused_label, sure or scores.confidence)
        found["congruence"] = state.fused.congruence
    if state.translated is not None:
        translated = state.translated
        found |= {"translated_to": translated.to, "translated_label": translated.scores.top}
        found["translated_confidence"] = round(translated.scores.confidence, 4)
    return found


def _said(what: str, scores: Scores, label: str | None, confidence: float) -> dict[str, Any]:
    shared = {f"{what}_{name}": round(value, 4) for name, value in scores.shared.items()}
    return {f"{what}_label": label, f"{what}_confidence": round(confidence, 4), **shared}


class _Table(Protocol):
    def add(self, cells: Mapping[str, Any]) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class _Csv:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.DictWriter(self._file, COLUMNS)
        self._rows.writeheader()

    def add(self, cells: Mapping[str, Any]) -> None:
        if not self._file.closed:
            self._rows.writerow(cells)

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._arrow: Any = require("pyarrow", extra="parquet")
        parquet: Any = require("pyarrow.parquet", extra="parquet")
        kinds = {
            **dict.fromkeys(COLUMNS, self._arrow.float64()),
            **dict.fromkeys(_WHOLE, self._arrow.int64()),
            **dict.fromkeys(_TRUTHS, self._arrow.bool_()),
            **dict.fromkeys(_TEXTS, self._arrow.string()),
        }
        self._schema = self._arrow.schema(list(kinds.items()))
        self._rows: list[Mapping[str, Any]] = []
        self._place = atomic_path(path)
        self._writer: Any = parquet.ParquetWriter(self._place.__enter__(), self._schema)

    def add(self, cells: Mapping[str, Any]) -> None:
        self._rows.append(cells)

    def flush(self) -> None:
        if self._rows and self._writer is not None:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, self._schema))
        self._rows = []

    def close(self) -> None:
        if self._writer is None:
            return
        self.flush()
        self._writer.close()
        self._writer = None
        self._place.__exit__(None, None, None)
