"""Face models on FER2013: the crops of use, FER2013's labels and FER+'s votes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from emoscope.errors import DatasetError
from emoscope.face.recognise import FaceRecogniser
from emoscope.labels import SHARED, SHARED_LABELS
from emoscope.training.datasets import fer2013
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.datasets.tree import SPLITS
from emoscope.training.evaluate.figures import Evaluation, Figure, Progress
from emoscope.training.evaluate.items import evaluation_of, face_answers
from emoscope.training.metrics import measure
from emoscope.training.predictions import Predictions
from emoscope.training.report import write_report


def evaluate_face(
    model: str | Path,
    data_dir: Path,
    split: str,
    progress: Progress | None = None,
    *,
    report: Path | None = None,
) -> Evaluation:
    """Run a face model over a split of FER2013.

    Args:
        model: a name from the catalog, an ``.onnx`` file, or a run folder.
        data_dir: folder of FER2013.
        split: ``train``, ``validation`` or ``test``.
        progress: called with steps done and steps in all.
        report: takes the report with its pictures; None: none is written.

    Raises:
        DatasetError: the corpus is missing or laid out differently.
        MissingExtraError: a report is wanted and matplotlib is not installed.
        ModelError: the model cannot be had or used.
    """
    if split not in SPLITS:
        raise DatasetError(f"no split '{split}'; there are {', '.join(SPLITS)}")
    recogniser = FaceRecogniser(model)
    both = _halves(progress)
    corpus = fer2013.load(data_dir, split, both[0])
    if corpus.label_set != SHARED_LABELS:
        raise DatasetError(f"{data_dir}: has FER+'s labels only; give a folder with FER2013's own")
    native, default = face_answers(recogniser, corpus, both[1])
    to_shared = recogniser.labels.to_shared
    found = Predictions(
        corpus.names,
        corpus.labels,
        to_shared(native),
        SHARED,
        corpus.speakers,
        default=None if default is None else to_shared(default),
    )
    result = evaluation_of(
        recogniser.name,
        corpus,
        found,
        protocol=f"FER2013's own {split} split, all {len(corpus)} pictures, FER2013's labels",
        part=split,
    )
    result = _with_controls(result, corpus, found, data_dir)
    if report is not None:
        write_report(result, found, report, items=corpus)
    return result


def _with_controls(
    result: Evaluation, corpus: FaceCorpus, found: Predictions, data_dir: Path
) -> Evaluation:
    """The figure without pictures that were learnt, or why there is none."""
    notes = list(result.notes)
    if not corpus.tagged.any():
        notes.append("No FER+ votes beside the pictures (fer2013new.csv), so none were used.")
    if result.part == "train":
        warning = (
            "These are training pictures: the figures show what was learned by heart, "
            "not how well new faces are read."
        )
        return replace(result, warnings=(*result.warnings, warning), notes=tuple(notes))
    if "train" not in fer2013.splits_of(data_dir):
        notes.append("No train split, so pictures that also stand in train were not left out.")
        return replace(result, notes=tuple(notes))
    further = (_deduplicated(corpus, found, data_dir), *result.further)
    return replace(result, further=further, notes=tuple(notes))


def _deduplicated(corpus: FaceCorpus, found: Predictions, data_dir: Path) -> Figure:
    train = fer2013.load(data_dir, "train")
    fresh = ~fer2013.near_duplicates(corpus.crops, train.crops)
    return Figure(
        "deduplicated",
        f"without the {int((~fresh).sum())} pictures that also stand in train, as they are, "
        "mirrored or nearly",
        measure(found.probs[fresh], found.truth[fresh], SHARED),
    )


def _halves(progress: Progress | None) -> tuple[Progress | None, Progress | None]:
    """One progress out of two phases of the same number of steps."""
    if progress is None:
        return None, None
    tell = progress
    return (
        lambda done, total: tell(done, 2 * total),
        lambda done, total: tell(total + done, 2 * total),
    )
