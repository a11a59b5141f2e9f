"""``emoscope data``: corpora by name, how to get them, what is in them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from emoscope.apps.cli.console import complain, err, out, progress_bar
from emoscope.apps.cli.options import Json
from emoscope.apps.cli.render import GREY, link

if TYPE_CHECKING:
    from emoscope.training.datasets.catalog import Corpus
    from emoscope.training.datasets.fetch import Fetched

app = typer.Typer(help="List, fetch, audit and show corpora.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the corpus.")]


def _known(name: str | None) -> str | None:
    if name is not None:
        from emoscope.training.datasets.catalog import CORPORA, FOLDER

        if name not in (*CORPORA, FOLDER):
            known = ", ".join((*CORPORA, FOLDER))
            raise typer.BadParameter(f"no corpus '{name}'; known are {known}")
    return name


Name = Annotated[
    str | None,
    typer.Option(
        "--corpus",
        metavar="NAME",
        callback=_known,
        help="Which one. Left out: told by its layout.",
    ),
]


@app.command("list")
def list_corpora(as_json: Json = False) -> None:
    """All corpora that emoscope knows by name."""
    from emoscope.training.datasets.catalog import CORPORA, FOLDER
    from emoscope.training.datasets.folders import FACE_LAYOUT, SPEECH_LAYOUT

    if as_json:
        typer.echo(json.dumps([_facts(corpus) for corpus in CORPORA.values()], ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style=GREY)
    for column in ("name", "holds", "labels", "get it", "what it is, licence"):
        table.add_column(column, no_wrap=column != "what it is, licence")
    for corpus in CORPORA.values():
        how = Text("data fetch", style="green") if corpus.files else Text("by hand", style=GREY)
        what = Text.assemble(corpus.title, ("\n" + corpus.licence, GREY))
        labels = str(len(corpus.labels))
        table.add_row(Text(corpus.name, style="bold"), f"{corpus.role}s", labels, how, what)
    layouts = f"\n{FACE_LAYOUT}; or {SPEECH_LAYOUT}"
    what = Text.assemble("any folder of label folders", (layouts, GREY))
    table.add_row(Text(FOLDER, style="bold"), "either", "any", Text("yours"), what)
    out.print(table)


def _facts(corpus: Corpus) -> dict[str, Any]:
    facts = asdict(corpus)
    facts["labels"] = list(corpus.labels.names)
    return facts


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name from 'emoscope data list'.")],
    to: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", file_okay=False, help="Where its folder NAME is to lie."
        ),
    ],
) -> None:
    """Fetch a corpus, check and unpack it; where that needs a log-in, say how.

    Interrupted, it goes on where it ended when it is run again.
    """
    from emoscope.training.datasets.catalog import CORPORA
    from emoscope.training.datasets.fetch import fetch as bring

    if name not in CORPORA:
        raise typer.BadParameter(f"no corpus '{name}'; known are {', '.join(CORPORA)}")
    corpus = CORPORA[name]
    if not corpus.files:
        _explain(corpus, to)
        return
    try:
        with _transfer_bar() as step:
            found = bring(name, to, step)
    except KeyboardInterrupt:
        complain("interrupted; what has come is kept: run the same command again to go on")
        raise typer.Exit(130) from None
    _tell(corpus, found)


def _explain(corpus: Corpus, to: Path) -> None:
    """How people get what no program may fetch."""
    out.print(f"[bold]{corpus.title}[/bold]\nlicence: {corpus.licence}\n", soft_wrap=True)
    out.print("It needs your consent or log-in, so you fetch it yourself:\n")
    for number, step in enumerate(corpus.steps, start=1):
        out.print(f"  {number}. {step}", markup=False, soft_wrap=True)
    out.print(f"\nThen it lies as {corpus.layout}.", markup=False, soft_wrap=True)
    _next(corpus, to / corpus.name)


def _tell(corpus: Corpus, found: Fetched) -> None:
    if not found.archives:
        out.print(f"{link(found.folder)} is there already: nothing fetched", soft_wrap=True)
    for archive in found.archives:
        kind = archive.checked.partition(":")[0].upper()
        checked = f"its {kind} is the published one" if kind else "no digest is published"
        out.print(f"{archive.name}: {checked}\n  SHA-256 {archive.sha256}", soft_wrap=True)
    if found.archives:
        files = f"{found.files:,} file" + ("" if found.files == 1 else "s")
        out.print(f"{link(found.folder)}: {files}", soft_wrap=True)
    out.print(f"licence: {corpus.licence}; cite: {corpus.citation}", style=GREY, soft_wrap=True)
    _next(corpus, found.folder)


def _next(corpus: Corpus, folder: Path) -> None:
    where = shlex.quote(str(folder))
    out.print(
        f"\nNext:\n  emoscope data audit {where}\n  emoscope data show {where}\n"
        f"  emoscope train emoscope-{corpus.role} --data {corpus.name}={where} --out run",
        markup=False,
        soft_wrap=True,
    )


@app.command()
def audit(folder: Folder, corpus: Name = None, as_json: Json = False) -> None:
    """What a corpus holds that figures measured on it would hide.

    Duplicates within and across splits, labels that contradict each other, what length and file
    format give away, who and what a random split puts on both sides. The worst comes first.
    """
    from emoscope.apps.cli.data_audit import render
    from emoscope.training.datasets.audit import audit as look

    with progress_bar(f"auditing {folder.name}") as step:
        found = look(folder, corpus, step)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False))
    else:
        out.print(render(found))


@app.command()
def show(
    folder: Folder,
    to: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.png", dir_okay=False, help="The picture to write."),
    ] = None,
    corpus: Name = None,
) -> None:
    """Draw a corpus: faces of each label, or waveform and spectrogram of each label."""
    from emoscope.training.datasets.show import show as draw

    path = to or Path(f"{folder.resolve().name}.png")
    if path.suffix.lower() != ".png":
        raise typer.BadParameter(f"--out {path}: expected a name that ends in .png")
    with progress_bar(f"reading {folder.name}") as step:
        draw(folder, path, corpus, step)
    out.print(f"wrote {link(path)}", soft_wrap=True)


@contextmanager
def _transfer_bar() -> Iterator[Callable[[str, int, int | None], None] | None]:
    """A bar that counts bytes; nothing where standard error is no terminal."""
    if not err.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(bar_width=32),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=None)

        def step(doing: str, done: int, total: int | None) -> None:
            bar.update(task, description=doing, completed=done, total=total)

        yield step
