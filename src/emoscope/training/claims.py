"""What well-known projects claim, beside what the same protocol and an honest one give here.

Each claim names the run that repeats its protocol and the run that answers the question a reader
has: how well are *new* people read? The table is made from run folders; nothing in it is typed in.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emoscope.errors import DatasetError, EmoscopeError
from emoscope.export.files import atomic_path
from emoscope.training.evaluate.items import predict
from emoscope.training.metrics import Metrics, measure
from emoscope.training.predictions import Predictions
from emoscope.training.run import Plan, Progress, load_items

LEARNT, ALL, REPORTED = "learnt from", "all", "reported"


@dataclass(frozen=True)
class Wanted:
    """A figure of a run.

    Attributes:
        recipe: of the run.
        corpus: that it was trained on.
        protocol: that it was split by.
        part: :data:`LEARNT`, :data:`ALL` or :data:`REPORTED` items.
        text: what the figure is, in words.
    """

    recipe: str
    corpus: str
    protocol: str
    part: str
    text: str

    @property
    def command(self) -> str:
        """What makes the run."""
        return (
            f"emoscope train {self.recipe} --data {self.corpus}=DIR --protocol {self.protocol} "
            f"--out RUNS/{self.recipe}-{self.corpus}-{self.protocol}"
        )


@dataclass(frozen=True)
class Claim:
    """A quoted accuracy.

    Attributes:
        text: as it is quoted.
        protocol: behind it.
        same: what repeats that protocol.
        honest: what says how new people are read.
    """

    text: str
    protocol: str
    same: tuple[Wanted, ...]
    honest: tuple[Wanted, ...]


def _faces(recipe: str, part: str, text: str) -> Wanted:
    return Wanted(recipe, "fer2013", "usage", part, text)


def _voices(recipe: str, corpus: str, protocol: str, part: str, text: str) -> Wanted:
    return Wanted(recipe, corpus, protocol, part, text)


_VALIDATION = "validation pictures, duplicates out of training"
_NEW_ACTORS = "five folds, actors that were not learnt from"

CLAIMS = (
    Claim(
        "FER2013: CNN 91%, VGG16 94%",
        "unstated, probably training data",
        (
            _faces("cnn48", LEARNT, "CNN on its training pictures"),
            _faces("vgg16", LEARNT, "VGG16 (no ImageNet weights) on its training pictures"),
        ),
        (
            _faces("cnn48", REPORTED, f"CNN, {_VALIDATION}"),
            _faces("vgg16", REPORTED, f"VGG16 (no ImageNet weights), {_VALIDATION}"),
        ),
    ),
    Claim(
        "FER2013: CNN 96.1 to 97.9%",
        "the full data set, training included",
        (_faces("cnn48", ALL, "CNN on all pictures"),),
        (_faces("cnn48", REPORTED, _VALIDATION),),
    ),
    Claim(
        "FER2013: CNN 66.5%",
        "held-out validation",
        (_faces("cnn48", REPORTED, _VALIDATION),),
        (_faces("cnn48", REPORTED, _VALIDATION),),
    ),
    Claim(
        "FER2013: mini-XCEPTION 66%",
        "held out, the checkpoint chosen on it",
        (_faces("mini-xception", REPORTED, f"trained here, {_VALIDATION}"),),
        (_faces("mini-xception", REPORTED, f"trained here, {_VALIDATION}"),),
    ),
    Claim(
        "TESS, 14 classes: 99% (700 test clips)",
        "random 25%",
        (_voices("mfcc-conv1d", "tess", "random", REPORTED, "random 25%, 14 classes"),),
        (_voices("mfcc-conv1d", "tess", "speakers", REPORTED, "the other voice, 7 emotions"),),
    ),
    Claim(
        "RAVDESS: MFCC CNN 92 to 95.3%",
        "the full data set, training included",
        (_voices("mfcc-delta-cnn", "ravdess", "random", ALL, "all clips"),),
        (_voices("mfcc-delta-cnn", "ravdess", "kfold-speakers", REPORTED, _NEW_ACTORS),),
    ),
    Claim(
        "RAVDESS: MFCC DNN 85%",
        "random split over actor folders",
        (_voices("mfcc-dnn", "ravdess", "random", REPORTED, "random 25%"),),
        (_voices("mfcc-dnn", "ravdess", "kfold-speakers", REPORTED, _NEW_ACTORS),),
    ),
    Claim(
        "MFCC and pitch SVM",
        "random split",
        (_voices("svm", "ravdess", "random", REPORTED, "random 25%"),),
        (_voices("svm", "ravdess", "kfold-speakers", REPORTED, _NEW_ACTORS),),
    ),
)


def claims_table(runs: list[Path], progress: Progress | None = None) -> str:
    """The table as a page of Markdown.

    Args:
        runs: run folders, or folders that hold some.
        progress: called with items read and items in all, a corpus at a time.

    Raises:
        DatasetError: none of the folders holds a finished run, or a corpus has gone.
    """
    found = find_runs(runs)
    if not found:
        names = ", ".join(str(path) for path in runs)
        raise DatasetError(f"{names}: no finished run (a folder with config.json and report/)")
    lines = [_HEAD]
    for claim in CLAIMS:
        same = "<br>".join(_cell(w, found, progress, uar=False) for w in claim.same)
        honest = "<br>".join(_cell(w, found, progress, uar=True) for w in claim.honest)
        lines.append(f"| {claim.text} | {claim.protocol} | {same} | {honest} |")
    lines += ["", "## The runs", ""]
    wanted = dict.fromkeys(w for claim in CLAIMS for w in (*claim.same, *claim.honest))
    commands = dict.fromkeys(w.command for w in wanted)
    lines += ["```sh", *commands, "emoscope evaluate claims RUNS --out docs/claims.md", "```", ""]
    return "\n".join(lines)


_HEAD = """# Claims, and what the same protocols give here

Made by `emoscope evaluate claims` from run folders. Accuracy with its 95% interval (Wilson) and the
number of items; under the honest protocol also UAR (bootstrap by item). *The same protocol* repeats
what is behind the claim, leaks included; *the honest protocol* asks how well people are read whom
the model never saw. One run each, seed 0.

| claim | protocol behind it | the same protocol here | the honest protocol here |
| --- | --- | --- | --- |"""


def find_runs(folders: list[Path]) -> dict[tuple[str, str, str], Path]:
    """Finished runs on one corpus by recipe, corpus and protocol."""
    found: dict[tuple[str, str, str], Path] = {}
    for folder in folders:
        for config in sorted(folder.glob("config.json")) + sorted(folder.glob("*/config.json")):
            try:
                asked = json.loads(config.read_text("utf-8"))
                key = (asked["recipe"], "+".join(asked["data"]), asked["protocol"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise DatasetError(f"{config}: not a run's configuration: {error}") from error
            if (config.parent / "report" / "evaluation.json").is_file():
                found.setdefault(key, config.parent)
    return found


def _cell(
    wanted: Wanted,
    found: dict[tuple[str, str, str], Path],
    progress: Progress | None,
    *,
    uar: bool,
) -> str:
    run = found.get((wanted.recipe, wanted.corpus, wanted.protocol))
    if run is None:
        return f"{wanted.text}: not run"
    try:
        metrics = figure_of(run, wanted.part, progress)
    except EmoscopeError as error:
        raise DatasetError(f"{run}: {error}") from error
    low, high = metrics.accuracy_interval
    text = f"{metrics.accuracy:.1%} ({low * 100:.1f} to {high * 100:.1f})"
    if uar:
        low, high = metrics.uar_interval
        text += f", UAR {metrics.uar:.1%} ({low * 100:.1f} to {high * 100:.1f})"
    return f"**{text}**, n {metrics.n:,}: {wanted.text}"


def figure_of(run: Path, part: str, progress: Progress | None = None) -> Metrics:
    """Metrics of one part of a run's items.

    Raises:
        DatasetError: the run's corpus has gone or changed, or the run has several folds and the
            part is not :data:`REPORTED`.
    """
    reported = Predictions.load(run / "predictions.npz")
    if part == REPORTED:
        return _measure([reported])
    if not (run / "split.csv").is_file():
        raise DatasetError("a run of several folds has no one part that was learnt from")
    kept = run / "predictions_learnt.npz"
    if kept.is_file():
        learnt = Predictions.load(kept)
    else:
        learnt = _predict_learnt(run, progress)
        learnt.save(kept)
    return _measure([learnt] if part == LEARNT else [learnt, reported])


def _predict_learnt(run: Path, progress: Progress | None) -> Predictions:
    """Answers to what the run learnt from or held back."""
    asked = json.loads((run / "config.json").read_text("utf-8"))
    items = load_items(_plan(asked), progress)
    with (run / "split.csv").open(newline="", encoding="utf-8") as file:
        names = {row["name"] for row in csv.DictReader(file) if row["part"] != "test"}
    chosen = np.array([name in names for name in items.names], bool)
    if int(chosen.sum()) != len(names):
        raise DatasetError(
            f"{int(chosen.sum())} of the {len(names)} items it learnt from are still in "
            + ", ".join(asked["data"].values())
        )
    return predict(run, items.take(chosen), progress)


def _plan(asked: dict[str, Any]) -> Plan:
    data = {name: Path(folder) for name, folder in asked["data"].items()}
    return Plan(recipe=asked["recipe"], data=data, protocol=asked["protocol"])


def _measure(parts: list[Predictions]) -> Metrics:
    found = Predictions.join(parts)
    groups = found.speakers if any(found.speakers) else None
    return measure(found.probs, found.truth, found.labels, groups)


def write_claims(runs: list[Path], path: Path, progress: Progress | None = None) -> str:
    """Write the table, whole or not at all; returns it.

    Raises:
        DatasetError: as :func:`claims_table`.
        OSError: it cannot be written.
    """
    text = claims_table(runs, progress)
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")
    return text
