"""One run: corpora → split → recipe → temperature → ``model.onnx`` → what it is worth.

The folder of a run holds ``config.json``, ``environment.json``, ``split.csv``, ``checkpoints/``,
``curves.csv``, ``tensorboard/``, ``model.onnx``, ``predictions.npz`` and ``report/``; with several
folds, a folder for each of them and a pooled ``report/`` beside them.
"""

from __future__ import annotations

import csv
import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emoscope.errors import DatasetError, ModelError
from emoscope.export.files import atomic_path
from emoscope.labels import LabelSet
from emoscope.models.load import load as load_model
from emoscope.models.metadata import ModelMetadata
from emoscope.training.calibration import softmax, temperature
from emoscope.training.datasets import load as corpora
from emoscope.training.datasets.corpora import FaceCorpus, Items, SpeechCorpus
from emoscope.training.datasets.pictures import scaled
from emoscope.training.evaluate.figures import Evaluation, Figure
from emoscope.training.evaluate.items import evaluation_of, predict
from emoscope.training.export import write_metadata
from emoscope.training.metrics import measure
from emoscope.training.predictions import Predictions
from emoscope.training.recipe import Recipe, Settings
from emoscope.training.recipes import load_recipe
from emoscope.training.report import write_report
from emoscope.training.run_folder import RunFolder
from emoscope.training.splits import CROSS, ONE_OUT, Fold, cross, divide, pooled

LICENCE = "of your corpora and your own; emoscope's code is MIT"
Say = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """What to train, on what, and how to split it.

    Attributes:
        recipe: its name.
        data: corpus to its folder.
        protocol: one of :data:`emoscope.training.splits.PROTOCOLS`; None: the recipe's.
        test_on: for ``cross-corpus``: the corpora that are only reported; for
            ``leave-one-speaker-out``: those whose speakers are left out, none: all.
        folds: for ``kfold-speakers``.
        limit: items of each label, drawn at random, for a trial; None: all.
        settings: of the training.
    """

    recipe: str
    data: Mapping[str, Path]
    protocol: str | None = None
    test_on: tuple[str, ...] = ()
    folds: int = 5
    limit: int | None = None
    settings: Settings = field(default_factory=Settings)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; what only concerns the machine is left out."""
        settings = dataclasses.asdict(self.settings)
        for machine in ("accelerator", "devices", "nodes", "strategy", "threads", "progress"):
            settings.pop(machine)
        return {
            "recipe": self.recipe,
            "data": {name: str(folder) for name, folder in self.data.items()},
            "protocol": self.protocol,
            "test_on": list(self.test_on),
            "folds": self.folds,
            "limit": self.limit,
            "settings": settings,
        }


def train(
    plan: Plan,
    out: Path,
    *,
    resume: bool = False,
    say: Say = lambda line: None,
    progress: Progress | None = None,
) -> Evaluation:
    """Train a recipe and measure the model that comes out of it.

    Args:
        plan: what to do.
        out: the run's folder.
        resume: go on with the run that stands there.
        say: called with a line after each step.
        progress: called with files read and files in all.

    Returns:
        What the exported model does on the part that is only reported, pooled over all folds.

    Raises:
        DatasetError: a corpus is missing, laid out differently, or cannot be split so.
        ModelError: the folder holds another run or cannot be written, or the recipe cannot be
            trained.
        MissingExtraError: a package that it needs is not installed.
    """
    recipe = load_recipe(plan.recipe)
    plan = dataclasses.replace(plan, protocol=plan.protocol or recipe.protocol)
    if plan.test_on and plan.protocol not in (CROSS, ONE_OUT):
        raise DatasetError(
            f"protocol {plan.protocol}: does not know --test-on; {CROSS} and {ONE_OUT} do"
        )
    folder = RunFolder(out)
    items = load_items(plan, progress)
    folds = _folds(plan, recipe, items)
    folder.open({**plan.to_dict(), "labels": list(items.label_set.names)}, resume=resume)
    _tell_items(items, say)
    try:
        return _train(plan, recipe, items, folds, folder, say)
    except OSError as error:
        raise ModelError(
            f"{error.filename or out}: {error.strerror or error}; what is finished is kept, "
            "--resume goes on from there"
        ) from error


def _train(
    plan: Plan, recipe: Recipe[Any], items: Items, folds: list[Fold], folder: RunFolder, say: Say
) -> Evaluation:
    if len(folds) == 1:
        return _one(plan, recipe, items, folds[0], folder, say)[0]
    done = []
    for number, fold in enumerate(folds, start=1):
        say(f"fold {number} of {len(folds)}: {fold.name}")
        done.append(_one(plan, recipe, items, fold, RunFolder(folder.path / fold.name), say))
    return _pool(plan, items, folds, done, folder)


def load_items(plan: Plan, progress: Progress | None = None) -> Items:
    """What a plan's corpora hold, as its recipe wants it.

    Raises:
        DatasetError: a corpus is missing, laid out differently, or not of the recipe's kind.
    """
    recipe = load_recipe(plan.recipe)
    if not plan.data:
        raise DatasetError("no corpus named; give --data NAME=FOLDER")
    parts = []
    for name, folder in plan.data.items():
        part = corpora.load(name, folder, progress)
        if isinstance(part, FaceCorpus) != (recipe.role == "face"):
            raise DatasetError(f"{name}: not a corpus of {recipe.role}s, as {recipe.name} needs")
        parts.append(part)
    items = _join(parts, getattr(recipe, "size", 48))
    items = recipe.prepare(items, plan.protocol or recipe.protocol)
    return items if plan.limit is None else _some(items, plan.limit, plan.settings.seed)


def _join(parts: list[Any], size: int) -> Items:
    if len(parts) == 1:
        found: Items = parts[0]
        return found
    if isinstance(parts[0], SpeechCorpus):
        return SpeechCorpus.join(parts)
    return FaceCorpus.join([dataclasses.replace(p, crops=scaled(p.crops, size)) for p in parts])


def _some(items: Items, limit: int, seed: int) -> Items:
    """At most ``limit`` items of each label (and own split), at random."""
    rng = np.random.default_rng(seed)
    splits = items.splits if isinstance(items, FaceCorpus) else ("",) * len(items)
    strata: dict[tuple[int, str], list[int]] = {}
    for index in rng.permutation(len(items)).tolist():
        strata.setdefault((int(items.labels[index]), splits[index]), []).append(index)
    kept = sorted(index for members in strata.values() for index in members[:limit])
    return items.take(np.array(kept, np.int64))


def _folds(plan: Plan, recipe: Recipe[Any], items: Items) -> list[Fold]:
    if plan.protocol == "own":
        own = recipe.own_split(items)
        if own is None:
            raise DatasetError(f"{recipe.name} has no split of its own; name a --protocol")
        return own
    if plan.protocol == CROSS:
        rest = set(plan.data) - set(plan.test_on)
        return [cross(items, rest, set(plan.test_on), seed=plan.settings.seed)]
    assert plan.protocol is not None
    return divide(
        items,
        plan.protocol,
        seed=plan.settings.seed,
        folds=plan.folds,
        test_on=set(plan.test_on),
    )


def _tell_items(items: Items, say: Say) -> None:
    say(f"{len(items)} items of {items.corpus}, {len(items.label_set)} labels")
    for note in items.notes:
        say(note)
    for line in items.skipped[:3]:
        say(f"skipped: {line}")
    if len(items.skipped) > 3:
        say(f"and {len(items.skipped) - 3} more that could not be read")


def _one(
    plan: Plan, recipe: Recipe[Any], items: Items, fold: Fold, folder: RunFolder, say: Say
) -> tuple[Evaluation, Predictions]:
    """One fold: what is already there is not done again."""
    folder.path.mkdir(parents=True, exist_ok=True)
    finished = folder.finished()
    if finished is not None:
        say(f"{folder.path}: finished before")
        return evaluation_of(
            finished[0],
            items.take(fold.test),
            finished[1],
            protocol=fold.text,
            part=_part(fold),
            warnings=_warnings(fold),
        ), finished[1]
    learn, held, test = (items.take(part) for part in (fold.learn, fold.held, fold.test))
    labels = _labels(items, learn)
    _write_split(folder.path / "split.csv", items, fold)
    say(f"{len(learn)} to learn from, {len(held)} held back, {len(test)} to report: {fold.text}")
    started = time.perf_counter()
    taught, told = _as(learn, labels), _as(held, labels)
    trained = recipe.train(taught, told, labels, folder.path, plan.settings)
    judged = recipe.judge(trained, taught, told, labels, folder.path, plan.settings)
    say(f"trained in {time.perf_counter() - started:.0f} s")
    counted = judged.truth >= 0
    logits, truth = judged.logits[counted], judged.truth[counted]
    heat = temperature(logits, truth)
    after = measure(softmax(logits / heat), truth, labels.names)
    model = folder.path / "model.onnx"
    metadata = ModelMetadata(
        name=recipe.name,
        version=folder.version(),
        role=recipe.role,
        labels=labels,
        input=recipe.input,
        preprocessing=recipe.preprocessing,
        calibration={
            "temperature": heat,
            "n": after.n,
            "ece": after.ece,
            "fitted_on": f"{after.n} of {len(counted)} {judged.text}",
        },
        corpus=learn.corpus,
        split=f"{plan.protocol}: {fold.text}",
        metrics={},
        licence=LICENCE,
    )
    difference = trained.export(heat, metadata, model)
    say(f"exported, differs from the network by at most {difference:.1e}")
    found = predict(model, test)
    evaluation = evaluation_of(
        metadata.at_version,
        test,
        found,
        protocol=fold.text,
        part=_part(fold),
        warnings=_warnings(fold),
    )
    write_metadata(model, dataclasses.replace(metadata, metrics=_summary(evaluation, test)))
    load_model(model, role=recipe.role)
    found.save(folder.path / "predictions.npz")
    curves = folder.path / "curves.csv"
    write_report(
        evaluation,
        found,
        folder.path / "report",
        curves=curves if curves.is_file() else None,
        items=test,
    )
    return evaluation, found


def _labels(items: Items, learn: Items) -> LabelSet:
    """Of the answers: what the learning part has, in the corpus' order."""
    there = set(np.unique(learn.labels).tolist())
    return LabelSet(tuple(n for i, n in enumerate(items.label_set.names) if i in there))


def _as(items: Items, labels: LabelSet) -> Items:
    """The items that have one of ``labels``, numbered by them."""
    names = [items.label_set.names[index] for index in items.labels]
    kept = items.take(np.array([name in labels.names for name in names], bool))
    if isinstance(kept, SpeechCorpus):
        return dataclasses.replace(kept, label_set=labels)
    places = [labels.index(name) for name in names if name in labels.names]
    return dataclasses.replace(kept, label_set=labels, labels=np.array(places, np.int64))


def _part(fold: Fold) -> str:
    return "leaky" if fold.leaky else "unseen"


def _warnings(fold: Fold) -> tuple[str, ...]:
    return ("Leaky: " + fold.text + ". For new people expect less.",) if fold.leaky else ()


def _pool(
    plan: Plan,
    items: Items,
    folds: list[Fold],
    done: list[tuple[Evaluation, Predictions]],
    folder: RunFolder,
) -> Evaluation:
    """All folds' reported parts together: every item once, by a model that never saw it."""
    found = Predictions.join([predictions for _, predictions in done])
    tested = items.take(np.concatenate([fold.test for fold in folds]))
    uars = [evaluation.main.metrics.uar for evaluation, _ in done]
    note = (
        f"UAR of the {len(folds)} folds: mean {np.mean(uars):.1%}, "
        f"from {min(uars):.1%} to {max(uars):.1%}."
    )
    evaluation = evaluation_of(
        f"{plan.recipe}, {len(folds)} models",
        tested,
        found,
        protocol=pooled(folds),
        part=_part(folds[0]),
        notes=(note,),
        warnings=_warnings(folds[0]),
    )
    found.save(folder.path / "predictions.npz")
    write_report(evaluation, found, folder.path / "report", curves=None, items=tested)
    return evaluation


def _write_split(path: Path, items: Items, fold: Fold) -> None:
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "part", "label", "speaker"))
        for name, numbers in (("learn", fold.learn), ("held", fold.held), ("test", fold.test)):
            for index in numbers.tolist():
                label = items.label_set.names[items.labels[index]]
                writer.writerow((items.names[index], name, label, items.speakers[index]))


def _summary(evaluation: Evaluation, test: Items) -> dict[str, Any]:
    """The figures that belong into the model file, each with its protocol."""
    figures = {f.name: _headline(f) for f in (evaluation.main, *evaluation.further)}
    found: dict[str, Any] = {evaluation.corpus: figures}
    if isinstance(test, SpeechCorpus) and evaluation.main.name != "leaky":
        unseen: dict[str, set[str]] = {}
        for clip in test.clips:
            unseen.setdefault(clip.corpus, set()).add(clip.speaker)
        found["unseen_speakers"] = {name: sorted(who) for name, who in unseen.items()}
    return found


def _headline(figure: Figure) -> dict[str, Any]:
    full = figure.to_dict()
    keys = (
        *("protocol", "n", "accuracy", "accuracy_interval", "uar", "uar_interval"),
        *("uar_interval_by_group", "ece", "ece_if_calibrated", "nll"),
    )
    return {key: full[key] for key in keys}
