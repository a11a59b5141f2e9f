"""``python -m emoscope.training.fusion``: fit how modalities are pooled, and measure it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emoscope.errors import EmoscopeError
from emoscope.export.files import atomic_path
from emoscope.fusion.model import FusionModel
from emoscope.models import catalog
from emoscope.training.fusion import corpora
from emoscope.training.fusion.fit import fit, together
from emoscope.training.fusion.measure import CaseFigures, measure_all

VERSION = "10"
PER_LABEL = 400
FIT_SEED, REPORT_SEED = 0, 1
PROTOCOL = (
    "Items of different people that share a label are put together at random, {n} times for each "
    "of the seven: a face, a voice, a text say the same emotion and are otherwise unrelated. "
    "Reliabilities and temperatures: least mean negative log-likelihood over all cases of two or "
    "more modalities. Quality curves: the exponent at which a model's answers fit best, by bin of "
    "the measure, relative to the best bin, made never to fall; on the same items shrunk, blurred, "
    "found by the detectors in made pictures, shortened, under white noise. Priors: mean answer. "
    "Intervals: 95%, items of each modality drawn anew."
)


def parser() -> argparse.ArgumentParser:
    """Options of the command."""
    options = argparse.ArgumentParser(
        prog="python -m emoscope.training.fusion",
        description="Fit how faces, voices and words are pooled, and measure it on other items.",
    )
    folder: dict[str, Any] = {"type": Path, "metavar": "DIR"}
    options.add_argument("--fer2013", required=True, help="faces", **folder)
    options.add_argument("--ravdess", required=True, help="voices", **folder)
    options.add_argument("--emodb", help="more voices to report on", **folder)
    options.add_argument("--tess", help="more voices to report on", **folder)
    options.add_argument("--goemotions", help="words; without them they are not fused", **folder)
    options.add_argument("--out", type=Path, required=True, metavar="FILE", help="takes the model")
    options.add_argument("--cache", help="keeps the models' answers for the next run", **folder)
    return options


def run(options: argparse.Namespace) -> FusionModel:
    """Fit and measure.

    Raises:
        DatasetError: a corpus is missing or laid out differently.
        ModelError: a model cannot be had.
    """
    folders = {
        name: folder
        for name in ("ravdess", "emodb", "tess")
        if (folder := getattr(options, name)) is not None
    }
    parts = {
        "face": corpora.faces(options.fer2013, options.cache),
        "voice": corpora.voices(folders, options.cache),
    }
    if options.goemotions is not None:
        parts["words"] = corpora.words(options.goemotions, options.cache)
    model = FusionModel(
        name="emoscope-fusion",
        version=VERSION,
        reliabilities={},
        temperatures={},
        priors={
            name: tuple(round(p, 5) for p in part.prior.tolist()) for name, part in parts.items()
        },
        curves={name: part.curves for name, part in parts.items()},
        corpora=tuple(part.text for part in parts.values()),
        protocol=PROTOCOL.format(n=PER_LABEL),
        licence="MIT (numbers); fitted on corpora for research use",
    )
    tuples = together({name: part.fit for name, part in parts.items()}, PER_LABEL, FIT_SEED)
    model = fit(model, tuples)
    reported = {name: part.report for name, part in parts.items()}
    figures = measure_all(model, together(reported, PER_LABEL, REPORT_SEED))
    models = [catalog.find(f"emoscope-{name}").at_version for name in parts]
    metrics = {"models": models, "cases": [row.to_dict() for row in figures]}
    print(table(figures))  # noqa: T201
    return FusionModel(**{**vars(model), "metrics": metrics})


def table(figures: Sequence[CaseFigures]) -> str:
    """The figures as a table in Markdown."""

    def share(value: float | None, interval: tuple[float, float] | None) -> str:
        if value is None or interval is None:
            return ""
        return f"{100 * value:.1f} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"

    lines = [
        "| there | UAR % | ECE | above the best alone | speakers drawn | above it without prior |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.case.replace('+', ', ')} | {share(row.uar, row.uar_interval)} | {row.ece:.3f} | "
        f"{share(row.margin, row.margin_interval)} | "
        f"{share(row.margin, row.margin_interval_by_speaker)} | "
        f"{share(row.margin_without_prior, row.margin_without_prior_interval)} |"
        for row in figures
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 if all went well."""
    options = parser().parse_args(arguments)
    try:
        model = run(options)
    except EmoscopeError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    with atomic_path(options.out) as part:
        part.write_text(model.to_json(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
