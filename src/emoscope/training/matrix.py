"""The cross-corpus table: trained on each corpus, measured on all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoscope.errors import DatasetError
from emoscope.export.files import atomic_path
from emoscope.training.datasets import load as corpora
from emoscope.training.evaluate.items import predict
from emoscope.training.metrics import Metrics, measure
from emoscope.training.report.matrix_picture import draw_matrix
from emoscope.training.run import Plan, Progress, Say, train


@dataclass(frozen=True)
class Cell:
    """One model on one corpus.

    Attributes:
        trained_on: corpus that was learnt from.
        tested_on: corpus that was reported.
        protocol: in words.
        metrics: in the emotions that both corpora have.
    """

    trained_on: str
    tested_on: str
    protocol: str
    metrics: Metrics

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "trained_on": self.trained_on,
            "tested_on": self.tested_on,
            "protocol": self.protocol,
            **self.metrics.to_dict(),
        }


@dataclass(frozen=True)
class Matrix:
    """All cells of a table.

    Attributes:
        recipe: that made the models.
        corpora: in the order of rows and columns.
        cells: row by row.
    """

    recipe: str
    corpora: tuple[str, ...]
    cells: tuple[Cell, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema": "emoscope.matrix/1",
            "recipe": self.recipe,
            "corpora": list(self.corpora),
            "cells": [cell.to_dict() for cell in self.cells],
        }

    def to_markdown(self) -> str:
        """A table for people: UAR in percent, its 95% interval, n."""
        lines = [
            f"# {self.recipe}: trained on a row, measured on a column",
            "",
            "UAR with its 95% interval (bootstrap by item) and number of items; in the emotions "
            "that both corpora have. On the diagonal: speakers or pictures that were not learnt "
            "from. Elsewhere: the whole of the other corpus.",
            "",
            "| trained on | " + " | ".join(self.corpora) + " |",
            "| --- |" + " --- |" * len(self.corpora),
        ]
        for row in self.corpora:
            cells = [cell for cell in self.cells if cell.trained_on == row]
            lines.append(f"| {row} | " + " | ".join(_text(cell.metrics) for cell in cells) + " |")
        lines += ["", "![the table as a picture](matrix.png)", ""]
        lines += [f"- {c.trained_on} → {c.tested_on}: {c.protocol}" for c in self.cells]
        return "\n".join(lines) + "\n"


def cross_corpus(
    plan: Plan, out: Path, *, say: Say = lambda line: None, progress: Progress | None = None
) -> Matrix:
    """Train the plan's recipe on each of its corpora, or read the run that stands there.

    Args:
        plan: its ``data`` names at least two corpora; its protocol is that of the diagonal
            (None: the corpus' own split for faces, speakers for voices).
        out: takes a run for each corpus, ``matrix.json``, ``matrix.md`` and ``matrix.png``.
        say: called with a line after each step.
        progress: called with steps done and steps in all.

    Raises:
        DatasetError: fewer than two corpora, or one that is missing or cannot be split.
        ModelError: a run that stands there was asked something else.
    """
    if len(plan.data) < 2:
        raise DatasetError("a cross-corpus table needs two corpora; give --data twice")
    cells = []
    for trained_on, folder in plan.data.items():
        say(f"trained on {trained_on}")
        run_dir = out / trained_on
        own = dataclasses.replace(plan, data={trained_on: folder})
        found = train(own, run_dir, resume=True, say=say, progress=progress)
        for tested_on in plan.data:
            if tested_on == trained_on:
                main = found.main
                cells.append(Cell(trained_on, tested_on, main.protocol, main.metrics))
            else:
                say(f"{trained_on} → {tested_on}")
                cells.append(_cross(run_dir, trained_on, tested_on, plan.data, progress))
    matrix = Matrix(plan.recipe, tuple(plan.data), tuple(cells))
    _write(matrix, out)
    return matrix


def _cross(
    run_dir: Path,
    trained_on: str,
    tested_on: str,
    data: Mapping[str, Path],
    progress: Progress | None,
) -> Cell:
    items = corpora.load(tested_on, data[tested_on], progress)
    found = predict(run_dir, items)
    groups = found.speakers if any(found.speakers) else None
    metrics = measure(found.probs, found.truth, found.labels, groups)
    text = (
        f"trained on {trained_on}, all of {tested_on} reported; "
        f"{len(found.labels)} classes: {', '.join(found.labels)}"
    )
    return Cell(trained_on, tested_on, text, metrics)


def _text(metrics: Metrics) -> str:
    low, high = metrics.uar_interval
    return f"{metrics.uar:.1%} ({low * 100:.1f} to {high * 100:.1f}, n {metrics.n:,})"


def _write(matrix: Matrix, out: Path) -> None:
    text = json.dumps(matrix.to_dict(), ensure_ascii=False, indent=2, allow_nan=False)
    for name, content in (("matrix.json", text + "\n"), ("matrix.md", matrix.to_markdown())):
        with atomic_path(out / name) as part:
            part.write_text(content, encoding="utf-8")
    rows = [
        [c.metrics.uar for c in matrix.cells if c.trained_on == name] for name in matrix.corpora
    ]
    counts = [
        [c.metrics.n for c in matrix.cells if c.trained_on == name] for name in matrix.corpora
    ]
    draw_matrix(matrix.recipe, matrix.corpora, rows, counts, out / "matrix.png")
