from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from emoscope.errors import DatasetError, ModelError
from emoscope.labels import SHARED
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.evaluate.figures import Evaluation, Figure
from emoscope.training.metrics import measure
from emoscope.training.predictions import Predictions
from emoscope.training.report import write, write_report

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

N = 21


@pytest.fixture
def predictions() -> Predictions:
    truth = np.arange(N) % 7
    probs = np.full((N, 7), 0.05)
    probs[np.arange(N), np.where(np.arange(N) < 14, truth, (truth + 1) % 7)] = 0.7
    names = tuple(f"{row}.png" for row in range(N))
    return Predictions(names, truth, probs, SHARED, ("",) * N)


@pytest.fixture
def evaluation(predictions: Predictions) -> Evaluation:
    metrics = measure(predictions.probs, predictions.truth, SHARED)
    figure = Figure("unseen", "some pictures", metrics)
    return Evaluation("face", "m@1", "fer2013", "validation", figure)


@pytest.fixture
def items(predictions: Predictions) -> FaceCorpus:
    crops = np.zeros((N, 48, 48), np.uint8)
    return FaceCorpus.of(crops, predictions.truth, predictions.names)


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    path = tmp_path / "curves.csv"
    path.write_text("epoch,loss\n1,2.0\n2,1.0\n")
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_report_is_whole(
    tmp_path: Path,
    predictions: Predictions,
    evaluation: Evaluation,
    items: FaceCorpus,
    curves: Path,
) -> None:
    folder = tmp_path / "run" / "report"
    write_report(evaluation, predictions, folder, curves=curves, items=items)
    pictures = {"confusion.png", "reliability.png", "curves.png", "mistakes.png"}
    assert names(folder) == {"evaluation.json", "report.md", *pictures}
    assert json.loads((folder / "evaluation.json").read_text()) == evaluation.to_dict()
    text = (folder / "report.md").read_text()
    assert set(re.findall(r"\]\((.+?)\)", text)) == pictures
    # Written again without them, neither picture nor link is left of the older report.
    write_report(evaluation, predictions, folder)
    assert names(folder) == {"evaluation.json", "report.md", "confusion.png", "reliability.png"}
    assert "mistakes.png" not in (folder / "report.md").read_text()


def test_an_interrupted_report_is_not_taken_for_whole(
    tmp_path: Path,
    predictions: Predictions,
    evaluation: Evaluation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_report(evaluation, predictions, tmp_path / "report")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "draw_reliability", stop)
    with pytest.raises(KeyboardInterrupt):
        write_report(evaluation, predictions, tmp_path / "report")
    assert "evaluation.json" not in names(tmp_path / "report")
    assert not [name for name in names(tmp_path / "report") if name.startswith(".")]


def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, predictions: Predictions, evaluation: Evaluation
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot write the report") as caught:
        write_report(evaluation, predictions, tmp_path / "file" / "report")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_said(
    tmp_path: Path,
    predictions: Predictions,
    evaluation: Evaluation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write, "draw_confusion", full)
    with pytest.raises(ModelError, match="No space left"):
        write_report(evaluation, predictions, tmp_path / "report")
    assert not (tmp_path / "report" / "evaluation.json").exists()


def test_predictions_of_another_evaluation_are_refused(
    tmp_path: Path, predictions: Predictions, evaluation: Evaluation
) -> None:
    twice = Predictions.join([predictions, predictions])
    with pytest.raises(ValueError, match="expected predictions of 21 items"):
        write_report(evaluation, twice, tmp_path)


def test_curves_that_are_none_are_said(
    tmp_path: Path, predictions: Predictions, evaluation: Evaluation
) -> None:
    with pytest.raises(DatasetError, match=r"gone\.csv"):
        write_report(evaluation, predictions, tmp_path / "report", curves=tmp_path / "gone.csv")
