"""Text as coverage masks, from an atlas of DejaVu Sans that ships with the package."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Weight = Literal["regular", "bold"]

_MISSING = "\ufffd"
# Thin strokes fade when they are scaled down; lifting the middle tones keeps their weight.
_SMALL_PX, _SMALL_GAMMA = 24.0, 0.8


@dataclass(frozen=True)
class _Face:
    """One weight of the atlas; lengths in pixels at ``em`` pixels per em."""

    em: int
    ascent: int
    descent: int
    glyphs: dict[str, tuple[int, int, int, int, int, int, float]]
    atlas: NDArray[np.uint8]

    def spell(self, text: str) -> str:
        """The text with letters that the atlas has: accents dropped where need be."""
        return "".join(self._nearest(letter) for letter in text)

    def _nearest(self, letter: str) -> str:
        if letter in self.glyphs:
            return letter
        if letter.isspace():
            return " "
        plain = unicodedata.normalize("NFKD", letter)
        kept = "".join(part for part in plain if part in self.glyphs)
        return kept or ("" if unicodedata.combining(letter) else _MISSING)


def text_width(text: str, px: float, weight: Weight = "regular") -> float:
    """How far the pen moves, in pixels, for text of ``px`` pixels per em."""
    face = _face(weight)
    return sum(face.glyphs[letter][6] for letter in face.spell(text)) * px / face.em


def shortened(text: str, px: float, most: float, weight: Weight = "regular") -> str:
    """The text, with its middle left out where it is wider than ``most`` pixels."""
    if text_width(text, px, weight) <= most:
        return text
    for kept in range(len(text) - 1, 0, -1):
        head, tail = text[: (kept + 1) // 2], text[len(text) - kept // 2 :]
        short = f"{head}…{tail}"
        if text_width(short, px, weight) <= most:
            return short
    return ""


class TextMask(NamedTuple):
    """A line of text.

    Attributes:
        coverage: (height, width) uint8, read-only.
        start: where the pen starts, in pixels from the left edge.
        base: how far the base line lies below the top.
    """

    coverage: NDArray[np.uint8]
    start: float
    base: int


@lru_cache(maxsize=1024)
def text_mask(text: str, px: float, weight: Weight = "regular") -> TextMask:
    """One line of text with ``px`` pixels per em."""
    face = _face(weight)
    scale = px / face.em
    # Room on each side for what reaches over the pen's path, and for the scaling's blur.
    border = max(2, round(face.em / px))
    spelled = face.spell(text)
    path = sum(face.glyphs[letter][6] for letter in spelled)
    height, width = face.ascent + face.descent + 2 * border, int(path) + 3 * border
    line = np.zeros((height, width), dtype=np.uint8)
    pen, base = float(border), border + face.ascent
    for letter in spelled:
        x, y, w, h, left, top, step = face.glyphs[letter]
        at_x, at_y = round(pen) + left, base + top
        lost = max(0, -at_x)
        ink = face.atlas[y : y + h, x + lost : x + w]
        target = line[at_y : at_y + h, at_x + lost : at_x + w]
        ink = ink[: target.shape[0], : target.shape[1]]
        np.maximum(target, ink, out=target)
        pen += step
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    mask = np.asarray(cv2.resize(line, size, interpolation=how), dtype=np.uint8)
    if px < _SMALL_PX:
        mask = _lift()[mask]
    mask.flags.writeable = False
    return TextMask(mask, border * scale, round(base * scale))


@cache
def _lift() -> NDArray[np.uint8]:
    levels = np.linspace(0.0, 1.0, 256) ** _SMALL_GAMMA
    return np.asarray(np.rint(levels * 255), dtype=np.uint8)


@cache
def _face(weight: Weight) -> _Face:
    folder = files("emoscope.export") / "assets"
    metrics: dict[str, Any] = json.loads((folder / "glyphs.json").read_text(encoding="utf-8"))
    found = metrics[weight]
    glyphs = {letter: tuple(values) for letter, values in found["glyphs"].items()}
    return _Face(metrics["em"], found["ascent"], found["descent"], glyphs, _atlas())


@cache
def _atlas() -> NDArray[np.uint8]:
    data = (files("emoscope.export") / "assets" / "glyphs.png").read_bytes()
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise RuntimeError("the letters that ship with emoscope are damaged; install it again")
    return np.asarray(picture, dtype=np.uint8)
