"""The mirrored picture with its faces marked."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.apps.live.theme import GROUND, Sizes
from emoscope.export.annotate import UNSURE_WORD, FaceStyle, draw_corners, draw_label
from emoscope.export.canvas import Canvas, Rect, rounded_mask
from emoscope.export.layout import face_rect, place_labels
from emoscope.export.palette import Rgb, emotion_colour
from emoscope.live.state import LiveFace
from emoscope.results import Box


def draw_camera(canvas: Canvas, rect: Rect, image_rgb: NDArray[np.uint8]) -> None:
    """Lay the camera's picture, as a mirror shows it, into a rectangle of its proportions."""
    height, width = image_rgb.shape[:2]
    shrinks = min(width / rect.width, height / rect.height) > 2
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    # The smaller of the two pictures is mirrored: less to do.
    larger = rect.width > width
    scaled = cv2.resize(
        cv2.flip(image_rgb, 1) if larger else image_rgb,
        (rect.width, rect.height),
        interpolation=how,
    )
    canvas.image[rect.y1 : rect.y2, rect.x1 : rect.x2] = scaled if larger else cv2.flip(scaled, 1)


def mirrored(box_xyxy: Box, size_px: tuple[int, int], rect: Rect) -> Rect:
    """Where a box of a picture of ``size_px`` lies in its mirrored copy at ``rect``."""
    across, down = rect.width / size_px[0], rect.height / size_px[1]
    x1, y1, x2, y2 = box_xyxy
    return face_rect(
        (
            rect.x2 - x2 * across,
            rect.y1 + y1 * down,
            rect.x2 - x1 * across,
            rect.y1 + y2 * down,
        )
    )


class FaceLabels:
    """Marks faces frame after frame; labels stay where they were while that is a good place."""

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}

    def draw(
        self, canvas: Canvas, rect: Rect, faces: Sequence[LiveFace], size_px: tuple[int, int]
    ) -> None:
        """Draw into the mirrored picture at ``rect``.

        Args:
            canvas: what to draw into.
            rect: the picture.
            faces: their boxes in pixels of the camera's picture.
            size_px: width and height of that.
        """
        view = Canvas(canvas.image[rect.y1 : rect.y2, rect.x1 : rect.x2])
        inside = Rect(0, 0, rect.width, rect.height)
        places = [mirrored(face.box_xyxy, size_px, inside) for face in faces]
        style = FaceStyle.of((rect.width, rect.height), places, bars=False)
        words = [_words(face) for face in faces]
        labels = place_labels(
            places,
            [style.label_size(*pair) for pair in words],
            inside.grown(-style.margin),
            style.gap,
            [self._slots.get(face.track_id) for face in faces],
        )
        self._slots = {face.track_id: label.slot for face, label in zip(faces, labels, strict=True)}
        for face, place in zip(faces, places, strict=True):
            draw_corners(view, place, _colour(face), style)
        for face, label, pair in zip(faces, labels, words, strict=True):
            draw_label(view, label.rect, pair, _colour(face), style.text_px)


def round_corners(canvas: Canvas, rect: Rect, sizes: Sizes) -> None:
    """Cut the corners of what lies at ``rect`` down to the ground."""
    r = sizes.radius
    mask = 255 - rounded_mask(2 * r + 2, 2 * r + 2, r)
    for y, rows in ((rect.y1, np.s_[:r]), (rect.y2 - r, np.s_[-r:])):
        for x, columns in ((rect.x1, np.s_[:r]), (rect.x2 - r, np.s_[-r:])):
            canvas.blend(x, y, mask[rows, columns], GROUND)


def _words(face: LiveFace) -> tuple[str, str]:
    if face.label is None:
        return UNSURE_WORD, ""
    return face.label, f"{face.confidence:.0%}"


def _colour(face: LiveFace) -> Rgb:
    """The emotion's, greyer where the face is not seen just now."""
    colour = emotion_colour(face.label)
    if not face.held:
        return colour
    red, green, blue = ((channel + 110) // 2 for channel in colour)
    return red, green, blue
