from __future__ import annotations

import pytest

from emoscope.apps.dashboard.bars import bars, heading
from emoscope.apps.dashboard.look import SYMBOLS, THEME, chip, colour, ink, plain, style_sheet
from emoscope.export.palette import contrast, rgb
from emoscope.labels import COLOURS

from .conftest import scores_of


def test_each_emotion_has_a_shape_of_its_own() -> None:
    assert set(COLOURS) <= set(SYMBOLS)
    assert len(set(SYMBOLS.values())) == len(SYMBOLS)


@pytest.mark.parametrize("label", [*COLOURS, None])
def test_text_on_an_emotions_colour_is_readable(label: str | None) -> None:
    assert contrast(rgb(colour(label)), rgb(ink(label))) >= 4.5


@pytest.mark.parametrize("base", ["light", "dark"])
def test_text_and_links_of_both_themes_are_readable(base: str) -> None:
    ground = rgb(str(THEME[f"theme.{base}.backgroundColor"]))
    for part in ("textColor", "linkColor", "primaryColor"):
        assert contrast(ground, rgb(str(THEME[f"theme.{base}.{part}"]))) >= 4.5


def test_a_chip_abstains_in_words() -> None:
    assert "unsure" in chip(None, 0.2)
    assert "%" not in chip(None, 0.2)
    assert COLOURS["happy"] in chip("happy", 0.93)
    assert "93%" in chip("happy", 0.93)


def test_bars_are_ranked_and_say_so() -> None:
    drawn = bars(scores_of("sad", 0.7), "face <1>")
    assert 'aria-label="face &lt;1&gt;: sad 70%' in drawn
    assert drawn.count('class="emo-bar chosen"') == 1
    assert drawn.index("sad") < drawn.index("angry")
    assert drawn.count("emo-track") == 7


def test_names_are_no_markup() -> None:
    assert "<script>" not in heading("<script>", scores_of("sad"), "<script>")
    assert plain("a*b_[c](d) $x$ `e`") == r"a\*b\_\[c\]\(d\) \$x\$ \`e\`"


def test_nothing_is_fetched_by_the_style_sheet() -> None:
    assert "url(" not in style_sheet()
    assert "@import" not in style_sheet()
