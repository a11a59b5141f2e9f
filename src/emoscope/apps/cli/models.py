"""``emoscope models``: which there are, where they come from, whether they are whole."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from emoscope.apps.cli.console import out, progress_bar
from emoscope.apps.cli.options import Json
from emoscope.apps.cli.render import link
from emoscope.models import catalog, store, whisper

if TYPE_CHECKING:
    from emoscope.models.metadata import ModelMetadata

app = typer.Typer(help="List, show, fetch and verify models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A name from 'emoscope models list'.")]


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """All models that emoscope knows by name."""
    specs = catalog.catalog().values()
    if as_json:
        typer.echo(
            json.dumps(
                [{**asdict(spec), "available": store.is_available(spec.name)} for spec in specs]
            )
        )
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "reads", "version", "here", "what it is"):
        table.add_column(column, no_wrap=column != "what it is")
    for spec in specs:
        if spec.packaged:
            here = "packaged" if store.is_available(spec.name) else "missing"
        else:
            here = "fetched" if store.is_available(spec.name) else "not fetched"
        table.add_row(spec.name, spec.role, spec.version, here, spec.title)
    out.print(table)
    out.print("\nFor analyze --transcribe:")
    sizes = Table(box=None, pad_edge=False, show_header=False)
    for size in whisper.known().values():
        here = "fetched" if whisper.is_available(size) else "not fetched"
        sizes.add_row(size.name, size.version, here, f"{size.size_bytes / 1e6:,.0f} MB")
    out.print(sizes)


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """One model: origin, licence, labels, how it was measured."""
    spec = catalog.find(name)
    facts: dict[str, Any] = {**asdict(spec), "available": store.is_available(name)}
    if facts["available"] and spec.role in ("face", "voice", "words"):
        from emoscope.models.load import load

        facts["metadata"] = _metadata_facts(load(name).metadata)
    if as_json:
        typer.echo(json.dumps(facts))
        return
    metadata = facts.pop("metadata", {})
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in {**facts, **metadata}.items():
        if value is not None and value != "":
            table.add_row(key.replace("_", " "), _text(value))
    out.print(table)


def _metadata_facts(metadata: ModelMetadata) -> dict[str, Any]:
    facts = asdict(metadata)
    facts["labels"] = list(metadata.labels.names)
    return {key: facts[key] for key in facts if key not in ("name", "role", "version", "licence")}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="From 'emoscope models list'; also whisper-tiny.")],
    from_file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Take the published file (of a Whisper: the folder of its files) from here "
            "instead of the network.",
        ),
    ] = None,
) -> None:
    """Fetch a model (or take it from a file), check it, and keep it in the cache."""
    with progress_bar(f"fetching {name}") as step:
        size = whisper.find(name) if name.startswith(whisper.PREFIX) else None
        if size is not None:
            path = whisper.fetch(size, from_folder=from_file, progress=step)
        else:
            path = store.fetch(name, from_file=from_file, progress=step)
    out.print(f"{link(name)} is ready: {link(path)}", soft_wrap=True)


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="One model; all when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Compare files with their published digests; exit status 1 if one is damaged."""
    found = [store.verify(name)] if name else store.verify_all()
    if as_json:
        records = [{**asdict(item), "path": str(item.path or "") or None} for item in found]
        typer.echo(json.dumps(records))
    else:
        colours = {"ok": "green", "absent": "yellow", "damaged": "red"}
        table = Table(box=None, pad_edge=False, show_header=False)
        for item in found:
            state = f"[{colours[item.state]}]{item.state}[/]"
            table.add_row(item.name, item.version, state, item.detail)
        out.print(table)
    if any(item.state == "damaged" for item in found):
        raise typer.Exit(1)
