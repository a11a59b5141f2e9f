"""``emoscope evaluate``: how well a model reads a corpus, with the protocol and an interval."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emoscope.apps.cli.console import err, out, progress_bar
from emoscope.apps.cli.options import Json, Speech
from emoscope.apps.cli.render import GREY, bar
from emoscope.labels import COLOURS, plain_label

if TYPE_CHECKING:
    from emoscope.training.evaluate import Evaluation, Figure
    from emoscope.training.metrics import Interval, Metrics

app = typer.Typer(help="Measure a model on a corpus.", no_args_is_help=True)

_PAPER, _INK = (255, 255, 255), (11, 83, 148)  # the confusion matrix' shades, from none to all


class FaceCorpusName(StrEnum):
    """Corpora of faces."""

    FER2013 = "fer2013"


class VoiceCorpusName(StrEnum):
    """Corpora of voices."""

    RAVDESS = "ravdess"
    TESS = "tess"
    EMODB = "emodb"
    CREMAD = "cremad"


class Split(StrEnum):
    """FER2013's own splits."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder of the corpus.")]

Report = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for the report with its pictures."),
]


@app.command()
def face(
    data: Data,
    corpus: Annotated[FaceCorpusName, typer.Option(help="Which corpus.")] = FaceCorpusName.FER2013,
    split: Annotated[Split, typer.Option(help="Which part of it.")] = Split.VALIDATION,
    model: Annotated[str, typer.Option(help="Name, .onnx file or run folder.")] = "emoscope-face",
    report: Report = None,
    as_json: Json = False,
) -> None:
    """Measure a face model."""
    from emoscope.training.evaluate import evaluate_face

    with progress_bar(f"{corpus.value} {split.value}") as step:
        result = evaluate_face(model, data, split.value, step, report=report)
    _show(result, as_json=as_json)


@app.command()
def voice(
    data: Data,
    corpus: Annotated[VoiceCorpusName, typer.Option(help="Which corpus.")],
    actors: Annotated[
        str | None,
        typer.Option(
            help="Speakers: 17,18 or 17-20 or all. Left out: those that the model never heard."
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Name, .onnx file or run folder.")] = "emoscope-voice",
    speech: Annotated[Speech, typer.Option(help="How speech is found.")] = Speech.AUTO,
    report: Report = None,
    as_json: Json = False,
) -> None:
    """Measure a voice model."""
    from emoscope.training.evaluate import evaluate_voice

    with progress_bar(corpus.value) as step:
        result = evaluate_voice(
            model, corpus.value, data, actors, step, gate=speech.value, report=report
        )
    _show(result, as_json=as_json)


def warn(result: Evaluation) -> None:
    """Why the figures may flatter the model, on standard error."""
    for warning in result.warnings:
        err.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)


def _show(result: Evaluation, *, as_json: bool) -> None:
    warn(result)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False))
    else:
        out.print(render(result))


def render(result: Evaluation) -> RenderableType:
    """An evaluation as people read it."""
    metrics = result.main.metrics
    heading = Text.assemble(
        (f"{result.model} on {result.corpus}, {result.part}", "bold"),
        (f"\n{result.main.protocol}", GREY),
    )
    parts = [
        heading,
        _indent(_headline(result)),
        _indent(_classes(metrics)),
        _indent(_confusion(metrics)),
    ]
    return Group(*parts, "", *(Text(note, style=GREY) for note in _notes(result)))


def _notes(result: Evaluation) -> list[str]:
    from emoscope.training.report.text import notes

    m = result.main.metrics
    return [
        f"Macro-F1 {m.macro_f1:.1%} ({_interval(m.macro_f1_interval)}), NLL {m.nll:.3f}.",
        *notes(result),
    ]


def _headline(result: Evaluation) -> Table:
    table = _table("", "n", "accuracy", "UAR", "ECE")
    for figure in (result.main, *result.further):
        table.add_row(*_figure_cells(figure, bold=figure is result.main))
    return table


def _figure_cells(figure: Figure, *, bold: bool) -> list[Text]:
    m = figure.metrics
    style = "bold" if bold else ""
    return [
        Text(_title(figure), style=style),
        Text(str(m.n)),
        Text.assemble((f"{m.accuracy:.1%}", style), (f" {_interval(m.accuracy_interval)}", GREY)),
        Text.assemble((f"{m.uar:.1%}", style), (f" {_interval(m.uar_interval)}", GREY)),
        Text(f"{m.ece:.3f}"),
    ]


def _classes(metrics: Metrics) -> Table:
    table = _table("class", "", "recall", "precision", "n")
    rows = zip(metrics.labels, metrics.recall, metrics.precision, metrics.support, strict=True)
    for name, recall, precision, support in rows:
        shown = bar(recall or 0.0, COLOURS[plain_label(name)])
        table.add_row(name, shown, _share(recall), _share(precision), str(support))
    return table


def _confusion(metrics: Metrics) -> Table:
    # Short heads keep eight classes within 80 columns; the rows name them in full.
    table = _table("said", *(name[:5] for name in metrics.labels))
    table.columns[0].no_wrap = True
    for name, row, support in zip(metrics.labels, metrics.confusion, metrics.support, strict=True):
        table.add_row(Text(f"is {name}"), *(_shaded(count, support) for count in row))
    return table


def _shaded(count: int, support: int) -> Text:
    """A count on a background that is as dark as its share of the row."""
    share = count / support if support else 0.0
    paper = [round(a + (b - a) * share) for a, b in zip(_PAPER, _INK, strict=True)]
    ink = "#FFFFFF" if share > 0.45 else "#1A1A1A"
    return Text(f"{count:>5} ", style=f"{ink} on #{paper[0]:02X}{paper[1]:02X}{paper[2]:02X}")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style=GREY)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=index > 0)
    return table


def _indent(table: Table) -> RenderableType:
    return Padding(table, (1, 0, 0, 2))


def _title(figure: Figure) -> str:
    return figure.name.replace("ferplus", "FER+").replace("_", " ")


def _interval(interval: Interval) -> str:
    return f"{interval[0] * 100:.1f} to {interval[1] * 100:.1f}"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"
