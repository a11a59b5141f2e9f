"""Where labels go: inside the picture, off the faces, off each other. Pure geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emoscope.export.canvas import Rect

_ROUNDS = 3
_OTHER_LABEL, _FACE, _MOVED = 12.0, 4.0, 0.5
_EARLIER_SLOT = 0.01
# What a better place must gain before a label in a film jumps to it.
_LOYALTY = 0.4


@dataclass(frozen=True)
class Placed:
    """A label's place.

    Attributes:
        rect: within the bounds.
        slot: which of the possible places it is, to ask for the same one in the next frame.
    """

    rect: Rect
    slot: int


def face_rect(box: Sequence[float]) -> Rect:
    """A box ``(x1, y1, x2, y2)`` to whole pixels, at least one across and down."""
    x1, y1, x2, y2 = (round(value) for value in box)
    return Rect(x1, y1, max(x2, x1 + 1), max(y2, y1 + 1))


def place_labels(
    faces: Sequence[Rect],
    sizes: Sequence[tuple[int, int]],
    bounds: Rect,
    gap: int,
    before: Sequence[int | None] | None = None,
) -> list[Placed]:
    """Choose a place for each face's label.

    Labels avoid each other first, then faces, then stay near their face; above it is liked best.
    Each is chosen in turn and then again against all others.

    Args:
        faces: the faces.
        sizes: width and height of each one's label.
        bounds: labels stay inside; a larger one is put at the bounds' top left.
        gap: pixels between a face and its label.
        before: each one's slot in the frame before, None for a new face.
    """
    before = before or [None] * len(faces)
    placed: list[Placed | None] = [None] * len(faces)
    for _ in range(_ROUNDS if len(faces) > 1 else 1):
        for index, (face, size) in enumerate(zip(faces, sizes, strict=True)):
            others = [p.rect for i, p in enumerate(placed) if p is not None and i != index]
            placed[index] = _best(face, size, faces, others, bounds, gap, before[index])
    return [place for place in placed if place is not None]


def _best(
    face: Rect,
    size: tuple[int, int],
    faces: Sequence[Rect],
    others: Sequence[Rect],
    bounds: Rect,
    gap: int,
    before: int | None,
) -> Placed:
    area = max(1, size[0] * size[1])
    chosen, least = Placed(bounds, 0), float("inf")
    for slot, wanted in enumerate(_slots(face, size, gap)):
        rect = _inside(wanted, bounds)
        moved = abs(rect.x1 - wanted.x1) / size[0] + abs(rect.y1 - wanted.y1) / size[1]
        cost = _MOVED * moved + _EARLIER_SLOT * slot - _LOYALTY * (slot == before)
        cost += _OTHER_LABEL * sum(rect.shared_area(other) for other in others) / area
        cost += _FACE * sum(rect.shared_area(other) for other in faces) / area
        if cost < least:
            chosen, least = Placed(rect, slot), cost
    return chosen


def _slots(face: Rect, size: tuple[int, int], gap: int) -> list[Rect]:
    """Places for a label, best first: above, below, beside, further away, on the face."""
    width, height = size
    lefts = (face.x1, (face.x1 + face.x2 - width) // 2, face.x2 - width)
    tops = (face.y1, (face.y1 + face.y2 - height) // 2, face.y2 - height)
    corners = [(x, face.y1 - gap - height) for x in lefts]
    corners += [(x, face.y2 + gap) for x in lefts]
    corners += [(x, y) for x in (face.x2 + gap, face.x1 - gap - width) for y in tops]
    for step in (1, 2, 3):
        away = gap + step * (height + gap)
        corners += [(x, face.y1 - away - height) for x in lefts]
        corners += [(x, face.y2 + away) for x in lefts]
    corners += [(x, y) for y in (face.y1 + gap, face.y2 - gap - height) for x in lefts]
    return [Rect(x, y, x + width, y + height) for x, y in corners]


def place_panels(
    faces: Sequence[Rect],
    size: tuple[int, int],
    taken: Sequence[Rect],
    bounds: Rect,
    gap: int,
    before: Sequence[int | None] | None = None,
) -> list[Placed] | None:
    """Find room for a panel beside, below or above each face.

    Args:
        faces: the faces.
        size: width and height of each panel.
        taken: what panels must not cover besides faces.
        bounds: panels stay inside.
        gap: pixels that stay free between a panel and anything else.
        before: each one's slot in the frame before, None for a new face.

    Returns:
        One place per face, or None where not all of them find room.
    """
    before = before or [None] * len(faces)
    placed: list[Placed] = []
    for face, earlier in zip(faces, before, strict=True):
        blocked = [*faces, *taken, *(place.rect for place in placed)]
        free = [
            Placed(rect, slot)
            for slot, wanted in enumerate(_panel_slots(face, size, gap))
            if (rect := _slid(wanted, slot, bounds)) is not None
            and not any(rect.grown(gap - 1).shared_area(other) for other in blocked)
        ]
        if not free:
            return None
        placed.append(next((place for place in free if place.slot == earlier), free[0]))
    return placed


def _panel_slots(face: Rect, size: tuple[int, int], gap: int) -> list[Rect]:
    width, height = size
    beside = (face.y1, face.y2 - height)
    corners = [(face.x2 + gap, y) for y in beside] + [(face.x1 - gap - width, y) for y in beside]
    across = (face.x1, face.x2 - width)
    corners += [(x, face.y2 + gap) for x in across] + [(x, face.y1 - gap - height) for x in across]
    return [Rect(x, y, x + width, y + height) for x, y in corners]


def _slid(rect: Rect, slot: int, bounds: Rect) -> Rect | None:
    """Move a panel along its face's side, never away from it."""
    inside = _inside(rect, bounds)
    kept = inside.x1 == rect.x1 if slot < 4 else inside.y1 == rect.y1
    fits = inside.width <= bounds.width and inside.height <= bounds.height
    return inside if kept and fits else None


def _inside(rect: Rect, bounds: Rect) -> Rect:
    x = max(bounds.x1, min(rect.x1, bounds.x2 - rect.width))
    y = max(bounds.y1, min(rect.y1, bounds.y2 - rect.height))
    return Rect(x, y, x + rect.width, y + rect.height)
