"""``emoscope demo``: the main job on media that ship with the package."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from emoscope.apps.cli.analyze import show
from emoscope.apps.cli.console import out, progress_bar
from emoscope.apps.cli.render import link


def demo(
    out_dir: Annotated[
        Path, typer.Option("--out", file_okay=False, help="Folder for the annotated results.")
    ] = Path("emoscope-demo"),
) -> None:
    """Read a picture, a recording and a video that ship with emoscope."""
    from emoscope.analyzer import Analyzer
    from emoscope.export import export_all

    out.print(
        "The mean faces of FER2013's training pictures and synthesised speech, made by this "
        "project.\nWhat is read is how expression appears; nobody feels anything here.\n"
    )
    analyzer = Analyzer()
    written: list[Path] = []
    with as_file(files("emoscope.apps.cli") / "demo_media") as folder:
        for name in ("faces.png", "speech.flac", "clip.mp4"):
            path = folder / name
            with progress_bar(name) as step:
                analysis = analyzer.analyze(path, progress=step)
            show(replace(analysis, source=name), as_json=False)
            with progress_bar(f"writing {name}") as step:
                written += export_all(analysis, out_dir, stem=path.stem, progress=step)
    out.print("Annotated results:")
    for file in written:
        out.print(f"  {link(file)}", soft_wrap=True)
    out.print(
        "\nNext:\n"
        "  emoscope analyze PICTURE RECORDING VIDEO --out results\n"
        "  emoscope analyze talk.mp4 --json\n"
        "  emoscope models list\n"
        "  emoscope doctor"
    )
