"""The command line.

Exit status: 0 all inputs were read; 1 at least one could not be; 2 wrong usage; 130 interrupted.
Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from emoscope import __version__
from emoscope.apps.cli import (
    analyze,
    batch,
    comparisons,
    dashboard,
    data,
    demo,
    doctor,
    evaluate,
    history,
    live,
    models,
    report,
    serve,
    train,
)
from emoscope.apps.cli.console import complain
from emoscope.errors import EmoscopeError, UnknownModelError

app = typer.Typer(
    help="Reads how emotion appears in faces and voices: pictures, recordings, videos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("analyze")(analyze.analyze)
app.command("batch", cls=batch.RayCommand)(batch.batch)
app.command("dashboard")(dashboard.dashboard)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("live")(live.live)
app.command("serve")(serve.serve)
app.command("report")(report.report)
app.command("train")(train.train)
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")
app.add_typer(history.app, name="history")
evaluate.app.command("matrix")(comparisons.matrix)
evaluate.app.command("claims")(comparisons.claims)
app.add_typer(evaluate.app, name="evaluate")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emoscope {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show where an error comes from (may stand anywhere)."),
    ] = False,
) -> None:
    del version, debug  # seen to by their callback and by main()


def main() -> None:
    """Entry point of the ``emoscope`` command."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        app(args=arguments, prog_name="emoscope")
    except EmoscopeError as error:
        if debug:
            raise
        complain(str(error))
        sys.exit(2 if isinstance(error, UnknownModelError) else 1)
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone; writing the rest to nowhere keeps Python quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
