"""The History page, run by Streamlit's own test harness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emoscope.results import Analysis

from .conftest import html_of, page, text_of

pytest.importorskip("sqlalchemy", reason="the history extra is not installed")

from emoscope.history import History

pytestmark = pytest.mark.usefixtures("fake_reader")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the history lies; not made yet."""
    path = tmp_path / "kept" / "history.db"
    monkeypatch.setenv("EMOSCOPE_HISTORY", str(path))
    return path


@pytest.fixture
def full(kept: Path, talk: Analysis) -> AppTest:
    """The page, switched on, with 25 results."""
    with History.open() as history:
        for number in range(25):
            history.add(replace(talk, source=f"talk {number}.mp4"))
    app = page("history")
    app.session_state["history_on"] = True
    return app.run()


def _rows(app: AppTest) -> list[str]:
    return [button.label.split(" ·")[0] for button in app.button if "talk" in button.label]


def _names(numbers: range) -> list[str]:
    return [f"talk {number}\\.mp4" for number in numbers]


def test_it_is_off_and_nothing_is_kept(
    analysed: Callable[..., AppTest], picture: bytes, kept: Path
) -> None:
    app = page("history").run()
    assert not app.exception
    assert app.toggle[0].value is False
    analysed(("a.png", picture))
    assert not kept.exists()


def test_what_is_read_is_kept_where_it_is_switched_on(
    analysed: Callable[..., AppTest], picture: bytes, kept: Path
) -> None:
    analysed(("a.png", picture), history_on=True)
    with History.open() as history:
        (entry,) = history.list()
    assert entry.source == "a.png"
    assert entry.labels["face"] == "happy"


def test_it_lists_page_by_page_and_searches(full: AppTest) -> None:
    assert not full.exception
    assert full.get("vega_lite_chart") or full.get("arrow_vega_lite_chart")
    assert _rows(full) == _names(range(24, 4, -1))
    next(button for button in full.button if button.label == "Older").click().run()
    assert _rows(full) == _names(range(4, -1, -1))
    next(button for button in full.button if button.label == "Newest").click().run()
    full.text_input(key="search").set_value("talk 7").run()
    assert _rows(full) == _names(range(17, 6, -10))
    full.text_input(key="search").set_value("nothing of the kind").run()
    assert full.info[0].value == "Nothing found."


def test_an_old_result_is_shown_again_with_its_downloads(full: AppTest) -> None:
    next(button for button in full.button if button.label.startswith("talk 24")).click().run()
    assert "The face appears happy (51%)" in html_of(full)
    labels = [button.label for button in full.get("download_button")]
    assert "JSON" in labels
    assert "EAF" in labels
    assert "Annotated" not in labels, "there is no medium any more"


def test_one_and_then_all_are_deleted(full: AppTest) -> None:
    first = next(button for button in full.button if button.help == "Delete this one")
    first.click().run()
    assert _rows(full)[0] == "talk 23\\.mp4"
    assert "all 24 results" in text_of(full)
    full.button(key="delete-all").click().run()
    assert not full.exception
    with History.open() as history:
        assert history.count() == 0
    assert full.info[0].value == "Nothing is kept yet."


def test_a_history_that_cannot_be_opened_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOSCOPE_HISTORY", str(tmp_path))
    app = page("history")
    app.session_state["history_on"] = True
    app.run()
    assert not app.exception
    assert len(app.error) == 1
