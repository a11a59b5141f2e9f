"""Faces marked in a picture: corners in the emotion's colour, a label, small bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

import numpy as np
from numpy.typing import NDArray

from emoscope.export.canvas import Canvas, Rect
from emoscope.export.glyphs import text_width
from emoscope.export.layout import Placed, face_rect, place_labels, place_panels
from emoscope.export.palette import PANEL, PAPER, QUIET, Rgb, emotion_colour, ink_on
from emoscope.export.plain import UNSURE_WORD as UNSURE_WORD
from emoscope.results import FaceEmotion, Scores

_SMALLEST_PX, _LARGEST_PX = 11.0, 64.0
_SMALLEST_PANEL_PX = 9.0
_MOST_PANELS = 3


def annotate_picture(
    image_rgb: NDArray[np.uint8], faces: Sequence[FaceEmotion], *, bars: bool = True
) -> NDArray[np.uint8]:
    """Draw the faces of one picture.

    Args:
        image_rgb: (height, width, 3) uint8, left as it is.
        faces: their boxes in this picture's pixels.
        bars: show all probabilities beside the faces, where all of them find room.

    Returns:
        A new picture of the same size.
    """
    drawn = image_rgb.copy()
    height, width = drawn.shape[:2]
    style = FaceStyle.of((width, height), [face.box_xyxy for face in faces], bars=bars)
    FaceMarks(style).draw(drawn, faces)
    return drawn


@dataclass(frozen=True)
class FaceStyle:
    """Sizes in pixels, all of them following from the size of the text.

    Attributes:
        text_px: pixels per em of the labels.
        bars: show all probabilities where there is room.
    """

    text_px: float
    bars: bool = True

    @classmethod
    def of(
        cls,
        size_px: tuple[int, int],
        boxes: Sequence[Sequence[float]],
        *,
        bars: bool = True,
    ) -> FaceStyle:
        """Fit a picture of ``(width, height)`` and the usual size of its faces."""
        width, height = size_px
        plenty = min(max(0.026 * sqrt(width * height), _SMALLEST_PX), _LARGEST_PX)
        px = plenty
        if boxes:
            usual = median(box[2] - box[0] for box in boxes)
            px = min(plenty, max(0.16 * usual, 0.5 * plenty, _SMALLEST_PX))
        # The longest label must fit across.
        widest = cls(100.0).label_size("surprise", "100%")[0] / 100
        return cls(round(max(6.0, min(px, (width - 4) / (widest + 0.6))) * 2) / 2, bars)

    @property
    def gap(self) -> int:
        """Between a face and what belongs to it."""
        return max(3, round(0.32 * self.text_px))

    @property
    def margin(self) -> int:
        """Between the labels and the edge of the picture."""
        return max(1, round(0.25 * self.text_px))

    @property
    def panel_px(self) -> float:
        """Pixels per em of the panel's words."""
        return round(0.64 * self.text_px * 2) / 2

    def label_size(self, word: str, share: str) -> tuple[int, int]:
        """Width and height of a label."""
        width = text_width(word, self.text_px, "bold") + 1.1 * self.text_px
        if share:
            width += text_width(share, self.text_px) + 0.35 * self.text_px
        return round(width), round(1.5 * self.text_px)

    def panel_size(self, labels: Sequence[str]) -> tuple[int, int]:
        """Width and height of a panel with one row per label."""
        px = self.panel_px
        words = max(text_width(label, px, "bold") for label in labels)
        return round(words + 8.6 * px), round(1.45 * px * len(labels) + 1.1 * px)


class FaceMarks:
    """Draws faces frame after frame; labels stay where they were while that is a good place."""

    def __init__(self, style: FaceStyle) -> None:
        self._style = style
        self._label_slots: dict[int, int] = {}
        self._panel_slots: dict[int, int] = {}

    def draw(
        self, image_rgb: NDArray[np.uint8], faces: Sequence[FaceEmotion], *, keep_below: int = 0
    ) -> None:
        """Draw into the picture.

        Args:
            image_rgb: (height, width, 3) uint8, written to.
            faces: their boxes in this picture's pixels.
            keep_below: so many rows at the bottom stay free of labels.
        """
        canvas, style = Canvas(image_rgb), self._style
        width, height = canvas.size
        bounds = Rect(0, 0, width, max(height - keep_below, 1)).grown(-style.margin)
        rects = [face_rect(face.box_xyxy) for face in faces]
        ids = [face.track_id for face in faces]
        words = [label_words(face.scores) for face in faces]
        labels = place_labels(
            rects,
            [style.label_size(*pair) for pair in words],
            bounds,
            style.gap,
            [self._label_slots.get(track) for track in ids],
        )
        self._label_slots = {track: place.slot for track, place in zip(ids, labels, strict=True)}
        panels = self._place_panels(faces, rects, labels, bounds)
        for face, rect in zip(faces, rects, strict=True):
            draw_corners(canvas, rect, emotion_colour(face.scores.top), style)
        for face, place in zip(faces, panels, strict=False):
            draw_bars(canvas, place.rect, face.scores, style.panel_px)
        for face, place, pair in zip(faces, labels, words, strict=True):
            draw_label(canvas, place.rect, pair, emotion_colour(face.scores.top), style.text_px)

    def _place_panels(
        self,
        faces: Sequence[FaceEmotion],
        rects: Sequence[Rect],
        labels: Sequence[Placed],
        bounds: Rect,
    ) -> list[Placed]:
        style = self._style
        if not style.bars or not 0 < len(faces) <= _MOST_PANELS:
            return []
        if style.panel_px < _SMALLEST_PANEL_PX:
            return []
        places = place_panels(
            rects,
            style.panel_size(max((face.scores.labels for face in faces), key=len)),
            [place.rect for place in labels],
            bounds,
            2 * style.gap,
            [self._panel_slots.get(face.track_id) for face in faces],
        )
        if places is None:
            return []
        self._panel_slots = {
            face.track_id: place.slot for face, place in zip(faces, places, strict=True)
        }
        return places


def label_words(scores: Scores) -> tuple[str, str]:
    """What a label says, for example ``("happy", "93%")``; ``("unsure", "")`` where it abstains."""
    if scores.top is None:
        return UNSURE_WORD, ""
    return scores.top, f"{scores.confidence:.0%}"


def draw_label(
    canvas: Canvas, rect: Rect, words: tuple[str, str], fill: tuple[int, int, int], px: float
) -> None:
    """Draw a filled label: the word in bold, its share behind it.

    Args:
        canvas: what to draw into.
        rect: as large as ``FaceStyle.label_size`` says.
        words: the word and its share; no share where that is empty.
        fill: the label's colour; the text's colour follows from it.
        px: pixels per em.
    """
    word, share = words
    ink = ink_on(fill)
    canvas.rounded(rect.grown(1), 0.45 * px + 1, (0, 0, 0), 0.3)
    canvas.rounded(rect, 0.45 * px, fill)
    middle = (rect.y1 + rect.y2) / 2
    x = rect.x1 + 0.55 * px
    canvas.text(x, middle, word, px, ink, "bold")
    if share:
        x += text_width(word, px, "bold") + 0.35 * px
        canvas.text(x, middle, share, px, ink)


def draw_bars(canvas: Canvas, rect: Rect, scores: Scores, px: float) -> None:
    """Draw a dark panel with one bar per probability, in the order of the labels."""
    canvas.rounded(rect, 0.7 * px, PANEL, 0.72)
    words = max(text_width(label, px, "bold") for label in scores.labels)
    left, right = round(rect.x1 + words + 1.7 * px), round(rect.x2 - 0.9 * px)
    thick = max(3, round(0.5 * px))
    for row, (label, share) in enumerate(zip(scores.labels, scores.probabilities, strict=True)):
        middle = rect.y1 + 0.55 * px + 1.45 * px * (row + 0.5)
        chosen = label == scores.top
        canvas.text(
            rect.x1 + 0.9 * px,
            middle,
            label,
            px,
            PAPER if chosen else QUIET,
            "bold" if chosen else "regular",
        )
        top = round(middle - thick / 2)
        canvas.rounded(Rect(left, top, right, top + thick), thick / 2, PAPER, 0.14)
        # A bar as long as it is thick is a dot: the least that looks like a bar.
        long = round((right - left) * min(max(share, 0.0), 1.0))
        if long >= 1:
            bar = Rect(left, top, left + max(long, min(thick, 3)), top + thick)
            canvas.rounded(bar, thick / 2, emotion_colour(label))


def draw_corners(canvas: Canvas, rect: Rect, colour: Rgb, style: FaceStyle) -> None:
    """Mark a face by its four corners."""
    short = min(rect.width, rect.height)
    stroke = max(2, round(min(0.13 * style.text_px, short / 12)))
    arm = max(2, round(0.22 * short))
    radius = round(min(0.6 * style.text_px, 0.6 * arm))
    canvas.brackets(rect, arm, radius, stroke, colour)
