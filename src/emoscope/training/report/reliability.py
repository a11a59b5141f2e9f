"""The reliability diagram: how often an answer is right that is called so probable."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.training.calibration import Reliability, reliability
from emoscope.training.metrics import Metrics, wilson
from emoscope.training.report import style

_LEFT, _WIDTH = 1.05, 6.55
_HIT = style.blend(0.72, style.RIGHT)
_BOLD, _SHY = style.blend(0.4, style.WRONG), style.blend(0.28, style.RIGHT)


def draw_reliability(
    metrics: Metrics,
    probs: NDArray[np.float64],
    truth: NDArray[np.int64],
    about: str,
    path: Path,
) -> None:
    """Accuracy against confidence in 15 bins, and below it how many answers are how confident.

    Args:
        metrics: of these answers.
        probs: ``(n, k)``.
        truth: ``(n,)``.
        about: which model, which items.
        path: of the PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    found = reliability(probs, truth)
    confident = float(probs.max(1).mean())
    low, high = metrics.ece_if_calibrated
    with style.picture(path, 7.6) as figure:
        style.heading(
            figure,
            "Reliability diagram",
            about,
            f"{metrics.n:,} items. Says {confident:.1%}, is right in {metrics.accuracy:.1%}. "
            f"ECE {metrics.ece:.3f}; if calibrated {low:.3f} to {high:.3f}.",
        )
        _key(figure, 1.28)
        _diagram(style.axes(figure, _LEFT, 1.45, _WIDTH, 3.9), found)
        _histogram(style.axes(figure, _LEFT, 5.65, _WIDTH, 1.25), found)


def _key(figure: Any, y: float) -> None:
    x = _LEFT
    for colour, text in ((_HIT, "right"), (_BOLD, "overconfident"), (_SHY, "underconfident")):
        style.block(figure, x, y - 0.11, 0.12, colour)
        style.write(figure, x + 0.2, y, text, size=9)
        x += 0.45 + 0.075 * len(text)
    style.write(figure, x + 0.06, y, "|", size=9, weight="bold", ha="center")
    style.write(figure, x + 0.2, y, "95% interval", size=9)


def _diagram(axes: Any, found: Reliability) -> None:
    width = found.edges[1] - found.edges[0]
    axes.plot([0, 1], [0, 1], color=style.QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=4)
    for low, count, hits, total in zip(
        found.edges, found.count.tolist(), found.hits.tolist(), found.confidence, strict=False
    ):
        if not count:
            continue
        middle, share, mean = low + width / 2, hits / count, total / count
        least, gap = min(share, mean), abs(share - mean)
        axes.bar(middle, least, width * 0.86, color=_HIT, zorder=2)
        colour = _BOLD if mean > share else _SHY
        axes.bar(middle, gap, width * 0.86, bottom=least, color=colour, zorder=2)
        interval = wilson(hits, count)
        axes.plot([middle, middle], interval, color=style.INK, linewidth=1, zorder=5)
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="how often it is right")
    _percent(axes.yaxis, [0, 0.25, 0.5, 0.75, 1])
    _percent(axes.xaxis, [])
    axes.grid(axis="y")


def _histogram(axes: Any, found: Reliability) -> None:
    width = found.edges[1] - found.edges[0]
    shares = found.count / found.count.sum()
    colour = style.blend(0.35, style.QUIET)
    axes.bar(found.edges[:-1] + width / 2, shares, width * 0.86, color=colour)
    top = 0.1 * math.ceil(10 * float(shares.max()))
    axes.set(xlim=(0, 1), ylim=(0, top), ylabel="share of answers")
    axes.set_xlabel("how probable it calls its answer")
    axes.grid(axis="y")
    _percent(axes.xaxis, [0, 0.2, 0.4, 0.6, 0.8, 1])
    _percent(axes.yaxis, [top / 2, top])


def _percent(axis: Any, ticks: list[float]) -> None:
    axis.set_ticks(ticks, [f"{tick:.0%}" for tick in ticks])
    axis.set_tick_params(length=0)
