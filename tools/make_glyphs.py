"""Draws the letters that the export room writes with: DejaVu Sans, regular and bold, as a PNG.

The atlas is one grey picture: each glyph's coverage, cut to its ink with an empty border of one
pixel. The JSON beside it says where each glyph lies and how the pen moves. Needs Pillow::

    python tools/make_glyphs.py /usr/share/fonts/truetype/dejavu src/emoscope/export/assets
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

EM = 56
WIDTH = 1024
FACES = {"regular": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf"}
LETTERS = "".join(
    [
        *map(chr, range(0x20, 0x7F)),
        *map(chr, range(0xC0, 0x100)),
        "·–—…‘’“”•×°ßŒœŠšŽžŁłĞğİıŞş\ufffd",
    ]
)


def main() -> None:
    """Write ``glyphs.png`` and ``glyphs.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fonts", type=Path, help="folder that holds the two DejaVu files")
    parser.add_argument("out", type=Path, help="folder to write to")
    options = parser.parse_args()

    metrics: dict[str, object] = {"em": EM}
    atlas = np.zeros((4096, WIDTH), dtype=np.uint8)
    x, y, shelf = 0, 0, 0
    for face, file in FACES.items():
        font = ImageFont.truetype(str(options.fonts / file), EM)
        ascent, descent = font.getmetrics()
        glyphs: dict[str, list[float]] = {}
        for letter in dict.fromkeys(LETTERS):
            left, top, right, bottom = font.getbbox(letter, anchor="ls")
            left, top, right, bottom = left - 1, top - 1, right + 1, bottom + 1
            width, height = int(right - left), int(bottom - top)
            if letter.isspace():
                width = height = 0
            picture = Image.new("L", (max(width, 1), max(height, 1)))
            ImageDraw.Draw(picture).text((-left, -top), letter, fill=255, font=font, anchor="ls")
            if x + width > WIDTH:
                x, y, shelf = 0, y + shelf, 0
            atlas[y : y + height, x : x + width] = np.asarray(picture)[:height, :width]
            # Where it lies (x, y, w, h), its corner from the pen on the base line, the pen's step.
            glyphs[letter] = [x, y, width, height, left, top, round(font.getlength(letter), 3)]
            x, shelf = x + width, max(shelf, height)
        metrics[face] = {"ascent": ascent, "descent": descent, "glyphs": glyphs}
    options.out.mkdir(parents=True, exist_ok=True)
    Image.fromarray(atlas[: y + shelf]).save(options.out / "glyphs.png", optimize=True)
    text = json.dumps(metrics, ensure_ascii=False, separators=(",", ":"))
    (options.out / "glyphs.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
