"""The folder ``report/``: figures, words and pictures of one evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.errors import ModelError
from emoscope.export.files import atomic_path
from emoscope.training.datasets.corpora import FaceCorpus, SpeechCorpus
from emoscope.training.predictions import Predictions
from emoscope.training.report.confusion import draw_confusion
from emoscope.training.report.curves import draw_curves
from emoscope.training.report.reliability import draw_reliability
from emoscope.training.report.sheet import draw_mistakes
from emoscope.training.report.text import title, to_markdown

if TYPE_CHECKING:
    from emoscope.training.evaluate.figures import Evaluation

PICTURES = ("confusion.png", "reliability.png", "curves.png", "mistakes.png")


def write_report(
    evaluation: Evaluation,
    predictions: Predictions,
    folder: Path,
    *,
    curves: Path | None = None,
    items: FaceCorpus | SpeechCorpus | None = None,
) -> None:
    """Write ``evaluation.json``, ``report.md`` and its pictures.

    Each file is there whole or not at all, and ``evaluation.json`` comes last: where it stands,
    the report is finished.

    Args:
        evaluation: what was found.
        predictions: the answers that its main figure is of.
        folder: made where it is missing; an older report in it is replaced.
        curves: a run's ``curves.csv``; None: no ``curves.png``.
        items: what was answered, found by name; None: no ``mistakes.png``.

    Raises:
        ValueError: the predictions are not those of the evaluation.
        DatasetError: ``curves`` is no such table.
        MissingExtraError: matplotlib is not installed.
        ModelError: the folder cannot be written.
    """
    metrics = evaluation.main.metrics
    if (predictions.labels, len(predictions)) != (metrics.labels, metrics.n):
        raise ValueError(
            f"expected predictions of {metrics.n} items and labels {metrics.labels}, "
            f"got {len(predictions)} and {predictions.labels}"
        )
    finished = folder / "evaluation.json"
    try:
        finished.unlink(missing_ok=True)
        drawn = _draw(evaluation, predictions, folder, curves, items)
        _write(folder / "report.md", to_markdown(evaluation, drawn))
        document = json.dumps(evaluation.to_dict(), ensure_ascii=False, indent=2, allow_nan=False)
        _write(finished, document + "\n")
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot write the report: {error.strerror or error}; make room there, "
            "then run it again"
        ) from error


def _draw(
    evaluation: Evaluation,
    predictions: Predictions,
    folder: Path,
    curves: Path | None,
    items: FaceCorpus | SpeechCorpus | None,
) -> list[str]:
    """Draw what there is, remove what an older report had beyond; names of the pictures."""
    name = title(evaluation)
    metrics, probs, truth = evaluation.main.metrics, predictions.probs, predictions.truth
    draw_confusion(metrics, name, folder / "confusion.png")
    draw_reliability(metrics, probs, truth, name, folder / "reliability.png")
    drawn = ["confusion.png", "reliability.png"]
    if curves is not None:
        draw_curves(curves, evaluation.model, folder / "curves.png")
        drawn.append("curves.png")
    if items is not None and draw_mistakes(predictions, items, name, folder / "mistakes.png"):
        drawn.append("mistakes.png")
    for old in set(PICTURES) - set(drawn):
        (folder / old).unlink(missing_ok=True)
    return drawn


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
