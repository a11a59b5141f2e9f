"""Rows of some files as arrays, file after file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.labels import COLOURS, SHARED

MODALITIES = ("face", "voice", "words", "fused")
UNSURE = "unsure"
LABELS: tuple[str, ...] = (*SHARED, *(n for n in COLOURS if n not in SHARED), UNSURE)
"""What a reading can say, in the order in which it is shown."""


@dataclass
class Runs:
    """Rows of whole files.

    Attributes:
        columns: name to Arrow array; those that the table does not have are missing.
        starts: the first row of each file.
        run: number of the file of each row, from 0.
        modality: number among the modalities, -1 where nothing was read.
        label: number among the labels.
        counts: ``(file, modality, label)`` readings.
    """

    columns: dict[str, Any]
    starts: NDArray[np.int64]
    run: NDArray[np.int64]
    modality: NDArray[np.int64]
    label: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self.starts)

    def text(self, name: str, rows: NDArray[np.int64]) -> list[str | None]:
        """Cells of a column of text."""
        if name not in self.columns:
            return [None] * len(rows)
        found: list[str | None] = self.columns[name].take(rows).to_pylist()
        return found

    def number(self, name: str) -> NDArray[np.float64]:
        """A column of numbers, NaN where it says nothing."""
        if name not in self.columns:
            return np.full(len(self.run), np.nan)
        values = self.columns[name].to_numpy(zero_copy_only=False)
        return np.asarray(values, np.float64)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        return self.number("confidence")

    @cached_property
    def congruence(self) -> NDArray[np.float64]:
        return self.number("congruence")

    @cached_property
    def time_s(self) -> NDArray[np.float64]:
        """The moment, or where the stretch begins."""
        moment = self.number("time_s")
        return np.where(np.isnan(moment), self.number("start_s"), moment)

    @cached_property
    def moving(self) -> NDArray[np.bool_]:
        """Whether a row is of something that has a duration."""
        if "kind" not in self.columns:
            return np.ones(len(self.run), bool)
        kinds = coded(self.columns["kind"])
        moves = np.array([*(name != "image" for name in kinds.dictionary.to_pylist()), False])
        codes = kinds.indices.fill_null(len(moves) - 1).to_numpy(zero_copy_only=False)
        found: NDArray[np.bool_] = moves[codes.astype(np.int64)]
        return found


def runs_of(rows: Any) -> Runs:
    """A table of whole files, taken apart."""
    columns = {name: whole(rows.column(name)) for name in rows.column_names}
    codes = coded(columns["source"]).indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    run = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(codes)))
    modality = _codes(columns["modality"], MODALITIES, -1)
    label = _codes(columns["top"], LABELS, len(LABELS) - 1)
    counts = np.zeros((len(starts), len(MODALITIES), len(LABELS)), np.int64)
    read = modality >= 0
    np.add.at(counts, (run[read], modality[read], label[read]), 1)
    return Runs(columns, starts, run, modality, label, counts)


def coded(column: Any) -> Any:
    """A column of text as numbers with the texts that they stand for."""
    return whole(column).dictionary_encode()


def whole(column: Any) -> Any:
    """A column in one piece."""
    return column.combine_chunks() if hasattr(column, "chunks") else column


def _codes(column: Any, known: tuple[str, ...], other: int) -> NDArray[np.int64]:
    """Number of each value among the known ones; ``other`` for null and for anything else."""
    found = coded(column)
    names = found.dictionary.to_pylist()
    places = [known.index(name) if name in known else other for name in names]
    table = np.array([*places, other], np.int64)
    indices = found.indices.fill_null(len(places)).to_numpy(zero_copy_only=False)
    codes: NDArray[np.int64] = table[indices.astype(np.int64)]
    return codes
