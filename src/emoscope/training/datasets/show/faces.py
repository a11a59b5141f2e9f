"""A contact sheet of faces: a row for each label."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from emoscope.export.canvas import Rect
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.datasets.show.sheet import (
    EDGE,
    NAMES_WIDTH,
    TOP,
    blank,
    draw_name,
    draw_title,
    paste,
)

ACROSS = 10
_SIDE, _GAP, _ROW_GAP = 96, 8, 14


def draw_faces(corpus: FaceCorpus) -> NDArray[np.uint8]:
    """Up to ten pictures of each label, spread evenly over the corpus.

    Args:
        corpus: not empty.

    Returns:
        ``(height, width, 3)`` uint8 RGB; a row for each label that occurs.
    """
    counts = Counter(corpus.labels.tolist())
    width = 2 * EDGE + NAMES_WIDTH + ACROSS * (_SIDE + _GAP) - _GAP
    canvas = blank(width, TOP + len(counts) * (_SIDE + _ROW_GAP) - _ROW_GAP + EDGE)
    draw_title(canvas, corpus.corpus, _facts(corpus))
    y = TOP
    for label in sorted(counts):
        items = np.flatnonzero(corpus.labels == label)
        share = f"{len(items) / len(corpus):.1%}"
        row = Rect(EDGE, y, width - EDGE, y + _SIDE)
        draw_name(canvas, row, corpus.label_set.names[label], (f"{len(items):,}", share))
        for column, item in enumerate(spread(items, ACROSS)):
            x = EDGE + NAMES_WIDTH + column * (_SIDE + _GAP)
            paste(canvas, corpus.crops[item], Rect(x, y, x + _SIDE, y + _SIDE), 8)
        y += _SIDE + _ROW_GAP
    return canvas.image


def spread(items: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most ``most`` of the items, the same distance apart."""
    if len(items) <= most:
        return items
    chosen: NDArray[np.int64] = items[((np.arange(most) + 0.5) * len(items) / most).astype(int)]
    return chosen


def _facts(corpus: FaceCorpus) -> str:
    parts = [f"{len(corpus):,} pictures"]
    parts += [f"{n:,} {split}" for split, n in Counter(corpus.splits).items() if split]
    people = len(set(corpus.speakers) - {""})
    if people:
        parts.append(f"{people} people")
    return "  ·  ".join(parts)
