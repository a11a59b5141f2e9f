"""The few files and moments of a table that are worth a look, found while the rest streams by."""

from __future__ import annotations

import heapq
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.batch.report.runs import LABELS, MODALITIES, Runs

FILES, MOMENTS, FAILURES = 60, 15, 200
"""How many of each are kept."""


@dataclass(frozen=True)
class FileLine:
    """One file.

    Attributes:
        source: its name.
        kind: of medium.
        duration_s: its length, 0 for a picture.
        counts: modality to label to number of readings.
        confidence: the mean over its readings.
        congruence: the mean over its moments; None where no two modalities spoke together.
    """

    source: str
    kind: str
    duration_s: float
    counts: dict[str, dict[str, int]]
    confidence: float
    congruence: float | None


@dataclass(frozen=True)
class Apart:
    """A moment in which modalities disagree: the least congruent one of its file.

    Attributes:
        source: the file.
        time_s: when.
        congruence: how far they agree.
        said: modality to what it says there.
    """

    source: str
    time_s: float
    congruence: float
    said: dict[str, str]


@dataclass
class Lists:
    """What is worth a look.

    Attributes:
        files: those with most readings, as they came; all where there are few.
        unsure: those with the least confidence, least first.
        apart: the moments with the least congruence, one a file, least first.
        failures: ``(source, reason, error)``, the first ones.
    """

    files: list[FileLine] = field(default_factory=list)
    unsure: list[FileLine] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    _seen: int = 0
    _most: list[tuple[float, int, FileLine]] = field(default_factory=list)
    _least_sure: list[tuple[float, int, FileLine]] = field(default_factory=list)
    _furthest: list[tuple[float, int, Apart]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """All as JSON takes it."""
        return {
            "per_file": [asdict(line) for line in self.files],
            "least_confident": [asdict(line) for line in self.unsure],
            "least_congruent": [asdict(one) for one in self.apart],
            "failures": [
                {"source": source, "reason": reason, "error": error}
                for source, reason, error in self.failures
            ],
        }

    def add(self, runs: Runs) -> None:
        """Look at some files more."""
        read = runs.modality >= 0
        totals = runs.counts.sum((1, 2))
        some = np.flatnonzero(totals > 0)
        sums = np.bincount(runs.run[read], runs.confidence[read], runs.count)
        mean = np.divide(sums, totals, out=np.ones(runs.count), where=totals > 0)
        for row in _highest(totals[some].astype(float), FILES):
            number = int(some[row])
            self._keep(self._most, FILES, float(totals[number]), number, runs, mean)
        for row in _highest(-mean[some], MOMENTS):
            number = int(some[row])
            self._keep(self._least_sure, MOMENTS, -float(mean[number]), number, runs, mean)
        self._add_apart(runs)
        self._add_failures(runs)
        self._seen += runs.count
        self.files = [line for _, _, line in sorted(self._most, key=lambda kept: -kept[1])]
        self.unsure = [line for _, _, line in sorted(self._least_sure, reverse=True)]
        self.apart = [one for _, _, one in sorted(self._furthest, reverse=True)]

    def _keep(
        self,
        heap: list[tuple[float, int, FileLine]],
        most: int,
        value: float,
        number: int,
        runs: Runs,
        mean: NDArray[np.float64],
    ) -> None:
        # Earlier files win ties: the number that grows counts downwards.
        place = -(self._seen + number)
        if len(heap) < most or (value, place) > heap[0][:2]:
            line = _line(runs, number, float(mean[number]))
            (heapq.heappush if len(heap) < most else heapq.heapreplace)(heap, (value, place, line))

    def _add_apart(self, runs: Runs) -> None:
        rows = np.flatnonzero(~np.isnan(runs.congruence))
        if not len(rows):
            return
        order = rows[np.lexsort((rows, runs.congruence[rows], runs.run[rows]))]
        first = order[np.flatnonzero(np.diff(runs.run[order], prepend=-1))]
        for place in _highest(-runs.congruence[first], MOMENTS):
            row = int(first[place])
            value = -float(runs.congruence[row])
            number = -(self._seen + int(runs.run[row]))
            full = len(self._furthest) >= MOMENTS
            if not full or (value, number) > self._furthest[0][:2]:
                push = heapq.heapreplace if full else heapq.heappush
                push(self._furthest, (value, number, _apart(runs, row)))

    def _add_failures(self, runs: Runs) -> None:
        if len(self.failures) >= FAILURES or "reason" not in runs.columns:
            return
        reasons = runs.text("reason", runs.starts)
        failed = [number for number, reason in enumerate(reasons) if reason]
        rows = runs.starts[failed[: FAILURES - len(self.failures)]]
        cells = (runs.text(name, rows) for name in ("source", "reason", "error"))
        self.failures += [(s or "", r or "", e or "") for s, r, e in zip(*cells, strict=True)]


def _highest(values: NDArray[np.float64], most: int) -> list[int]:
    """Places of the highest values, the first of equal ones first."""
    found: list[int] = np.argsort(-values, kind="stable")[:most].tolist()
    return found


def _line(runs: Runs, number: int, confidence: float) -> FileLine:
    rows = np.flatnonzero(runs.run == number)
    first = rows[:1]
    duration_s = runs.number("duration_s")[first[0]]
    agreed = runs.congruence[rows]
    agreed = agreed[~np.isnan(agreed)]
    counts = {
        modality: {n: int(c) for n, c in zip(LABELS, row, strict=True) if c}
        for modality, row in zip(MODALITIES, runs.counts[number], strict=True)
        if row.any()
    }
    return FileLine(
        source=runs.text("source", first)[0] or "",
        kind=runs.text("kind", first)[0] or "",
        duration_s=0.0 if np.isnan(duration_s) else round(float(duration_s), 3),
        counts=counts,
        confidence=round(confidence, 4),
        congruence=round(float(agreed.mean()), 4) if len(agreed) else None,
    )


def _apart(runs: Runs, row: int) -> Apart:
    """What face, voice and words say at the moment of a fused row."""
    same = np.flatnonzero(runs.run == runs.run[row])
    time_s, start_s, end_s = runs.time_s[same], runs.number("start_s")[same], runs.number("end_s")
    end_s = end_s[same]
    when = float(runs.time_s[row])
    track = runs.number("track_id")[same]
    whose = runs.number("track_id")[row]
    said = {}
    for index, modality in enumerate(MODALITIES[:3]):
        of_it = runs.modality[same] == index
        if modality == "face":
            here = of_it & (np.abs(time_s - when) < 1e-6)
            here &= (track == whose) | np.isnan(whose)
        else:
            here = of_it & (start_s <= when + 1e-3) & (when <= end_s + 1e-3)
        if here.any():
            said[modality] = LABELS[int(runs.label[same][np.flatnonzero(here)[0]])]
    source = runs.text("source", np.array([row]))[0] or ""
    return Apart(source, round(when, 3), round(float(runs.congruence[row]), 4), said)
