"""Colours as numbers, and the ink that is readable on them."""

from __future__ import annotations

from functools import lru_cache

from emoscope.labels import COLOURS, plain_label

Rgb = tuple[int, int, int]

INK: Rgb = (16, 20, 24)
PAPER: Rgb = (255, 255, 255)
UNSURE: Rgb = (100, 108, 118)
PANEL: Rgb = (16, 20, 25)
QUIET: Rgb = (172, 180, 190)
"""Text of second rank on ``PANEL``."""


def rgb(code: str) -> Rgb:
    """``"#D55E00"`` as three numbers; raises ``ValueError`` if it is no such code."""
    if len(code) != 7 or code[0] != "#":
        raise ValueError(f"expected a colour like #D55E00, got {code!r}")
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


@lru_cache
def emotion_colour(label: str | None) -> Rgb:
    """The colour of a label everywhere; grey for None (unsure) and for labels without one."""
    code = COLOURS.get(plain_label(label)) if label is not None else None
    return rgb(code) if code is not None else UNSURE


def luminance(colour: Rgb) -> float:
    """Relative luminance within [0, 1] (WCAG 2.2)."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: Rgb, second: Rgb) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2; 4.5 is enough for text)."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@lru_cache
def ink_on(colour: Rgb) -> Rgb:
    """Near-black or white, whichever is easier to read on ``colour``; black where neither is."""
    best = max((INK, PAPER), key=lambda ink: contrast(ink, colour))
    return best if contrast(best, colour) >= 4.5 else (0, 0, 0)
