"""``emoscope train``: a recipe on a corpus, to a model that ``emoscope analyze`` can use."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from emoscope.apps.cli.console import err, out, progress_bar, say
from emoscope.apps.cli.evaluate import render, warn
from emoscope.apps.cli.options import Json
from emoscope.apps.cli.render import GREY


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="Which one; left out: a list of them.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="[NAME=]DIR",
            help="Folder of a corpus; may stand several times. Without a name: told by its layout.",
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", metavar="RUN", help="Folder of the run.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="usage (the corpus' own split), speakers, kfold-speakers, "
            "leave-one-speaker-out, cross-corpus, random (leaky), own (the recipe's)."
        ),
    ] = None,
    test_on: Annotated[
        list[str] | None,
        typer.Option(
            "--test-on",
            metavar="NAME",
            help="For cross-corpus: only reported. For leave-one-speaker-out: whose speakers.",
        ),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="For kfold-speakers.")] = 5,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="At most; left out: the recipe's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Items a step; left out: the recipe's.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-9, help="Its peak; left out: the recipe's.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    checkpoint: Annotated[
        str | None, typer.Option(help="Pretrained weights: a hub's name, a folder or a file.")
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Random weights where some would be fetched.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=2, help="Items of each label, for a trial.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that stands in RUN.")
    ] = False,
    precision: Annotated[str, typer.Option(help="auto, 32-true, bf16-mixed, ...")] = "auto",
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu.")] = "auto",
    devices: Annotated[str, typer.Option(help="auto, or how many.")] = "auto",
    nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    strategy: Annotated[
        str, typer.Option(help="auto, ddp, fsdp, ... as Lightning has it.")
    ] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="Of the processor; 0: all.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a model and measure it on what it never saw.

    A run is one folder: configuration, curves, checkpoints, [bold]model.onnx[/bold] and
    [bold]report/[/bold]. Killed, it goes on with [bold]--resume[/bold]. The model is used with
    [bold]emoscope analyze --face-model RUN[/bold] or [bold]--voice-model RUN[/bold].
    """
    if recipe is None:
        _list(as_json=as_json)
        return
    if not data or to is None:
        raise typer.BadParameter("name a corpus and a folder: --data [NAME=]DIR --out RUN")
    if from_scratch and checkpoint:
        raise typer.BadParameter("--from-scratch and --checkpoint exclude each other")
    if devices != "auto" and not devices.isdecimal():
        raise typer.BadParameter(f"--devices takes auto or a number, got {devices}")
    from emoscope.training.recipe import Settings
    from emoscope.training.run import Plan
    from emoscope.training.run import train as run

    plan = Plan(
        recipe=recipe,
        data=corpora(data),
        protocol=protocol,
        test_on=tuple(test_on or ()),
        folds=folds,
        limit=limit,
        settings=Settings(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            checkpoint=checkpoint,
            from_scratch=from_scratch,
            precision=precision,
            accelerator=accelerator,
            devices=devices,
            nodes=nodes,
            strategy=strategy,
            threads=threads,
            progress=err.is_terminal,
        ),
    )
    with progress_bar("reading") as step:
        result = run(plan, to, resume=resume, say=say, progress=step)
    warn(result)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False))
        return
    out.print(render(result))
    role = "face" if result.role == "face" else "voice"
    where = shlex.quote(str(to))
    if (to / "model.onnx").is_file():
        err.print(f"emoscope analyze FILE --{role}-model {where}", style=GREY, markup=False)
    err.print(f"report: {where}/report/report.md", style=GREY, markup=False)


def corpora(named: list[str]) -> dict[str, Path]:
    """``NAME=DIR`` and ``DIR`` to folders by name; a name is told by the layout where none stands.

    Raises:
        DatasetError: a folder's layout is none that is known.
    """
    from emoscope.training.datasets.catalog import detect

    found: dict[str, Path] = {}
    for item in named:
        name, equals, folder = item.partition("=")
        if not equals or Path(item).is_dir():
            name, folder = detect(Path(item)), item
        if name in found:
            raise typer.BadParameter(f"two folders of {name}: {found[name]} and {folder}")
        found[name] = Path(folder)
    return found


def _list(*, as_json: bool) -> None:
    from emoscope.training.recipes import RECIPES, load_recipe

    recipes = [load_recipe(name) for name in RECIPES]
    if as_json:
        keys = ("name", "role", "summary", "corpora", "protocol")
        typer.echo(json.dumps([{key: getattr(r, key) for key in keys} for r in recipes]))
        return
    table = Table(box=None, pad_edge=False, header_style=GREY)
    for column in ("recipe", "reads", "trained on", "what it is"):
        table.add_column(column, no_wrap=column != "what it is")
    for found in recipes:
        table.add_row(
            Text(found.name, style="bold"),
            f"{found.role}s",
            ", ".join(found.corpora),
            Text(found.summary, style=GREY),
        )
    out.print(table)
    err.print("\nemoscope train RECIPE --data DIR --out RUN", style=GREY, markup=False)
