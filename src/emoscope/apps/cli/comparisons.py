"""``emoscope evaluate matrix`` and ``claims``: tables made from runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from emoscope.apps.cli.console import err, out, progress_bar, say
from emoscope.apps.cli.options import Json
from emoscope.apps.cli.render import GREY

if TYPE_CHECKING:
    from emoscope.training.matrix import Matrix


def matrix(
    recipe: Annotated[str, typer.Option(help="Which recipe is trained on each corpus.")],
    data: Annotated[
        list[str],
        typer.Option("--data", metavar="[NAME=]DIR", help="Folder of a corpus; at least two."),
    ],
    to: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the runs and the table.")
    ],
    protocol: Annotated[
        str | None, typer.Option(help="Of the diagonal; left out: the recipe's.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    limit: Annotated[
        int | None, typer.Option(min=2, help="Items of each label to train on.")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Of the processor; 0: all.")] = 0,
    as_json: Json = False,
) -> None:
    """Train on each corpus, measure on all. Runs that stand in the folder are read."""
    from emoscope.apps.cli.train import corpora
    from emoscope.training.matrix import cross_corpus
    from emoscope.training.recipe import Settings
    from emoscope.training.run import Plan

    settings = Settings(epochs=epochs, seed=seed, threads=threads, progress=err.is_terminal)
    plan = Plan(recipe, corpora(data), protocol, limit=limit, settings=settings)
    with progress_bar("reading") as step:
        found = cross_corpus(plan, to, say=say, progress=step)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False))
        return
    out.print(_table(found))
    err.print(f"{to / 'matrix.md'}", style=GREY, markup=False)


def claims(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders that hold some.")],
    to: Annotated[Path, typer.Option("--out", metavar="FILE.md", help="Where to write it.")],
) -> None:
    """Write what others claim beside what the same and an honest protocol give here."""
    from emoscope.training.claims import write_claims

    with progress_bar("reading") as step:
        write_claims(runs, to, step)
    err.print(str(to), style=GREY, markup=False)


def _table(found: Matrix) -> Table:
    table = Table(box=None, pad_edge=False, header_style=GREY, title_justify="left")
    table.add_column("trained on")
    for name in found.corpora:
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.corpora:
        cells = [cell for cell in found.cells if cell.trained_on == row]
        shown = [
            Text.assemble(
                (f"{c.metrics.uar:.1%}", "bold" if c.tested_on == row else ""),
                (f" {c.metrics.uar_interval[0]:.0%} to {c.metrics.uar_interval[1]:.0%}", GREY),
            )
            for c in cells
        ]
        table.add_row(row, *shown)
    table.caption = "UAR, 95% interval; bold: speakers or pictures that were not learnt from"
    return table
