"""The project's own pages that are shown here: model cards, responsible use, and matrices."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

_HERE = Path(__file__)
# In an installed package they lie beside the code, in a copy of the repository above it.
_FOLDERS = (_HERE.parents[2] / "docs", _HERE.parents[4] / "docs")
# Links between the project's pages lead nowhere from here; their words stay.
_INNER_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)")


@dataclass(frozen=True)
class Matrix:
    """How often each true label got each answer.

    Attributes:
        model: ``name@version``.
        protocol: what was measured, on what.
        labels: of rows (true) and columns (answers).
        counts: one row for each true label.
    """

    model: str
    protocol: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def n(self) -> int:
        """Items in all."""
        return sum(map(sum, self.counts))


@cache
def page(name: str) -> str | None:
    """A page of the documentation as Markdown, None where this installation has none.

    Args:
        name: for example ``models/emoscope-face.md``.
    """
    for folder in _FOLDERS:
        file = folder / name
        if file.is_file():
            return _INNER_LINK.sub(r"\1", file.read_text(encoding="utf-8"))
    return None


def card(model: str) -> str | None:
    """A model's card without its title."""
    text = page(f"models/{model}.md")
    return None if text is None else text.split("\n", 1)[-1].strip().replace("\n## ", "\n##### ")


@cache
def matrices() -> Mapping[str, Matrix]:
    """By the model's name; measured by ``emoscope evaluate``."""
    entries: list[dict[str, Any]] = json.loads(
        (_HERE.with_name("assets") / "matrices.json").read_text(encoding="utf-8")
    )
    found = [
        Matrix(
            entry["model"],
            entry["protocol"],
            tuple(entry["labels"]),
            tuple(tuple(row) for row in entry["counts"]),
        )
        for entry in entries
    ]
    return MappingProxyType({one.model.split("@")[0]: one for one in found})


def matrix_table(matrix: Matrix) -> str:
    """A matrix as an HTML table: each row's shares, the darker the larger."""
    head = "".join(f"<th scope='col'>{escape(label)}</th>" for label in matrix.labels)
    rows = "".join(
        f"<tr><th scope='row'>{escape(label)}</th>{_cells(row, index)}<td>{sum(row)}</td></tr>"
        for index, (label, row) in enumerate(zip(matrix.labels, matrix.counts, strict=True))
    )
    return (
        '<div class="emo-scroll" tabindex="0" role="group" aria-label="confusion matrix">'
        '<table class="emo-matrix"><caption>Rows: what it is. Columns: what the model says, in '
        f"percent of the row.</caption><thead><tr><td></td>{head}<th scope='col'>n</th></tr>"
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(row: Sequence[int], true: int) -> str:
    total = max(sum(row), 1)
    return "".join(
        f'<td{" class=right" if index == true else ""} style="background:rgba(59,130,196,'
        f'{0.85 * count / total:.2f})">{count / total:.0%}</td>'.replace("%<", "<")
        for index, count in enumerate(row)
    )


def figures(metrics: Mapping[str, Any]) -> list[dict[str, str]]:
    """The measured figures of a model's metadata as rows of a table."""
    rows: list[dict[str, str]] = []
    for corpus, parts in metrics.items():
        if not isinstance(parts, Mapping):
            continue
        for values in parts.values():
            if isinstance(values, Mapping) and "n" in values:
                rows.append(_row(corpus, values))
    return rows


def _row(corpus: str, values: Mapping[str, Any]) -> dict[str, str]:
    def figure(name: str) -> str:
        value, interval = values.get(name), values.get(f"{name}_interval")
        if value is None:
            return "–"
        text = f"{value:.1%}"
        return f"{text} ({interval[0]:.1%} to {interval[1]:.1%})" if interval else text

    row = {
        "measured on": f"{corpus}: {values.get('protocol', '')}",
        "n": f"{values['n']:,}",
        "accuracy": figure("accuracy"),
        "UAR": figure("uar"),
    }
    if "macro_f1" in values:
        row["macro-F1"] = figure("macro_f1")
    row["ECE"] = f"{values['ece']:.3f}" if "ece" in values else "–"
    return row
