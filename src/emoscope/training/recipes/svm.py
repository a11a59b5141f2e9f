"""The classical way: MFCC and pitch statistics, scaled, into a support vector machine.

The classifier of many course projects on RAVDESS. Probabilities come from Platt's sigmoid (1999)
over answers to recordings that the machine did not learn from, of other speakers where several are
known.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope._optional import require
from emoscope.errors import DatasetError
from emoscope.labels import LabelSet
from emoscope.media import SAMPLE_RATE
from emoscope.models.metadata import ModelMetadata
from emoscope.training.datasets.corpora import SpeechCorpus
from emoscope.training.recipe import Recipe, Settings
from emoscope.training.svm_export import FLOOR, export_svm
from emoscope.voice.statistics import FEATURES, NAME, speech_statistics

PENALTY = 3.0
FOLDS = 5

Floats = NDArray[np.float64]


class Svm(Recipe[SpeechCorpus]):
    """Statistics → standardised → SVC with a Gaussian kernel, rare classes weighted up.

    Of the settings only ``seed`` and ``progress`` matter: nothing here has epochs or a device.
    """

    name = "svm"
    role = "voice"
    summary = "MFCC and pitch statistics (librosa), support vector machine, calibrated"
    corpora = ("ravdess",)
    protocol = "speakers"
    preprocessing = f"outside the graph: {NAME} by librosa; inside: standardised"

    @property
    def input(self) -> dict[str, Any]:
        return {
            "name": "features",
            "dtype": "float32",
            "shape": ["n", len(FEATURES)],
            "sample_rate": SAMPLE_RATE,
            "features": NAME,
        }

    def train(
        self,
        learn: SpeechCorpus,
        held: SpeechCorpus,
        labels: LabelSet,
        run_dir: Path,
        settings: Settings,
    ) -> TrainedSvm:
        require("skl2onnx", extra="train")  # rather now than after the extraction
        require("sklearn", extra="train")
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC

        _check_labels(learn, labels)
        rows = statistics_rows(learn, progress=settings.progress)
        scaler = StandardScaler().fit(rows)
        machine = SVC(C=PENALTY, class_weight="balanced", random_state=settings.seed)
        folds = calibration_folds(learn.labels, learn.speakers, settings.seed)
        calibrated = CalibratedClassifierCV(machine, method="sigmoid", cv=folds, ensemble=False)
        calibrated.fit(scaler.transform(rows), learn.labels)
        return TrainedSvm(scaler, calibrated, rows, progress=settings.progress)


class TrainedSvm:
    """A trained machine, with the rows ``(n, features)`` that it learnt from."""

    def __init__(self, scaler: Any, classifier: Any, rows: Floats, *, progress: bool) -> None:
        self._scaler, self._classifier, self._rows = scaler, classifier, rows
        self._progress = progress

    def logits(self, items: SpeechCorpus) -> Floats:
        rows = statistics_rows(items, progress=self._progress)
        probs = self._classifier.predict_proba(self._scaler.transform(rows))
        found: Floats = np.log(np.maximum(probs, FLOOR))
        return found

    def export(self, temperature: float, metadata: ModelMetadata, path: Path) -> float:
        return export_svm(self._scaler, self._classifier, self._rows, temperature, metadata, path)


def statistics_rows(items: SpeechCorpus, *, progress: bool = False) -> Floats:
    """:func:`~emoscope.voice.statistics.speech_statistics` of each recording's speech.

    Returns:
        ``(n, features)`` float64.

    Raises:
        MissingExtraError: librosa is not installed.
    """
    rows = np.zeros((len(items), len(FEATURES)))
    for index in _told(range(len(items)), progress):
        rows[index] = speech_statistics(items.speech(index))
    return rows


def _told(numbers: range, progress: bool) -> Iterator[int]:
    if not progress:
        yield from numbers
        return
    from tqdm import tqdm

    yield from tqdm(
        numbers,
        desc="MFCC and pitch",
        file=sys.stderr,
        unit="clip",
        dynamic_ncols=True,
        leave=False,
    )


def calibration_folds(
    labels: NDArray[np.int64], speakers: tuple[str, ...], seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Folds (rest, part) whose parts together are everything.

    No speaker is on both sides, where there are several and each rest still has every label; else
    the folds are drawn at random, label by label.

    Args:
        labels: ``(n,)``, at least two of each that occurs.
        speakers: of each item.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    rows = np.zeros(len(labels))
    people = len(set(speakers))
    if people > 1:
        apart = StratifiedGroupKFold(min(FOLDS, people), shuffle=True, random_state=seed)
        folds = list(apart.split(rows, labels, np.array(speakers)))
        whole = np.unique(labels).size
        if all(np.unique(labels[rest]).size == whole for rest, _ in folds):
            return folds
    rarest = int(np.bincount(labels)[np.unique(labels)].min())
    mixed = StratifiedKFold(min(FOLDS, rarest), shuffle=True, random_state=seed)
    return list(mixed.split(rows, labels))


def _check_labels(learn: SpeechCorpus, labels: LabelSet) -> None:
    if len(labels) < 2:
        raise DatasetError(
            f"{learn.corpus}: one label only ({labels.names[0]}); a classifier needs two or more"
        )
    counts = np.bincount(learn.labels, minlength=len(labels))
    for name, count in zip(labels.names, counts, strict=True):
        if count < 2:
            raise DatasetError(
                f"{learn.corpus}: {count} recordings of {name} to learn from; the calibration "
                "needs 2 or more of each label"
            )
