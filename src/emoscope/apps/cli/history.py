"""``emoscope history``: results that were kept with ``--history``."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from emoscope.apps.cli.analyze import check_formats, export, free_stem
from emoscope.apps.cli.analyze import show as show_analysis
from emoscope.apps.cli.console import complain, out, say
from emoscope.apps.cli.options import Formats, Json
from emoscope.apps.cli.render import GREY, link
from emoscope.export.formats import Format
from emoscope.export.plain import one_line
from emoscope.labels import COLOURS
from emoscope.results import clock

if TYPE_CHECKING:
    from emoscope.history import Entry, History

app = typer.Typer(
    help="List, show, export and delete results that were kept.", no_args_is_help=True
)

Search = Annotated[
    str | None,
    typer.Option("--search", help="Words in the name, the kind or a label: 'talk happy'."),
]
Number = Annotated[int, typer.Argument(metavar="ID", help="From 'emoscope history list'.")]
Numbers = Annotated[
    list[int] | None, typer.Argument(metavar="[ID]...", help="From 'emoscope history list'.")
]

_MANY = {".jsonl": Format.JSON, ".parquet": Format.PARQUET}


@app.command("list")
def list_entries(
    search: Search = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 20,
    before: Annotated[
        int | None, typer.Option(metavar="ID", help="Only older ones: the next page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What was kept, the newest first."""
    with _history() as history:
        entries = history.list(search, limit=limit + 1, before=before)
    shown = entries[:limit]
    if as_json:
        typer.echo(json.dumps([entry.to_dict() for entry in shown], ensure_ascii=False))
        return
    if not shown:
        say("nothing was kept" if search is None else "nothing matches")
        return
    out.print(_table(shown))
    if len(entries) > limit:
        say(f"for older ones: --before {shown[-1].id}")


@app.command()
def show(number: Number, as_json: Json = False) -> None:
    """One result, as 'emoscope analyze' showed it."""
    with _history() as history:
        analysis = history.show(number)
    show_analysis(analysis, as_json=as_json)


@app.command("export")
def export_entries(
    destination: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="A .jsonl or .parquet file for all; with IDs, a folder."
        ),
    ],
    numbers: Numbers = None,
    formats: Formats = None,
    search: Search = None,
) -> None:
    """All results in one file, or some of them each in its own."""
    check_formats(formats or ())
    if numbers:
        if search is not None:
            raise typer.BadParameter("--search is for all, IDs are for some")
        _export_some(destination, numbers, formats or [Format.JSON])
        return
    if formats:
        raise typer.BadParameter("--format needs IDs; all together are .jsonl or .parquet")
    many = _MANY.get(destination.suffix.lower())
    if many is None:
        raise typer.BadParameter(f"{destination}: expected a .jsonl or .parquet file, or IDs")
    check_formats([many])
    with _history() as history:
        try:
            count = history.export(destination, many, search=search)
        except OSError as error:
            complain(f"{destination}: cannot write there: {error.strerror or error}")
            raise typer.Exit(1) from None
    out.print(f"wrote {count} to {link(destination)}", soft_wrap=True)


@app.command()
def delete(
    numbers: Numbers = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget everything.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget results; nothing of them remains in the database's file."""
    if everything == bool(numbers):
        raise typer.BadParameter("expected either IDs or --all")
    with _history() as history:
        if not everything:
            for number in numbers or ():
                history.delete(number)
            return
        count = history.count()
        if not yes:
            typer.confirm(f"Forget all {count} results?", abort=True, err=True)
        say(f"forgot {history.delete_all()}")


def _history() -> History:
    from emoscope.history import History

    return History.open()


def _export_some(folder: Path, numbers: list[int], formats: list[Format]) -> None:
    stems: set[str] = set()
    failed = False
    with _history() as history:
        for number in dict.fromkeys(numbers):
            analysis = history.show(number)
            name = one_line(PurePath(analysis.source).stem) or str(number)
            stem = free_stem(name, stems)
            failed |= not export(analysis, folder, stem, formats)
    if failed:
        raise typer.Exit(1)


def _table(entries: tuple[Entry, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style=GREY)
    table.add_column("id", justify="right", no_wrap=True)
    table.add_column("when", style=GREY, no_wrap=True)
    table.add_column("source", overflow="fold", ratio=1)
    table.add_column("length", style=GREY, justify="right", no_wrap=True)
    for name in ("face", "voice", "words", "together"):
        table.add_column(name, no_wrap=True)
    for entry in entries:
        length = "picture" if entry.kind == "image" else clock(entry.duration_s)
        labels = (
            Text(label or "", style=COLOURS.get(label or "", GREY))
            for label in entry.labels.values()
        )
        when = entry.at.strftime("%Y-%m-%d %H:%M")
        table.add_row(str(entry.id), when, Text(entry.source), length, *labels)
    return table
