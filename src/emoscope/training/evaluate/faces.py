"""Face models on FER2013: the crops of use, FER2013's labels and FER+'s votes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.face.crop import crop_regions
from emoscope.face.recognise import FaceRecogniser
from emoscope.labels import SHARED
from emoscope.training.datasets import fer2013
from emoscope.training.evaluate.figures import Evaluation, Figure, Progress
from emoscope.training.metrics import measure

_AT_ONCE = 256


def evaluate_face(
    model: str | Path, data_dir: Path, split: str, progress: Progress | None = None
) -> Evaluation:
    """Run a face model over a split of FER2013.

    Args:
        model: a name from the catalog, an ``.onnx`` file, or a run folder.
        data_dir: folder of FER2013.
        split: ``train``, ``validation`` or ``test``.
        progress: called with steps done and steps in all.

    Raises:
        DatasetError: the corpus is missing or laid out differently.
        ModelError: the model cannot be had or used.
    """
    if split not in fer2013.SPLITS:
        raise DatasetError(f"no split '{split}'; there are {', '.join(fer2013.SPLITS)}")
    recogniser = FaceRecogniser(model)
    both = _halves(progress)
    corpus = fer2013.load(data_dir, split, both[0])
    probs = read_faces(recogniser, corpus.crops, both[1])
    shared = recogniser.labels.to_shared(probs)
    main = Figure(
        split,
        f"FER2013's own {split} split, all {len(corpus)} pictures, FER2013's labels",
        measure(shared, corpus.labels, SHARED),
    )
    further, notes = _vote_figures(corpus, shared)
    warnings = []
    if split == "train":
        warnings.append(
            "These are training pictures: the figures show what was learned by heart, "
            "not how well new faces are read."
        )
    elif (data_dir / "train").is_dir():
        further = (_deduplicated(corpus, shared, data_dir), *further)
    else:
        notes.append("No train folder, so pictures that also stand in train were not left out.")
    return Evaluation(
        "face", recogniser.name, "fer2013", split, main, further, tuple(notes), tuple(warnings)
    )


def read_faces(
    recogniser: FaceRecogniser, crops: NDArray[np.uint8], progress: Progress | None = None
) -> NDArray[np.float32]:
    """Probabilities ``(n, labels)`` of crops ``(n, 48, 48)``, scaled to the model as in use."""
    parts = []
    for start in range(0, len(crops), _AT_ONCE):
        part = crops[start : start + _AT_ONCE]
        size, side = recogniser.crop_size, part.shape[1]
        if size != side:
            whole = [(0.0, 0.0, float(side), float(side))]
            part = np.concatenate([crop_regions(crop, whole, size) for crop in part])
        parts.append(recogniser.read(part)[0])
        if progress is not None:
            progress(min(start + _AT_ONCE, len(crops)), len(crops))
    return np.concatenate(parts)


def _deduplicated(
    corpus: fer2013.FaceCorpus, shared: NDArray[np.float64], data_dir: Path
) -> Figure:
    train = fer2013.load(data_dir, "train")
    fresh = ~fer2013.near_duplicates(corpus.crops, train.crops)
    return Figure(
        "deduplicated",
        f"without the {int((~fresh).sum())} pictures that also stand in train, as they are, "
        "mirrored or nearly",
        measure(shared[fresh], corpus.labels[fresh], SHARED),
    )


def vote_winner(corpus: fer2013.FaceCorpus) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Winning emotion of FER+'s votes and its number of votes.

    Returns:
        ``(n,)`` class of the shared seven, -1 where none of them has more votes than each other
        emotion, than contempt, and than *unknown* and *no face* together; and ``(n,)`` its votes.
    """
    best = corpus.votes.argmax(1)
    most = corpus.votes.max(1)
    alone = (corpus.votes == most[:, None]).sum(1) == 1
    elsewhere = corpus.tagged - corpus.votes.sum(1)
    won = alone & (most > elsewhere) & (best < len(SHARED)) & (most > 0)
    return np.where(won, best, -1), most


def _vote_figures(
    corpus: fer2013.FaceCorpus, shared: NDArray[np.float64]
) -> tuple[tuple[Figure, ...], list[str]]:
    if not corpus.tagged.any():
        return (), ["No FER+ votes beside the pictures (fer2013new.csv), so none were used."]
    winner, votes = vote_winner(corpus)
    rules = (
        (
            "ferplus_majority",
            (winner >= 0) & (votes > corpus.tagged / 2),
            "FER+ labels where more than half of all taggers chose one of the seven emotions",
        ),
        (
            "ferplus_plurality",
            winner >= 0,
            "FER+ labels where one of the seven emotions has more votes than anything else",
        ),
    )
    figures = tuple(
        Figure(name, text, measure(shared[chosen], winner[chosen], SHARED))
        for name, chosen, text in rules
        if chosen.any()
    )
    return figures, []


def _halves(progress: Progress | None) -> tuple[Progress | None, Progress | None]:
    """One progress out of two phases of the same number of steps."""
    if progress is None:
        return None, None
    tell = progress
    return (
        lambda done, total: tell(done, 2 * total),
        lambda done, total: tell(total + done, 2 * total),
    )
