"""``emoscope report``: what a table of results says as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from emoscope.apps.cli.console import err, out
from emoscope.apps.cli.options import Json
from emoscope.export.plain import escaped
from emoscope.results import clock

if TYPE_CHECKING:
    from emoscope.batch.report import Findings


def report(
    table: Annotated[
        Path, typer.Argument(metavar="RESULTS.parquet", help="What batch or analyze wrote.")
    ],
    page: Annotated[
        Path, typer.Option("--out", metavar="FILE.html", dir_okay=False, help="The page.")
    ] = Path("report.html"),
    as_json: Json = False,
) -> None:
    """Show what many results say: a page with charts, and a summary here."""
    from emoscope._optional import require
    from emoscope.batch.report import count, write_page

    require("matplotlib", extra="batch")  # before anything is counted
    found = count(table)
    write_page(found, page)
    if as_json:
        typer.echo(escaped(json.dumps(found.to_dict(), ensure_ascii=False)))
    else:
        _show(found)
    (err if as_json else out).print(Text(f"wrote {page}"), soft_wrap=True)


def _show(found: Findings) -> None:
    failed = sum(found.failed.values())
    out.print(
        f"[bold]{found.files - failed:,}[/] of {found.files:,} files read · "
        f"{clock(found.duration_s)} of media · {clock(found.speech_s)} of speech",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (("", "left"), ("readings", "right"), ("mostly", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    readings = found.to_dict()["readings"]
    for modality, shares in found.shares(found.readings).items():
        first = sorted(shares.items(), key=lambda pair: -pair[1])[:3]
        told = ", ".join(f"{label} {share:.0%}" for label, share in first)
        table.add_row(modality, f"{readings[modality]:,}", told)
    out.print(table)
    if found.together:
        out.print(
            f"face, voice and words disagree in {found.disagreements:,} of "
            f"{found.together:,} moments",
            soft_wrap=True,
        )
    if failed:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in found.failed.most_common())
        out.print(Text(f"{failed:,} could not be read: {reasons}"), soft_wrap=True)
