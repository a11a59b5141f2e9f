"""The few shapes that the window is made of."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emoscope.apps.live.theme import CARD, EDGE, TRACK, Sizes
from emoscope.export.canvas import Canvas, Rect
from emoscope.export.glyphs import Weight, text_width
from emoscope.export.palette import Rgb


def draw_card(canvas: Canvas, rect: Rect, sizes: Sizes) -> None:
    """A panel with a hair of an edge."""
    line = max(1, round(sizes.text / 15))
    canvas.rounded(rect, sizes.radius, EDGE)
    canvas.rounded(rect.grown(-line), sizes.radius - line, CARD)


def draw_text_to(
    canvas: Canvas,
    right: float,
    middle_y: float,
    words: str,
    px: float,
    colour: Rgb,
    weight: Weight = "regular",
) -> float:
    """Write a line that ends at ``right``; gives where it begins."""
    x = right - text_width(words, px, weight)
    canvas.text(x, middle_y, words, px, colour, weight)
    return x


def draw_dot(canvas: Canvas, x: float, middle_y: float, size: int, colour: Rgb) -> None:
    """A disc whose left edge is at ``x``."""
    left, top = round(x), round(middle_y - size / 2)
    canvas.rounded(Rect(left, top, left + size, top + size), size / 2, colour)


def draw_bar(
    canvas: Canvas, rect: Rect, share: float, colour: Rgb, *, look: Literal["full", "hollow"]
) -> None:
    """A bar in its track, filled to ``share``; hollow: it was derived, not read."""
    radius = rect.height / 2
    canvas.rounded(rect, radius, TRACK)
    if round(share, 2) <= 0:
        return
    filled = round(rect.width * min(share, 1.0))
    # A bar as long as it is thick is a dot: the least that looks like a bar.
    bar = Rect(rect.x1, rect.y1, rect.x1 + max(filled, min(rect.height, 4)), rect.y2)
    canvas.rounded(bar, radius, colour)
    line = max(1, round(rect.height / 5))
    if look == "hollow" and bar.width > 2 * line + 1:
        canvas.rounded(bar.grown(-line), radius - line, TRACK)


def draw_badge(
    canvas: Canvas, x: float, middle_y: float, words: str, px: float, colour: Rgb, ground: Rgb
) -> float:
    """Words in an outline; gives the right edge."""
    height, line = round(1.7 * px), max(1, round(px / 11))
    width = round(text_width(words, px) + 1.1 * px)
    top = round(middle_y - height / 2)
    rect = Rect(round(x), top, round(x) + width, top + height)
    canvas.rounded(rect, height / 2, colour)
    canvas.rounded(rect.grown(-line), height / 2 - line, ground)
    canvas.text(rect.x1 + 0.55 * px, middle_y, words, px, colour)
    return rect.x2


@lru_cache(maxsize=128)
def ring_mask(radius: int, stroke: int, steps: int, of: int) -> NDArray[np.uint8]:
    """An arc from twelve o'clock, ``steps / of`` of the way round: (2 r, 2 r) coverage."""
    at = np.arange(2 * radius) + 0.5 - radius
    x, y = at[None, :], at[:, None]
    distance = np.abs(np.hypot(x, y) - (radius - stroke / 2 - 1)) - stroke / 2
    mask = np.clip(0.5 - distance, 0.0, 1.0)
    angle = np.arctan2(x, -y) % (2 * np.pi)
    # Half a pixel along the circle on either side of its end.
    soft = np.clip((steps / of * 2 * np.pi - angle) * radius + 0.5, 0.0, 1.0)
    if steps < of:
        mask = mask * soft
    covered = np.asarray(np.rint(mask * 255), dtype=np.uint8)
    covered.flags.writeable = False
    return covered
