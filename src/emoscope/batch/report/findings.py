"""Counts over a table of results, file after file; however many there are, one is in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope._optional import require
from emoscope.batch.report.lists import Lists
from emoscope.batch.report.runs import LABELS, MODALITIES, Runs, coded, runs_of
from emoscope.errors import BatchError

BINS = 20
"""Of histograms over [0, 1]."""
APART = 0.5
"""Below this congruence modalities are said to disagree."""

_ROWS = 50_000
_STEP_S = 1.0
_MOST_STEPS = 24 * 3600
_NEEDED = ("source", "modality", "top", "confidence", "time_s", "start_s", "end_s", "congruence")
_WANTED = (*_NEEDED, "kind", "duration_s", "track_id", "reason", "error")


@dataclass
class Findings:
    """What was counted.

    Attributes:
        table: what was read.
        rows: how many it has.
        files: distinct inputs, of them ``failed`` (by reason) and ``empty`` (nothing found).
        kinds: inputs by kind of medium.
        duration_s: of all media.
        speech_s: of all speech.
        readings: ``(modality, label)`` counts.
        by_file: the same, of the most frequent label of each file.
        confidence: ``(modality, bin)`` counts.
        congruence: ``(bin,)`` counts of the moments in which several modalities spoke.
        disagreements: of those, below :data:`APART`.
        face_voice: ``(label, label)`` files by what their faces and what their voices mostly say.
        over_time: ``(modality, step, label)`` counts in videos and recordings.
        step_s: how long a step is.
        lists: files and moments worth a look.
    """

    table: str
    rows: int = 0
    files: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    duration_s: float = 0.0
    speech_s: float = 0.0
    readings: NDArray[np.int64] = field(default_factory=lambda: _zeros(len(LABELS)))
    by_file: NDArray[np.int64] = field(default_factory=lambda: _zeros(len(LABELS)))
    confidence: NDArray[np.int64] = field(default_factory=lambda: _zeros(BINS))
    congruence: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    disagreements: int = 0
    face_voice: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((len(LABELS), len(LABELS)), np.int64)
    )
    over_time: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((len(MODALITIES), 0, len(LABELS)), np.int64)
    )
    step_s: float = _STEP_S
    lists: Lists = field(default_factory=Lists)

    @property
    def together(self) -> int:
        """Moments in which several modalities spoke."""
        return int(self.congruence.sum())

    def shares(self, counts: NDArray[np.int64]) -> dict[str, dict[str, float]]:
        """Modality to label to share, of what there is."""
        found = {}
        for modality, row in zip(MODALITIES, counts, strict=True):
            if total := int(row.sum()):
                pairs = zip(LABELS, row.tolist(), strict=True)
                found[modality] = {name: round(n / total, 4) for name, n in pairs if n}
        return found

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON takes them."""
        failed = dict(self.failed.most_common())
        return {
            "table": self.table,
            "rows": self.rows,
            "files": self.files,
            "failed": failed,
            "empty": self.empty,
            "kinds": dict(self.kinds.most_common()),
            "duration_s": round(self.duration_s, 3),
            "speech_s": round(self.speech_s, 3),
            "readings": {
                name: int(row.sum()) for name, row in zip(MODALITIES, self.readings, strict=True)
            },
            "shares": self.shares(self.readings),
            "shares_by_file": self.shares(self.by_file),
            "together": self.together,
            "disagreements": self.disagreements,
            **self.lists.to_dict(),
        }


def count(path: Path) -> Findings:
    """Count what a table of results says.

    Args:
        path: a Parquet file that ``emoscope batch``, ``analyze`` or ``history export`` wrote; the
            rows of one input follow each other.

    Raises:
        MissingExtraError: pyarrow is not installed.
        BatchError: it cannot be read, or is no such table.
    """
    arrow = require("pyarrow", extra="batch")
    parquet = require("pyarrow.parquet", extra="batch")
    found = Findings(str(path))
    try:
        with parquet.ParquetFile(path) as table:
            names = set(table.schema_arrow.names)
            if missing := [name for name in _NEEDED if name not in names]:
                raise BatchError(
                    f"{path}: no table of results (no column {missing[0]!r}); give one that "
                    "'emoscope batch' or 'analyze --format parquet' wrote"
                )
            columns = [name for name in _WANTED if name in names]
            batches = table.iter_batches(_ROWS, columns=columns, use_threads=False)
            for rows in _whole_files(batches, arrow):
                _add(found, rows)
    except (OSError, arrow.ArrowException) as error:
        told = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise BatchError(f"{path}: cannot read it: {told}; give a Parquet file") from error
    _shorten(found)
    return found


def _whole_files(batches: Iterator[Any], arrow: Any) -> Iterator[Any]:
    """Tables in which no input's rows are cut off."""
    rest = None
    for batch in batches:
        rows = arrow.Table.from_batches([batch])
        rows = rows if rest is None else arrow.concat_tables([rest, rows]).combine_chunks()
        if rows.num_rows:
            codes = coded(rows.column("source")).indices.to_numpy()
            other = np.flatnonzero(codes != codes[-1])
            end = int(other[-1]) + 1 if len(other) else 0
            if end:
                yield rows.slice(0, end)
            rest = rows.slice(end)
    if rest is not None and rest.num_rows:
        yield rest


def _add(found: Findings, rows: Any) -> None:
    runs = runs_of(rows)
    found.rows += rows.num_rows
    found.files += runs.count
    first = runs.starts
    reasons = [reason for reason in runs.text("reason", first) if reason]
    found.failed.update(reasons)
    found.empty += int((runs.counts.sum((1, 2)) == 0).sum()) - len(reasons)
    found.kinds.update(kind for kind in runs.text("kind", first) if kind)
    found.duration_s += float(np.nansum(runs.number("duration_s")[first]))
    voice = runs.modality == MODALITIES.index("voice")
    found.speech_s += float(np.nansum((runs.number("end_s") - runs.number("start_s"))[voice]))
    found.readings += runs.counts.sum(0)
    mostly = np.where(runs.counts.sum(2) > 0, runs.counts.argmax(2), -1)
    for index in range(len(MODALITIES)):
        known = mostly[:, index][mostly[:, index] >= 0]
        found.by_file[index] += np.bincount(known, minlength=len(LABELS))
    face, voices = mostly[:, 0], mostly[:, 1]
    both = (face >= 0) & (voices >= 0)
    np.add.at(found.face_voice, (face[both], voices[both]), 1)
    read = runs.modality >= 0
    np.add.at(found.confidence, (runs.modality[read], _bins(runs.confidence[read])), 1)
    agreed = runs.congruence[~np.isnan(runs.congruence)]
    found.congruence += np.bincount(_bins(agreed), minlength=BINS)
    found.disagreements += int((agreed < APART).sum())
    _add_times(found, runs)
    found.lists.add(runs)


def _add_times(found: Findings, runs: Runs) -> None:
    moves = (runs.modality >= 0) & runs.moving & ~np.isnan(runs.time_s)
    steps = np.minimum(runs.time_s[moves] / found.step_s, _MOST_STEPS - 1).astype(np.int64)
    if not len(steps):
        return
    more = int(steps.max()) + 1 - found.over_time.shape[1]
    if more > 0:
        found.over_time = np.pad(found.over_time, ((0, 0), (0, more), (0, 0)))
    np.add.at(found.over_time, (runs.modality[moves], steps, runs.label[moves]), 1)


def _shorten(found: Findings, most: int = 60) -> None:
    """At most so many steps of time, each of a whole number of seconds."""
    steps = found.over_time.shape[1]
    if steps > most:
        times = -(-steps // most)
        found.over_time = np.pad(found.over_time, ((0, 0), (0, -steps % times), (0, 0)))
        shape = (len(MODALITIES), -1, times, len(LABELS))
        found.over_time = found.over_time.reshape(shape).sum(2)
        found.step_s *= times


def _bins(shares: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip((np.nan_to_num(shares) * BINS).astype(np.int64), 0, BINS - 1)


def _zeros(width: int) -> NDArray[np.int64]:
    return np.zeros((len(MODALITIES), width), np.int64)
