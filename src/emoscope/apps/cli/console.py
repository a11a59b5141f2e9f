"""Where the command line writes: results to standard output, everything else to standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from emoscope.apps.cli.render import GREY

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)

Step = Callable[[float, float | None], None]


def complain(message: str) -> None:
    """One line on standard error."""
    line = " ".join(message.split())
    err.print(f"emoscope: {line}", markup=False, soft_wrap=True, style="red")


def say(line: str) -> None:
    """One quiet line on standard error: what was just done."""
    err.print(line, markup=False, soft_wrap=True, style=GREY)


@contextmanager
def progress_bar(title: str) -> Iterator[Step]:
    """A bar on standard error that goes away when done; nothing where that is no terminal.

    Yields:
        A function that takes what is done and what there is in all (None: not known).
    """
    if not err.is_terminal:
        yield lambda done, total: None
        return
    columns = (
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def step(done: float, total: float | None) -> None:
            bar.update(task, completed=done, total=total)

        yield step
