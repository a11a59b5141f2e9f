from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.export.palette import (
    PANEL,
    PAPER,
    QUIET,
    UNSURE,
    contrast,
    emotion_colour,
    ink_on,
    rgb,
)
from emoscope.labels import COLOURS


@pytest.mark.parametrize("label", [*COLOURS, None])
def test_text_on_every_emotion_can_be_read(label: str | None) -> None:
    colour = emotion_colour(label)
    assert contrast(ink_on(colour), colour) >= 4.5


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_text_on_any_colour_can_be_read(colour: tuple[int, int, int]) -> None:
    assert contrast(ink_on(colour), colour) >= 4.5


def test_text_on_panels_can_be_read() -> None:
    assert contrast(QUIET, PANEL) >= 4.5
    assert contrast(PAPER, PANEL) >= 4.5


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast((255, 255, 255), (0, 0, 0)) == pytest.approx(21)
    # WebAIM's checker: #777777 on white.
    assert contrast((0x77, 0x77, 0x77), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)


def test_colours_come_from_the_labels() -> None:
    assert emotion_colour("angry") == (0xD5, 0x5E, 0x00)
    assert emotion_colour(None) == emotion_colour("no such label") == UNSURE


@pytest.mark.parametrize("code", ["D55E00", "#D55E0", "red", "#GGGGGG"])
def test_what_is_no_colour_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match=r"colour|invalid literal"):
        rgb(code)
