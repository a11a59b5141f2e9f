"""Loss and accuracy against epochs."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from emoscope.errors import DatasetError
from emoscope.training.report import style

_LEFT, _RIGHT = 0.95, 1.5
_LEARNT, _HELD = "#7A8591", style.RIGHT

Points = list[tuple[float, float]]


def draw_curves(curves: Path, about: str, path: Path) -> None:
    """What a run's ``curves.csv`` holds: loss learnt from and held back, accuracy held back.

    Args:
        curves: columns ``epoch``, ``loss`` and, where something was held back, ``held_loss`` and
            ``held_accuracy``.
        about: which model.
        path: of the PNG.

    Raises:
        DatasetError: the table is no such table.
        MissingExtraError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    table = read_curves(curves)
    accuracy = table["held_accuracy"]
    with style.picture(path, 6.25 if accuracy else 4.1) as figure:
        style.heading(figure, "Learning curves", about)
        width = style.WIDTH - _LEFT - _RIGHT
        loss = style.axes(figure, _LEFT, 0.95, width, 2.55)
        _line(loss, table["loss"], _LEARNT, "learnt from")
        _line(loss, table["held_loss"], _HELD, "held back")
        _frame(loss, "loss")
        _apart(loss)
        if accuracy:
            loss.tick_params(labelbottom=False)
            axes = style.axes(figure, _LEFT, 3.75, width, 1.9)
            _line(axes, accuracy, _HELD, "held back", percent=True)
            _frame(axes, "accuracy")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        figure.axes[-1].set_xlabel("epoch")


def read_curves(curves: Path) -> dict[str, Points]:
    """Epochs and values of each column; rows and columns without a number are left out.

    Raises:
        DatasetError: the table cannot be read.
    """
    found: dict[str, Points] = {"loss": [], "held_loss": [], "held_accuracy": []}
    try:
        with curves.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for key, points in found.items():
                    value = float(row.get(key) or "nan")
                    if math.isfinite(value):
                        points.append((float(row["epoch"]), value))
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise DatasetError(
            f"{curves}: not the curves of a training, which have columns epoch and loss"
        ) from error
    return found


def _line(axes: Any, points: Points, colour: str, name: str, *, percent: bool = False) -> None:
    """A line, with its name and last value beside its end."""
    if not points:
        return
    epochs, values = zip(*points, strict=True)
    marker = "o" if len(points) < 3 else ""
    axes.plot(epochs, values, color=colour, linewidth=1.8, marker=marker, markersize=4)
    last = f"{values[-1]:.1%}" if percent else f"{values[-1]:.3g}"
    place = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}
    axes.annotate(f"{name} {last}", points[-1], color=colour, size=9, **place)
    axes.plot(*points[-1], "o", color=colour, markersize=4, clip_on=False)


def _frame(axes: Any, name: str) -> None:
    axes.set_ylabel(name)
    axes.yaxis.set_label_coords(-0.095, 0.5)
    axes.grid(axis="y")
    axes.tick_params(length=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.get_major_locator().set_params(nbins=5)
    epochs = [epoch for line in axes.lines for epoch in line.get_xdata()]
    axes.set_xlim(min(epochs, default=0), max(epochs, default=1) + (len(set(epochs)) < 2))
    axes.set_ylim(bottom=0)


def _apart(axes: Any) -> None:
    """Names beside the ends of two lines that meet there stand one above the other."""
    if len(axes.texts) != 2:
        return
    low, high = sorted(axes.texts, key=lambda text: text.xy[1])
    near = (high.xy[1] - low.xy[1]) / (axes.get_ylim()[1] - axes.get_ylim()[0])
    shift = max(0.0, 6.5 - near * 72 * axes.bbox.height / axes.figure.dpi / 2)
    low.xyann, high.xyann = (7, -shift), (7, shift)
