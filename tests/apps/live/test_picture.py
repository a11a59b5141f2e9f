from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emoscope.apps.live.picture import FaceLabels, draw_camera, mirrored
from emoscope.export.canvas import Canvas, Rect
from emoscope.export.palette import emotion_colour
from emoscope.live.state import LiveState

Picture = NDArray[np.uint8]


def blank(width: int = 400, height: int = 300) -> Canvas:
    return Canvas(np.zeros((height, width, 3), np.uint8))


@pytest.mark.parametrize("rect", [Rect(10, 20, 90, 65), Rect(0, 0, 320, 180)])
def test_the_picture_is_mirrored(picture: Picture, rect: Rect) -> None:
    canvas = blank()
    draw_camera(canvas, rect, picture)
    middle = (rect.y1 + rect.y2) // 2
    assert canvas.image[middle, rect.x1 + 5].tolist() == [0, 0, 200]
    assert canvas.image[middle, rect.x2 - 5].tolist() == [200, 0, 0]
    assert not canvas.image[rect.y2 :].any()


@given(st.floats(0, 150), st.floats(1, 9))
def test_boxes_are_mirrored_with_it(x: float, width: float) -> None:
    rect = Rect(100, 50, 420, 230)
    box = mirrored((x, 10.0, x + width, 40.0), (160, 90), rect)
    assert box.x1 == pytest.approx(420 - 2 * (x + width), abs=1)
    assert box.x2 == pytest.approx(420 - 2 * x, abs=1.5)
    assert (box.y1, box.y2) == (70, 130)


def test_a_face_is_marked_in_its_colour_where_the_mirror_shows_it(
    make_state: Callable[..., LiveState],
) -> None:
    canvas, rect = blank(640, 360), Rect(0, 0, 640, 360)
    FaceLabels().draw(canvas, rect, make_state().faces, (160, 90))
    happy = (canvas.image == emotion_colour("happy")).all(axis=2)
    rows, columns = np.flatnonzero(happy.any(axis=1)), np.flatnonzero(happy.any(axis=0))
    # The box is 60 to 100 of 160 across: 240 to 400 in the mirror; its label stands above it.
    assert columns[0] == pytest.approx(240, abs=4)
    assert columns[-1] == pytest.approx(400, abs=4)
    assert rows[0] < 80 < rows[-1]


def test_a_held_face_is_greyer_and_an_unsure_one_grey(
    make_state: Callable[..., LiveState],
) -> None:
    face = make_state().faces[0]
    held, unsure = blank(640, 360), blank(640, 360)
    rect = Rect(0, 0, 640, 360)
    FaceLabels().draw(held, rect, [replace(face, held=True)], (160, 90))
    FaceLabels().draw(unsure, rect, [replace(face, label=None)], (160, 90))
    for canvas in (held, unsure):
        assert not (canvas.image == emotion_colour("happy")).all(axis=2).any()
        assert canvas.image.any()


def test_faces_outside_and_of_no_size_do_no_harm(make_state: Callable[..., LiveState]) -> None:
    face = make_state().faces[0]
    boxes = [(-50.0, -50.0, -10.0, -10.0), (0.0, 0.0, 0.4, 0.4), (-10.0, -10.0, 500.0, 500.0)]
    faces = [replace(face, track_id=i, box_xyxy=box) for i, box in enumerate(boxes)]
    FaceLabels().draw(blank(), Rect(0, 0, 200, 112), faces, (160, 90))
