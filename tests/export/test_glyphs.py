from __future__ import annotations

import string
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.export.glyphs import shortened, text_mask, text_width


@pytest.mark.parametrize("weight", ["regular", "bold"])
@pytest.mark.parametrize("px", [9.0, 20.0, 64.0, 100.0])
def test_every_printable_letter_has_ink_of_its_own(weight: str, px: float) -> None:
    letters = [c for c in string.printable if not c.isspace()]
    masks = {c: text_mask(c, px, weight).coverage for c in letters}  # type: ignore[arg-type]
    assert all(mask.max() > 120 for mask in masks.values())
    pictures = {mask.tobytes() for mask in masks.values()}
    # At nine pixels some letters may fall together, though not many.
    assert len(pictures) > len(letters) - (5 if px < 10 else 1)


@given(st.text(max_size=30), st.text(max_size=30), st.floats(6, 90))
def test_widths_add_up(first: str, second: str, px: float) -> None:
    whole = text_width(first + second, px)
    assert whole == pytest.approx(text_width(first, px) + text_width(second, px))


@given(st.text(max_size=20), st.floats(6, 90))
def test_a_mask_is_as_long_as_the_text_and_holds_all_its_ink(text: str, px: float) -> None:
    mask, start, base = text_mask(text, px)
    assert mask.shape[1] == pytest.approx(text_width(text, px) + 2 * start, abs=0.1 * px + 3)
    assert 0 < base < mask.shape[0]
    assert not mask.flags.writeable


def test_half_the_size_is_half_the_text() -> None:
    large, small = text_mask("happy", 60.0).coverage, text_mask("happy", 30.0).coverage
    assert small.sum() / large.sum() == pytest.approx(0.25, rel=0.03)


def test_letters_that_are_not_there_are_replaced() -> None:
    assert text_width("ā", 20) == text_width("a", 20)
    assert text_width("語", 20) == text_width("\ufffd", 20)
    assert text_width("e\u0301", 20) == text_width("e", 20)
    assert text_width("\n", 20) == text_width(" ", 20)
    assert text_width("é", 20) > 0


@given(st.text(string.ascii_letters, max_size=60), st.floats(0, 400))
def test_shortened_text_fits(text: str, most: float) -> None:
    short = shortened(text, 16.0, most)
    assert text_width(short, 16.0) <= most
    if text_width(text, 16.0) <= most:
        assert short == text
    elif short:
        assert "…" in short


def test_the_letters_are_small_and_bring_their_licence() -> None:
    folder = files("emoscope.export") / "assets"
    sizes = [len(file.read_bytes()) for file in folder.iterdir() if file.is_file()]
    assert sum(sizes) < 150_000
    assert "Bitstream" in (folder / "LICENSE-DejaVu.txt").read_text(encoding="utf-8")


def test_bold_is_bolder() -> None:
    regular, bold = (np.asarray(text_mask("sad", 40.0, w).coverage) for w in ("regular", "bold"))
    assert bold.sum() > 1.2 * regular.sum()
