from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.export.annotate import FaceMarks, FaceStyle, annotate_picture, label_words
from emoscope.export.canvas import Rect
from emoscope.export.glyphs import text_width
from emoscope.export.layout import place_labels, place_panels
from emoscope.export.palette import UNSURE, emotion_colour
from emoscope.labels import SHARED
from emoscope.results import FaceEmotion, Scores

Box = tuple[float, float, float, float]


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.asarray((before != after).any(axis=2))


@pytest.mark.parametrize("size", [(200, 150), (1280, 720), (3840, 2160)])
def test_only_the_face_its_label_and_its_bars_change(
    size: tuple[int, int], make_face: Callable[..., FaceEmotion]
) -> None:
    width, height = size
    image = np.full((height, width, 3), 120, dtype=np.uint8)
    box = (width * 0.3, height * 0.3, width * 0.5, height * 0.65)
    drawn = annotate_picture(image, [make_face(box)])
    assert (image == 120).all()
    assert drawn.shape == image.shape
    style = FaceStyle.of(size, [box])
    rect = Rect(*(round(v) for v in box))
    bounds = Rect(0, 0, width, height).grown(-style.margin)
    label = place_labels([rect], [style.label_size("happy", "70%")], bounds, style.gap)[0].rect
    panels = place_panels([rect], style.panel_size(SHARED), [label], bounds, 2 * style.gap)
    allowed = np.zeros((height, width), dtype=bool)
    stroke = round(0.13 * style.text_px) + 3
    for part in [rect.grown(stroke), label.grown(1), *(p.rect for p in panels or [])]:
        allowed[max(part.y1, 0) : part.y2, max(part.x1, 0) : part.x2] = True
    inside = rect.grown(-stroke)
    allowed[inside.y1 : inside.y2, inside.x1 : inside.x2] = False
    touched = changed(image, drawn)
    # The rounding of the corners reaches inside by less than its radius.
    corner = round(0.6 * style.text_px)
    core = rect.grown(-stroke - corner)
    assert not touched[core.y1 : core.y2, core.x1 : core.x2].any()
    allowed[rect.y1 : rect.y2, rect.x1 : rect.x2] = True
    assert touched.any()
    assert not touched[~allowed].any()


def test_the_label_has_the_colour_of_the_emotion(make_face: Callable[..., FaceEmotion]) -> None:
    image = np.zeros((300, 400, 3), dtype=np.uint8)
    for top in SHARED:
        drawn = annotate_picture(image, [make_face((100, 100, 200, 220), top)], bars=False)
        exact = (drawn == emotion_colour(top)).all(axis=2)
        assert exact[:100].sum() > 300
        assert exact[100:].sum() > 20


def test_an_unsure_face_is_grey(make_face: Callable[..., FaceEmotion]) -> None:
    image = np.zeros((300, 400, 3), dtype=np.uint8)
    face = make_face((100, 100, 200, 220), share=0.2)
    assert label_words(face.scores) == ("unsure", "")
    drawn = annotate_picture(image, [face], bars=False)
    assert (drawn == UNSURE).all(axis=2).sum() > 300


def test_bars_are_as_long_as_their_probabilities() -> None:
    shares = (0.0, 0.05, 0.1, 0.15, 0.2, 0.0, 0.5)
    face = FaceEmotion(0, (200, 200, 500, 560), 0.9, 0, Scores(SHARED, shares))
    drawn = annotate_picture(np.zeros((900, 1400, 3), dtype=np.uint8), [face])[:, 530:]
    lengths = [(drawn == emotion_colour(label)).all(axis=2).sum(axis=1).max() for label in SHARED]
    whole = lengths[-1] / 0.5
    for length, share in zip(lengths, shares, strict=True):
        assert length == pytest.approx(whole * share, abs=2)


def test_no_face_changes_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    drawn = annotate_picture(image, [])
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


@given(
    st.tuples(st.integers(1, 500), st.integers(1, 500)),
    st.lists(
        st.tuples(
            st.floats(-80, 500), st.floats(-80, 500), st.floats(0.1, 600), st.floats(0.1, 600)
        ),
        max_size=5,
    ),
)
@settings(max_examples=40, deadline=None)
def test_odd_boxes_and_tiny_pictures_are_drawn(
    size: tuple[int, int], boxes: list[tuple[float, float, float, float]]
) -> None:
    scores = Scores(SHARED, (1.0, 0, 0, 0, 0, 0, 0))
    faces = [
        FaceEmotion(0.0, (x, y, x + w, y + h), 1.0, i, scores)
        for i, (x, y, w, h) in enumerate(boxes)
    ]
    image = np.full((size[1], size[0], 3), 7, dtype=np.uint8)
    assert annotate_picture(image, faces).shape == image.shape


@given(st.integers(120, 8000), st.integers(120, 8000), st.floats(1, 4000))
def test_text_follows_the_picture_and_fits_it(width: int, height: int, face_px: float) -> None:
    style = FaceStyle.of((width, height), [(0, 0, face_px, face_px)])
    assert style.label_size("surprise", "100%")[0] + 2 * style.margin <= width
    assert style.text_px <= 64
    if width >= 200:
        assert style.text_px >= 11
    assert text_width("happy", style.panel_px) < style.panel_size(SHARED)[0]


def test_rows_kept_below_stay_free(make_face: Callable[..., FaceEmotion]) -> None:
    image = np.zeros((360, 640, 3), dtype=np.uint8)
    face = make_face((100, 10, 300, 290))
    FaceMarks(FaceStyle.of((640, 360), [face.box_xyxy])).draw(image, [face], keep_below=50)
    assert not image[310:].any()
