"""Where the command line writes: results to standard output, everything else to standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

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
def progress_bar(title: str, unit: str | None = None) -> Iterator[Step]:
    """A bar on standard error that goes away when done; nothing where that is no terminal.

    Args:
        title: what is being done.
        unit: of what is counted, to show how many are done and how fast; None: only the share.

    Yields:
        A function that takes what is done and what there is in all (None: not known).
    """
    if not err.is_terminal:
        yield lambda done, total: None
        return
    counted = () if unit is None else (MofNCompleteColumn(), _Rate(unit))
    columns = (
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f}%"),
        *counted,
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def step(done: float, total: float | None) -> None:
            bar.update(task, completed=done, total=total)

        yield step


class _Rate(ProgressColumn):
    """How many a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f} {self._unit}/s", style=GREY)
