from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.apps.live.layout import SMALLEST, Layout, fitted, lay_out
from emoscope.apps.live.theme import CARD, SOFT, TEXT, Sizes, is_narrow
from emoscope.export.canvas import Rect
from emoscope.export.palette import contrast

WIDE = (1280, 720)


def parts(layout: Layout) -> dict[str, Rect]:
    names = ("status", "stage", "together", "face", "voice", "chart")
    return {name: getattr(layout, name) for name in names}


@given(
    st.integers(1, 4500), st.integers(1, 4500), st.sampled_from([(16, 9), (4, 3), (9, 16), (1, 1)])
)
def test_everything_lies_inside_and_nothing_on_anything_else(
    width: int, height: int, picture_px: tuple[int, int]
) -> None:
    layout = lay_out((width, height), picture_px)
    assert layout.size == (max(width, SMALLEST[0]), max(height, SMALLEST[1]))
    window = Rect(0, 0, *layout.size)
    for name, rect in parts(layout).items():
        assert rect.width >= 0, name
        assert rect.height >= 0, name
        assert rect.shared_area(window) == rect.width * rect.height, name
    for (first, a), (second, b) in combinations(parts(layout).items(), 2):
        assert a.shared_area(b) == 0, (first, second)
    assert layout.picture.shared_area(layout.stage) == layout.picture.width * layout.picture.height


@pytest.mark.parametrize("size", [(640, 480), WIDE, (1920, 1080), (3840, 2160), (540, 960)])
def test_usual_windows_have_room_for_every_card(size: tuple[int, int]) -> None:
    layout = lay_out(size, (16, 9))
    text = layout.sizes.text
    assert layout.picture.width >= 0.5 * size[0]
    assert layout.voice.height > 11 * text
    assert layout.face.height > 9 * text
    assert layout.chart.height > 5 * text
    assert layout.sizes.note >= 11


def test_cards_stand_beside_the_picture_and_below_it_where_the_window_is_narrow() -> None:
    wide, narrow = lay_out(WIDE, (16, 9)), lay_out((540, 960), (16, 9))
    assert not is_narrow(*WIDE)
    assert wide.face.x1 > wide.stage.x2
    assert is_narrow(540, 960)
    assert narrow.face.y1 > narrow.stage.y2
    assert narrow.face.y1 == narrow.voice.y1


def test_everything_grows_with_the_window() -> None:
    small, large = Sizes.of(1280, 720), Sizes.of(3840, 2160)
    assert large.text == 3 * small.text == 45
    assert large.gap == pytest.approx(3 * small.gap, abs=3)


@given(st.integers(1, 900), st.integers(1, 900), st.integers(1, 4000), st.integers(1, 4000))
def test_a_picture_keeps_its_proportions(width: int, height: int, wide: int, high: int) -> None:
    rect = fitted(Rect(10, 20, 10 + width, 20 + height), (wide, high))
    assert rect.width == width or rect.height == height
    if rect.width > 20 and rect.height > 20:
        assert rect.width / rect.height == pytest.approx(wide / high, rel=0.06)


def test_text_is_readable_on_cards() -> None:
    assert contrast(TEXT, CARD) > 7
    assert contrast(SOFT, CARD) > 4.5
