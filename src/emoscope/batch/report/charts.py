"""Charts as SVG that stands in a page and takes its colours and letters from it."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope._optional import require
from emoscope.batch.report.findings import APART, BINS
from emoscope.batch.report.runs import LABELS, UNSURE
from emoscope.labels import COLOURS
from emoscope.results import clock

# Stand for colours that only the page knows; matplotlib wants numbers.
_THEME = {"#010203": "var(--ink)", "#040506": "var(--line)", "#070809": "var(--accent)",
          "#0a0b0c": "var(--unsure)"}  # fmt: skip
_INK, _LINE, _ACCENT, _UNSURE = _THEME
_WIDTH_IN, _HEIGHT_IN = 5.0, 2.1
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "ytick.major.size": 0.0,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.7,
}


def colour(label: str) -> str:
    """The colour of a label in a page."""
    return "var(--unsure)" if label == UNSURE else COLOURS[label]


def over_time(counts: NDArray[np.int64], step_s: float, about: str) -> str:
    """Shares of the labels, one step of time after the other.

    Args:
        counts: ``(step, label)`` readings.
        step_s: length of a step.
        about: what it shows, for those who do not see it.
    """

    def draw(axes: Any) -> None:
        total = counts.sum(1, keepdims=True)
        shares = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
        shares = np.vstack([shares, shares[-1:]])
        edges = np.arange(len(shares)) * step_s
        below = np.zeros(len(shares))
        for index, label in enumerate(LABELS):
            if counts[:, index].any():
                above = below + shares[:, index]
                shade = _UNSURE if label == UNSURE else COLOURS[label]
                axes.fill_between(edges, below, above, step="post", color=shade, linewidth=0)
                below = above
        axes.set(xlim=(0, edges[-1]), ylim=(0, 1))
        _percent(axes.yaxis, (0, 0.5, 1))
        ticks = _even(edges[-1])
        axes.set_xticks(ticks, [clock(tick) for tick in ticks])

    return _svg(draw, about)


def histogram(counts: NDArray[np.int64], about: str, *, mark: float | None = None) -> str:
    """How often each share within [0, 1] was found.

    Args:
        counts: ``(bin,)``.
        about: what it shows, for those who do not see it.
        mark: what lies below it stands out.
    """

    def draw(axes: Any) -> None:
        edges = np.arange(BINS) / BINS
        shades = [_ACCENT if mark is None or edge < mark else _UNSURE for edge in edges]
        axes.bar(edges, counts, 1 / BINS * 0.86, align="edge", color=shades, linewidth=0)
        axes.set(xlim=(0, 1), ylim=(0, max(1, int(counts.max()) * 1.05)))
        _percent(axes.xaxis, (0, 0.25, 0.5, 0.75, 1))
        ticker = require("matplotlib.ticker", extra="batch")
        axes.yaxis.set_major_locator(ticker.MaxNLocator(3, integer=True))
        axes.yaxis.set_major_formatter(lambda value, _: _short(value))

    return _svg(draw, about)


def congruence(counts: NDArray[np.int64], about: str) -> str:
    """How far modalities agree, with what counts as disagreement marked."""
    return histogram(counts, about, mark=APART)


def _svg(draw: Callable[[Any], None], about: str) -> str:
    matplotlib = require("matplotlib", extra="batch")
    figures = require("matplotlib.figure", extra="batch")
    defaults = {k: v for k, v in matplotlib.rcParamsDefault.items() if "backend" not in k}
    # Names inside one picture must not meet those of another on the same page.
    salt = {"svg.hashsalt": about}
    with matplotlib.rc_context({**defaults, **_STYLE, **salt}):
        figure = figures.Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), layout="constrained")
        draw(figure.add_subplot())
        figure.savefig(file := io.StringIO(), format="svg", transparent=True,
                       metadata={"Date": None, "Creator": None})  # fmt: skip
    return _for_page(file.getvalue(), about)


def _for_page(text: str, about: str) -> str:
    """The SVG without what a document of its own needs, in the page's colours and letters."""
    body = text[text.index("</defs>") + len("</defs>") :]
    body = re.sub(r' id="[a-z.]+[a-z0-9]*_\d+"', "", body)  # the same in every chart
    body = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font: \1px var(--sans)", body)
    for stand_in, themed in _THEME.items():
        body = body.replace(stand_in, themed)
    box = f"0 0 {_WIDTH_IN * 72:g} {_HEIGHT_IN * 72:g}"
    label = html.escape(about)
    return f'<svg class="chart" role="img" aria-label="{label}" viewBox="{box}">{body}'


def _percent(axis: Any, ticks: tuple[float, ...]) -> None:
    axis.set_ticks(ticks, [f"{tick:.0%}" for tick in ticks])


def _even(end_s: float) -> list[float]:
    """A few round times from 0."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
    step = next((step for step in steps if end_s / step <= 6), 21600)
    return [float(time) for time in range(0, int(end_s) + 1, step)]


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
