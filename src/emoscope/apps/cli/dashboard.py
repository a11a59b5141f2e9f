"""``emoscope dashboard``: the pages in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from emoscope.apps.cli.console import say


def dashboard(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port on this machine's own address.")
    ] = 8501,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Open no browser; only say where it is.")
    ] = False,
) -> None:
    """Open the dashboard in a browser: upload, record, go live, look back."""
    from emoscope.apps.dashboard.launch import launch

    launch(port, browser=not no_browser, say=say)
