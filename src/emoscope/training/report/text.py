"""An evaluation in words and tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from emoscope.training.metrics import Interval, Metrics

if TYPE_CHECKING:  # evaluate writes reports: imported here it would go in a circle
    from emoscope.training.evaluate.figures import Evaluation, Figure

Row = tuple[str, float | None, float | None, float | None, int]
"""Name, precision, recall, F1, items."""
_CONFUSIONS = 5


def classification_table(metrics: Metrics) -> str:
    """Precision, recall, F1 and support of each class, laid out as scikit-learn does.

    A class that does not occur has no recall, one that is never answered no precision; averages
    are over the classes that occur, an absent precision counts as 0.
    """
    rows: list[Row] = list(
        zip(
            metrics.labels,
            metrics.precision,
            metrics.recall,
            metrics.f1,
            metrics.support,
            strict=True,
        )
    )
    there = [row for row in rows if row[4]]
    even = _average("macro avg", there, [1] * len(there))
    weighted = _average("weighted avg", there, [row[4] for row in there])
    width = max(len("weighted avg"), *(len(name) for name in metrics.labels))

    def line(name: str, *cells: str) -> str:
        return (f"{name:>{width}} " + "".join(f"{cell:>10}" for cell in cells)).rstrip()

    def told(row: Row) -> str:
        shares = ("–" if share is None else f"{share:.3f}" for share in row[1:4])
        return line(row[0], *shares, str(row[4]))

    return "\n".join(
        [
            line("", "precision", "recall", "f1-score", "support"),
            "",
            *map(told, rows),
            "",
            line("accuracy", "", "", f"{metrics.accuracy:.3f}", str(metrics.n)),
            told(even),
            told(weighted),
        ]
    )


def _average(name: str, rows: Sequence[Row], weights: Sequence[int]) -> Row:
    values = np.array([[share or 0.0 for share in row[1:4]] for row in rows])
    precision, recall, f1 = np.average(values, axis=0, weights=weights).tolist()
    return name, precision, recall, f1, sum(row[4] for row in rows)


def to_markdown(evaluation: Evaluation, pictures: Sequence[str]) -> str:
    """``report.md``: headline, classes, confusions, pictures, and what a reader must know.

    Args:
        evaluation: what was found.
        pictures: file names beside the report.
    """
    metrics = evaluation.main.metrics
    parts = [
        f"# {_plain(title(evaluation))}",
        f"{_plain(_sentence(evaluation.main.protocol))} n = {metrics.n:,}.",
        *(f"> **Warning.** {_plain(warning)}" for warning in evaluation.warnings),
        "\n".join(_headline([evaluation.main, *evaluation.further])),
        f"## Classes\n\n```text\n{classification_table(metrics)}\n```",
    ]
    if confusions(metrics):
        found = "\n".join(f"- {_plain(line)}" for line in confusions(metrics))
        parts.append(f"Most frequent confusions, by share of the class:\n\n{found}")
    for name in pictures:
        caption = _CAPTIONS[name]
        parts.append(f"## {caption}\n\n![{caption}]({name})")
    told = "\n".join(f"- {_plain(note)}" for note in notes(evaluation))
    parts.append(f"## Notes\n\n{told}")
    return "\n\n".join(parts) + "\n"


_CAPTIONS = {
    "confusion.png": "Confusion matrix",
    "reliability.png": "Reliability diagram",
    "curves.png": "Learning curves",
    "mistakes.png": "Surest mistakes",
}


def title(evaluation: Evaluation) -> str:
    """Model, corpus and part, shortly."""
    return f"{evaluation.model} on {evaluation.corpus}, {evaluation.part}"


def confusions(metrics: Metrics) -> list[str]:
    """The largest mistakes as lines, by their share of the class; none of fewer than two items."""
    found = [
        (count / metrics.support[row], count, row, column)
        for row, counts in enumerate(metrics.confusion)
        for column, count in enumerate(counts)
        if row != column and count > 1
    ]
    found.sort(key=lambda item: (-item[0], -item[1]))
    names = metrics.labels
    return [
        f"{names[row]} → {names[column]}: {share:.0%} ({count:,} of {metrics.support[row]:,})"
        for share, count, row, column in found[:_CONFUSIONS]
    ]


def notes(evaluation: Evaluation) -> list[str]:
    """How the figures came about, a sentence each."""
    metrics = evaluation.main.metrics
    low, high = metrics.ece_if_calibrated
    told = [
        f"Intervals are 95%: accuracy after Wilson, UAR and macro-F1 by bootstrap over "
        f"{metrics.n:,} items.",
        "UAR: unweighted average recall. ECE: expected calibration error, 15 bins. NLL: negative "
        "log-likelihood in nats.",
        "If all answers were exactly as sure as they should be, so many items would have an ECE "
        f"of {low:.3f} to {high:.3f} in 95 of 100 cases (Bröcker and Smith, 2007).",
    ]
    if metrics.uar_interval_by_group is not None:
        told.append(
            f"UAR by bootstrap over speakers: {interval(metrics.uar_interval_by_group)}% "
            "(with few speakers too narrow)."
        )
    if metrics.absent:
        told.append(f"No item is {' or '.join(metrics.absent)}: UAR and F1 leave them out.")
    told.extend(f"{_named(figure)}: {_sentence(figure.protocol)}" for figure in evaluation.further)
    return [*told, *evaluation.notes]


def interval(bounds: Interval) -> str:
    """``64.4 to 67.5``, in percent."""
    return f"{bounds[0] * 100:.1f} to {bounds[1] * 100:.1f}"


def _headline(figures: Sequence[Figure]) -> list[str]:
    rows = [
        "| | n | accuracy | UAR | macro-F1 | ECE (if calibrated) | NLL |",
        "| --- |" + " ---: |" * 6,
    ]
    for number, figure in enumerate(figures):
        m = figure.metrics
        bold = "" if number else "**"
        shares = (
            (m.accuracy, m.accuracy_interval),
            (m.uar, m.uar_interval),
            (m.macro_f1, m.macro_f1_interval),
        )
        cells = (f"{bold}{share:.1%}{bold} ({interval(bounds)})" for share, bounds in shares)
        name = f"{bold}{_plain(_named(figure))}{bold}"
        ece = f"{m.ece:.3f} ({m.ece_if_calibrated[0]:.3f} to {m.ece_if_calibrated[1]:.3f})"
        rows.append(f"| {name} | {m.n:,} | {' | '.join(cells)} | {ece} | {m.nll:.3f} |")
    return rows


def _named(figure: Figure) -> str:
    text = figure.name.replace("ferplus", "FER+").replace("_", " ")
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else text + "."


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return re.sub(r"([\\`*<\[\]|])", r"\\\1", " ".join(text.split()))
