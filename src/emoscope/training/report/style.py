"""How all pictures of a report look: a calm page 8 inches wide, drawn without pyplot.

Places are inches from the top left corner of the page, as a page is read.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emoscope._optional import require
from emoscope.export.files import atomic_path
from emoscope.export.palette import emotion_colour, ink_on, rgb

WIDTH = 8.0
MARGIN = 0.4
DPI = 160
_LINE = 98  # characters of small print beside each other
PAPER, INK, QUIET, FAINT, BLANK = "#FFFFFF", "#101418", "#646C76", "#D9DDE2", "#F4F5F7"
RIGHT, WRONG = "#08407C", "#D55E00"
"""Right and wrong answers everywhere: blue and vermilion, told apart by colour-blind people."""

Colour = tuple[float, float, float]
"""As matplotlib takes it: red, green, blue within [0, 1]."""

_RC = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that a report looks alike everywhere
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "axes.edgecolor": FAINT,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E9ECEF",
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "lines.solid_capstyle": "round",
}


@contextmanager
def picture(path: Path, height: float) -> Iterator[Any]:
    """A blank matplotlib ``Figure`` of ``height`` inches, written as PNG if all goes well.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    matplotlib = require("matplotlib", extra="train")
    figures = require("matplotlib.figure", extra="train")
    defaults = {k: v for k, v in matplotlib.rcParamsDefault.items() if "backend" not in k}
    with matplotlib.rc_context({**defaults, **_RC}):
        figure = figures.Figure(figsize=(WIDTH, height), dpi=DPI, facecolor=PAPER)
        yield figure
        with atomic_path(path) as part, warnings.catch_warnings():
            # A name in a script that the font lacks shows as boxes, which says enough.
            warnings.filterwarnings("ignore", message="Glyph")
            figure.savefig(part, format="png", metadata={"Software": None})


def heading(figure: Any, title: str, *lines: str) -> None:
    """Title and what must be known to read the picture, above everything."""
    write(figure, MARGIN, 0.42, title, size=13, weight="bold")
    for row, line in enumerate(lines):
        told = line if len(line) <= _LINE else line[: _LINE - 1] + "…"
        write(figure, MARGIN, 0.68 + 0.21 * row, told, size=9, color=QUIET)


def shorten(name: str, most: int) -> str:
    """A name of at most so many characters; what it begins with goes first."""
    return name if len(name) <= most else "…" + name[1 - most :]


def write(figure: Any, x: float, y: float, text: str, **style: Any) -> Any:
    """Text whose base line starts at a place."""
    height = figure.get_figheight()
    place = {"transform": figure.dpi_scale_trans, "va": "baseline"}
    return figure.text(x, height - y, text, **{**place, **style})


def dot(figure: Any, x: float, y: float, label: str, radius: float = 0.045) -> None:
    """The colour of a label as a dot about a place."""
    patches = require("matplotlib.patches", extra="train")
    colour = [value / 255 for value in emotion_colour(label)]
    centre = (x, figure.get_figheight() - y)
    place = {"facecolor": colour, "linewidth": 0, "transform": figure.dpi_scale_trans}
    figure.add_artist(patches.Circle(centre, radius, **place))


def block(
    figure: Any, x: float, y: float, size: float, colour: Colour, *, round_by: float = 0.0
) -> None:
    """A square whose top left corner is at a place, its corners rounded by a radius."""
    patches = require("matplotlib.patches", extra="train")
    corner = (x, figure.get_figheight() - y - size)
    shape = f"round,pad=0,rounding_size={round_by}"
    place = {"facecolor": colour, "linewidth": 0, "transform": figure.dpi_scale_trans}
    figure.add_artist(patches.FancyBboxPatch(corner, size, size, boxstyle=shape, **place))


def axes(figure: Any, x: float, y: float, width: float, height: float, **kwargs: Any) -> Any:
    """Axes whose top left corner is at a place."""
    whole = figure.get_figheight()
    box = (x / WIDTH, 1 - (y + height) / whole, width / WIDTH, height / whole)
    return figure.add_axes(box, **kwargs)


def blend(share: float, full: str, empty: str = PAPER) -> Colour:
    """A colour between two, at ``share`` of the way to ``full``, as matplotlib takes it."""
    r, g, b = ((a + (z - a) * share) / 255 for a, z in zip(rgb(empty), rgb(full), strict=True))
    return r, g, b


def ink_for(colour: Colour) -> Colour:
    """Ink or paper, whichever can be read on a colour."""
    r, g, b = ink_on((round(255 * colour[0]), round(255 * colour[1]), round(255 * colour[2])))
    return r / 255, g / 255, b / 255
