"""What sheets of faces and of voices have in common: ground, title, the names of the rows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.export.canvas import Canvas, Rect, rounded_mask
from emoscope.export.glyphs import shortened, text_width
from emoscope.export.palette import PAPER, QUIET, Rgb, emotion_colour

GROUND: Rgb = (18, 22, 27)
LANE: Rgb = (26, 31, 38)
FAINT: Rgb = (120, 129, 140)
EDGE = 56
TOP = 128
NAMES_WIDTH = 172
TITLE_PX, TEXT_PX, LABEL_PX, SMALL_PX = 30.0, 18.0, 20.0, 15.0


def blank(width: int, height: int) -> Canvas:
    """An empty sheet."""
    return Canvas(np.full((height, width, 3), GROUND, np.uint8))


def draw_title(canvas: Canvas, title: str, facts: str) -> None:
    """The corpus' name at the left, what there is of it at the right."""
    width = canvas.size[0]
    facts = shortened(facts, TEXT_PX, width - 2 * EDGE - text_width(title, TITLE_PX, "bold") - 40)
    canvas.text(EDGE, 62, title, TITLE_PX, PAPER, "bold")
    canvas.text(width - EDGE - text_width(facts, TEXT_PX), 62, facts, TEXT_PX, QUIET)


def draw_name(canvas: Canvas, row: Rect, label: str, facts: tuple[str, ...]) -> None:
    """A row's label with its colour, and lines of facts below it, centred in height."""
    step = 25
    middle = (row.y1 + row.y2) / 2 - step * len(facts) / 2
    bar = Rect(EDGE, row.y1, EDGE + 6, row.y2)
    canvas.rounded(bar, 3, emotion_colour(label))
    x, room = EDGE + 22, NAMES_WIDTH - 32
    name = shortened(label, LABEL_PX, room, "bold")
    canvas.text(x, middle, name, LABEL_PX, PAPER, "bold")
    for number, words in enumerate(facts, start=1):
        canvas.text(x, middle + number * step, shortened(words, SMALL_PX, room), SMALL_PX, QUIET)


def paste(canvas: Canvas, picture: NDArray[np.uint8], rect: Rect, radius: float) -> None:
    """Lay a picture ``(height, width)`` or ``(height, width, 3)`` of any size into a rectangle."""
    shrinks = picture.shape[0] > rect.height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, (rect.width, rect.height), interpolation=how)
    if scaled.ndim == 2:
        scaled = np.repeat(scaled[:, :, None], 3, axis=2)
    target = canvas.image[rect.y1 : rect.y2, rect.x1 : rect.x2]
    share = rounded_mask(rect.width, rect.height, radius)[:, :, None].astype(np.float32) / 255
    target[:] = np.rint(target + (scaled.astype(np.float32) - target) * share).astype(np.uint8)
