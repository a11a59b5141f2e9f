"""The confusion matrix as a picture."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from emoscope.training.metrics import Metrics
from emoscope.training.report import style

_LARGEST, _TOP = 0.92, 1.2
_LONGEST, _LETTER = 18, 0.085  # characters of a name, and how wide they are


def draw_confusion(metrics: Metrics, about: str, path: Path) -> None:
    """Rows are labels, columns answers; shade and percentage are shares of the row.

    Args:
        metrics: up to about 14 classes stay readable.
        about: which model, which items.
        path: of the PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    names = metrics.labels
    k = len(names)
    longest = max(len(style.shorten(name, _LONGEST)) for name in names)
    left = style.MARGIN + 0.45 + _LETTER * longest
    cell = min(_LARGEST, (style.WIDTH - style.MARGIN - left - _gap(names, k - 1)) / k)
    steep = _LETTER * longest > cell
    top = _TOP + (0.2 + _LETTER * longest if steep else 0.3)
    height = top + k * cell + _gap(names, k - 1) + 0.3
    with style.picture(path, height) as figure:
        style.heading(
            figure,
            "Confusion matrix",
            about,
            f"{metrics.n:,} items. Rows: the label. Columns: what was said. Shade and percentage: "
            "share of the row.",
        )
        _names(figure, metrics, left, top, cell, steep=steep)
        for row, counts in enumerate(metrics.confusion):
            for column, count in enumerate(counts):
                x = left + column * cell + _gap(names, column)
                y = top + row * cell + _gap(names, row)
                _cell(figure, x, y, cell, count, metrics.support[row], right=row == column)


def _gap(names: tuple[str, ...], index: int) -> float:
    """Blocks of one speaker's labels stand apart."""
    blocks = [name.rpartition("/")[0] for name in names[: index + 1]]
    return 0.08 * sum(a != b for a, b in pairwise(blocks))


def _names(
    figure: Any, metrics: Metrics, left: float, top: float, cell: float, *, steep: bool
) -> None:
    names = metrics.labels
    for index, label in enumerate(names):
        name = style.shorten(label, _LONGEST)
        middle = (index + 0.5) * cell + _gap(names, index)
        style.write(figure, left - 0.3, top + middle + 0.01, name, ha="right", size=10)
        count = f"{metrics.support[index]:,}"
        style.write(
            figure, left - 0.3, top + middle + 0.15, count, ha="right", size=7, color=style.QUIET
        )
        style.dot(figure, left - 0.16, top + middle - 0.02, label)
        style.dot(figure, left + middle, top - 0.12, label)
        if steep:
            place = {"rotation": 90, "ha": "center", "va": "bottom"}
            style.write(figure, left + middle, top - 0.22, name, size=10, **place)
        else:
            style.write(figure, left + middle, top - 0.24, name, size=10, ha="center")


def _cell(
    figure: Any, x: float, y: float, size: float, count: int, support: int, *, right: bool
) -> None:
    share = count / support if support else 0.0
    shade = _shade(share, right=right) if count else style.blend(0, style.RIGHT, style.BLANK)
    ink = style.ink_for(shade)
    edge = 0.02 * size
    style.block(figure, x + edge, y + edge, 0.96 * size, shade, round_by=3 * edge)
    if not count:
        return
    big, small = (10.0, 7.5) if size > 0.6 else (8.0, 6.5)
    middle, line = x + size / 2, y + size / 2 + 0.005 * (big - small)
    percent = f"{share:.0%}" if share >= 0.005 else "<1%"
    text = {"ha": "center", "color": ink}
    weight = "bold" if right else "normal"
    style.write(figure, middle, line, percent, size=big + right, weight=weight, **text)
    below = line + 0.02 * small
    style.write(figure, middle, below, f"{count:,}", size=small, alpha=0.8, **text)


def _shade(share: float, *, right: bool) -> style.Colour:
    if right:
        # The power brings middling shares to where white ink can be read.
        return style.blend(share**0.7, style.RIGHT, "#EAF0F7")
    return style.blend(share, style.WRONG, "#FCF6F1")
