"""Anti-aliased shapes and text, drawn into an RGB picture in place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.export.glyphs import Weight, text_mask
from emoscope.export.palette import Rgb


class Rect(NamedTuple):
    """A rectangle of pixels, the right and bottom edges outside it."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.x2 - self.x1

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.y2 - self.y1

    def grown(self, by: int) -> Rect:
        """The rectangle with ``by`` pixels more on each side."""
        return Rect(self.x1 - by, self.y1 - by, self.x2 + by, self.y2 + by)

    def shared_area(self, other: Rect) -> int:
        """Pixels that both cover."""
        across = min(self.x2, other.x2) - max(self.x1, other.x1)
        down = min(self.y2, other.y2) - max(self.y1, other.y1)
        return max(0, across) * max(0, down)


@dataclass(frozen=True)
class Canvas:
    """Draws into a picture; whatever lies outside of it is cut off.

    Attributes:
        image: (height, width, 3) uint8 RGB, written to.
    """

    image: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.image.shape[:2]
        return width, height

    def blend(
        self, x: int, y: int, mask: NDArray[np.uint8], colour: Rgb, opacity: float = 1.0
    ) -> None:
        """Lay a colour over the picture where the (height, width) mask covers it."""
        width, height = self.size
        x1, y1 = max(x, 0), max(y, 0)
        x2, y2 = min(x + mask.shape[1], width), min(y + mask.shape[0], height)
        if x2 <= x1 or y2 <= y1 or opacity <= 0:
            return
        target = self.image[y1:y2, x1:x2]
        share = mask[y1 - y : y2 - y, x1 - x : x2 - x].astype(np.float32)[:, :, None]
        share *= opacity / 255.0
        under = target.astype(np.float32)
        under += (np.asarray(colour, dtype=np.float32) - under) * share
        target[:] = (under + 0.5).astype(np.uint8)

    def rectangle(self, rect: Rect, colour: Rgb, opacity: float = 1.0) -> None:
        """Fill a rectangle with square corners."""
        width, height = self.size
        x1, y1 = max(rect.x1, 0), max(rect.y1, 0)
        x2, y2 = min(rect.x2, width), min(rect.y2, height)
        if x2 <= x1 or y2 <= y1:
            return
        target = self.image[y1:y2, x1:x2]
        if opacity >= 1:
            target[:] = colour
            return
        # A table is much cheaper than arithmetic on every pixel.
        target[:] = cv2.LUT(np.ascontiguousarray(target), _mix_table(colour, opacity))

    def rounded(self, rect: Rect, radius: float, colour: Rgb, opacity: float = 1.0) -> None:
        """Fill a rectangle with round corners."""
        if rect.width <= 0 or rect.height <= 0:
            return
        r = int(np.ceil(min(radius, rect.width / 2, rect.height / 2)))
        if rect.width * rect.height < 4_000 or rect.height <= 2 * r or rect.width <= 2 * r:
            mask = rounded_mask(rect.width, rect.height, radius)
            self.blend(rect.x1, rect.y1, mask, colour, opacity)
            return
        # Large: only the bands with corners need a mask.
        for y, part in ((rect.y1, np.s_[:r]), (rect.y2 - r, np.s_[-r:])):
            self.blend(
                rect.x1, y, rounded_mask(rect.width, 2 * r + 2, radius)[part], colour, opacity
            )
        middle = Rect(rect.x1, rect.y1 + r, rect.x2, rect.y2 - r)
        self.rectangle(middle, colour, opacity)

    def brackets(self, rect: Rect, arm: int, radius: int, stroke: int, colour: Rgb) -> None:
        """Mark the four corners of a rectangle, round and with a soft dark edge around the stroke.

        Args:
            rect: the outline; the stroke is centred on its edge, on its outermost pixels where
                the stroke is odd, so that it is sharp either way.
            arm: how far each corner's arms reach, in pixels.
            radius: of the corners.
            stroke: width of the line in pixels.
            colour: of the line.
        """
        for width, ink, opacity in (
            (stroke + 2 * max(1, round(0.35 * stroke)), (0, 0, 0), 0.35),
            (stroke, colour, 1.0),
        ):
            mask, pad = bracket_mask(arm, radius, width)
            size = mask.shape[0]
            # Beyond the bend a corner is two thin arms: the empty square between them is left out.
            bend = min(size, 2 * pad + radius)
            right, bottom = rect.x2 + pad - size, rect.y2 + pad - size
            for y, rows, rest in (
                (rect.y1 - pad, np.s_[:bend], np.s_[bend:]),
                (bottom, np.s_[size - bend :], np.s_[: size - bend]),
            ):
                for x, columns in ((rect.x1 - pad, np.s_[:bend]), (right, np.s_[size - bend :])):
                    corner = mask[::-1] if y == bottom else mask
                    corner = corner[:, ::-1] if x == right else corner
                    self.blend(x, y + (rows.start or 0), corner[rows], ink, opacity)
                    arm_x, arm_y = x + (columns.start or 0), y + (rest.start or 0)
                    self.blend(arm_x, arm_y, corner[rest, columns], ink, opacity)

    def text(
        self,
        x: float,
        middle_y: float,
        words: str,
        px: float,
        colour: Rgb,
        weight: Weight = "regular",
        opacity: float = 1.0,
    ) -> None:
        """Write a line whose pen starts at ``x``, its letters centred on ``middle_y``.

        Centred is the middle between small letters (0.55 em high) and capitals (0.73 em), whatever
        the text holds: a chip's text doesn't jump when its label changes.
        """
        mask, start, base = text_mask(words, px, weight)
        self.blend(round(x - start), round(middle_y + 0.32 * px) - base, mask, colour, opacity)


@lru_cache(maxsize=64)
def _mix_table(colour: Rgb, opacity: float) -> NDArray[np.uint8]:
    """What each level of each channel becomes under a colour, (1, 256, 3)."""
    levels = np.arange(256, dtype=np.float64)[:, None]
    mixed = levels + (np.asarray(colour) - levels) * opacity
    return np.asarray(np.rint(mixed), dtype=np.uint8)[None]


@lru_cache(maxsize=512)
def rounded_mask(width: int, height: int, radius: float) -> NDArray[np.uint8]:
    """Coverage of a rectangle with round corners, (height, width), read-only."""
    radius = min(radius, width / 2, height / 2)
    x = np.abs(np.arange(width) + 0.5 - width / 2) - (width / 2 - radius)
    y = np.abs(np.arange(height) + 0.5 - height / 2) - (height / 2 - radius)
    outside = np.hypot(np.maximum(x, 0)[None], np.maximum(y, 0)[:, None])
    inside = np.minimum(np.maximum(x[None], y[:, None]), 0)
    return _coverage(outside + inside - radius)


@lru_cache(maxsize=256)
def bracket_mask(arm: int, radius: int, stroke: int) -> tuple[NDArray[np.uint8], int]:
    """The top left corner of an outline with round ends, and how far it reaches outside."""
    pad = stroke // 2 + 1
    size = arm + 2 * pad
    radius = max(0, min(radius, arm))
    # Distance to the path: a quarter circle between two straight arms, in its own coordinates.
    at = np.arange(size, dtype=np.float64) + (0.5 if stroke % 2 == 0 else 0.0) - pad
    x, y = at[None, :], at[:, None]
    arc = np.abs(np.hypot(x - radius, y - radius) - radius)
    arc = np.where((x < radius) & (y < radius), arc, np.inf)
    across = np.hypot(np.maximum(np.maximum(radius - x, x - arm), 0), y)
    down = np.hypot(x, np.maximum(np.maximum(radius - y, y - arm), 0))
    return _coverage(np.minimum(arc, np.minimum(across, down)) - stroke / 2), pad


def _coverage(distance: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Signed distance to an edge, in pixels and negative inside, as 0..255."""
    mask = np.asarray(np.rint(np.clip(0.5 - distance, 0.0, 1.0) * 255), dtype=np.uint8)
    mask.flags.writeable = False
    return mask
