"""Colours of the window, and its sizes: all of them follow from how large it is."""

from __future__ import annotations

from dataclasses import dataclass

from emoscope.export.palette import Rgb

GROUND: Rgb = (12, 15, 19)
CARD: Rgb = (21, 26, 32)
EDGE: Rgb = (38, 45, 54)
TRACK: Rgb = (40, 47, 57)
"""The empty part of bars and meters."""
TEXT: Rgb = (236, 240, 245)
SOFT: Rgb = (150, 160, 173)
"""Text of second rank."""
FAINT: Rgb = (92, 102, 114)
RED: Rgb = (240, 72, 80)
AMBER: Rgb = (240, 176, 84)
SPEECH: Rgb = (94, 214, 170)

_SMALLEST_PX, _SMALLEST_NOTE_PX = 12.0, 11.0


@dataclass(frozen=True)
class Sizes:
    """Lengths in pixels.

    Attributes:
        text: pixels per em of rows and lines.
        note: of titles of cards and of what is said in passing.
        big: of the answer of all together.
        gap: between cards and around them.
        pad: inside a card.
        radius: of its corners.
    """

    text: float
    note: float
    big: float
    gap: int
    pad: int
    radius: int

    @classmethod
    def of(cls, width: int, height: int) -> Sizes:
        """Fit a window; 15 pixels of text in one of 1280×720."""
        scale = min(width / 1280, height / 720)
        if is_narrow(width, height):
            scale = min(width / 560, height / 900)
        text = max(_SMALLEST_PX, round(30 * scale) / 2)
        return cls(
            text=text,
            note=max(_SMALLEST_NOTE_PX, round(1.66 * text) / 2),
            big=round(3.5 * text) / 2,
            gap=max(5, round(0.75 * text)),
            pad=max(6, round(0.85 * text)),
            radius=max(4, round(0.65 * text)),
        )


def is_narrow(width: int, height: int) -> bool:
    """Whether the cards belong below the picture, not beside it."""
    return width < 1.15 * height
