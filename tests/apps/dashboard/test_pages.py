"""Each page, run by Streamlit's own test harness: no browser, no server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from emoscope.apps.dashboard import live_service, papers, reading_options
from emoscope.apps.dashboard.desk import Item
from emoscope.apps.dashboard.reading import Reading
from emoscope.errors import ModelUnavailableError
from emoscope.models import store
from emoscope.models.catalog import find
from emoscope.results import Analysis

from .conftest import HERE, html_of, page, text_of

pytestmark = pytest.mark.usefixtures("fake_reader")


def test_words_are_a_choice_where_a_whisper_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_options, "whispers", lambda: ["tiny", "base"])
    app = page("analyse").run()
    size, language = app.selectbox
    assert size.options == ["off", "tiny", "base"]
    assert language.disabled
    size.set_value("tiny").run()
    app.selectbox[1].set_value("de").run()
    chosen = app.session_state["choice"]
    assert (chosen.transcribe, chosen.language) == ("tiny", "de")


def test_a_transcript_has_times_language_and_no_markup(
    talk: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading(talk, b"film", None, (), None, None)
    item = Item("talk.mp4", b"", lambda: pytest.fail("read again"), state="done", reading=reading)

    def shown() -> None:
        import streamlit as st

        from emoscope.apps.dashboard import result

        result.show(st.session_state["item"])

    app = AppTest.from_function(shown)
    app.session_state["item"] = item
    app.run(timeout=30)
    assert not app.exception
    shown = html_of(app)
    assert 'title="to 0:00.8">Good<rt>0:00.5</rt>' in shown
    assert "&lt;b&gt;day&lt;/b&gt;" in shown
    assert "en 98%" in shown


def test_the_whole_app_opens_on_analyse() -> None:
    app = AppTest.from_file(str(HERE / "app.py"), default_timeout=30).run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Analyse"]


@pytest.mark.parametrize("name", ["analyse", "record", "models", "history", "about"])
def test_a_page_opens_by_itself(name: str) -> None:
    app = page(name).run()
    assert not app.exception
    assert [title.value for title in app.title] == [name.capitalize()]


def test_analyse_states_its_limit() -> None:
    from emoscope.apps.dashboard.launch import MAX_UPLOAD_MB, flags

    assert f"--server.maxUploadSize={MAX_UPLOAD_MB}" in flags(1, browser=False)


def test_a_picture_is_read_and_shown(analysed: Callable[..., AppTest], picture: bytes) -> None:
    app = analysed(("me.png", picture))
    assert not app.exception
    shown = html_of(app)
    assert "The face appears happy (80%)." in shown
    assert 'aria-label="Face: happy 80%' in shown
    assert "**me\\.png**" in text_of(app)
    labels = [button.label for button in app.get("download_button")]
    assert [label for label in labels if label != "Parquet"] == [
        "Annotated",
        "JSON",
        "CSV",
        "CSV, wide",
    ]


def test_several_files_are_rows_and_the_first_is_shown(
    analysed: Callable[..., AppTest], picture: bytes
) -> None:
    app = analysed(("one.png", picture), ("two.png", picture), ("bad.png", b"nothing"))
    rows = [button.label for button in app.button if button.label.endswith(".png")]
    assert rows == ["one\\.png", "two\\.png", "bad\\.png"]
    assert "**one\\.png**" in text_of(app)
    next(button for button in app.button if button.label == "bad\\.png").click().run()
    (error,) = app.error
    assert error.value.startswith("**bad\\.png**: ")


def test_a_row_is_taken_off_and_then_all(analysed: Callable[..., AppTest], picture: bytes) -> None:
    app = analysed(("one.png", picture), ("two.png", picture))
    next(b for b in app.button if b.help == "Remove one\\.png").click().run()
    assert [item.name for item in app.session_state["desk"].items] == ["two.png"]
    assert "**two\\.png**" in text_of(app)


def test_a_recording_has_player_time_line_and_subtitles(
    analysed: Callable[..., AppTest], make_wav: Callable[..., Path], tmp_path: Path
) -> None:
    import numpy as np

    data = make_wav(tmp_path / "a.wav", np.sin(np.arange(16_000) / 9)).read_bytes()
    app = analysed(("a.wav", data))
    assert not app.exception
    assert "The voice sounds happy (70%)." in html_of(app)
    labels = [button.label for button in app.get("download_button")]
    assert {"SRT", "WebVTT", "TextGrid", "EAF"} <= set(labels)


def test_a_video_has_faces_and_voice(
    analysed: Callable[..., AppTest], make_video: Callable[..., Path], tmp_path: Path
) -> None:
    import numpy as np

    sound: Any = np.sin(np.arange(16_000) / 9) * 0.3
    data = make_video(tmp_path / "v.mp4", sound=sound).read_bytes()
    app = analysed(("v.mp4", data))
    assert not app.exception
    assert [one.value for one in app.subheader] == ["Faces", "Voice", "Downloads"]


def test_no_camera_before_consent_and_none_before_it_is_asked_for() -> None:
    app = page("record").run()
    assert not app.get("camera_input")
    assert not app.get("audio_input")
    app.button(key="agree").click().run()
    assert app.get("audio_input")
    assert not app.get("camera_input")
    app.button(key="open-camera").click().run()
    assert app.get("camera_input")
    assert "camera open" in html_of(app)
    next(b for b in app.button if b.label == "Close the camera").click().run()
    assert not app.get("camera_input")
    assert "camera closed" in html_of(app)


def test_live_shows_the_page_of_a_service_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    running = SimpleNamespace(url="http://127.0.0.1:40000", key="secret")
    monkeypatch.setattr(live_service, "service", lambda chosen: running)
    app = page("live").run()
    assert not app.exception
    (frame,) = app.get("iframe")
    assert frame.proto.src.startswith("http://127.0.0.1:40000/live?key=secret&theme=")


def test_live_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(chosen: object) -> None:
        raise RuntimeError("the service did not start; its log says why")

    monkeypatch.setattr(live_service, "service", fail)
    app = page("live").run()
    assert not app.exception
    assert "did not start" in app.error[0].value


def test_models_are_chosen_for_what_comes_next() -> None:
    app = page("models").run()
    faces, _, detectors = app.selectbox
    assert faces.options == ["emoscope-face"]
    detectors.set_value("haar").run()
    assert app.session_state["choice"].detector == "haar"


def test_model_cards_have_figures_a_matrix_and_limits() -> None:
    app = page("models").run()
    assert f"{find('emoscope-face').at_version}: FER2013's own validation split" in text_of(app)
    assert html_of(app).count('aria-label="confusion matrix"') == 2
    assert "Small grey web pictures" in text_of(app)
    assert len(app.expander) == 7


def test_fetching_shows_how_far_it_is_and_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def fetch(name: str, *, progress: Callable[[float, float | None], None]) -> Path:
        seen.append(name)
        progress(50.0, 100.0)
        raise ModelUnavailableError("mini-xception cannot be downloaded: no network")

    monkeypatch.setattr(store, "fetch", fetch)
    app = page("models").run()
    app.button(key="fetch-mini-xception").click().run()
    assert seen == ["mini-xception"]
    assert "no network" in app.error[0].value


def test_about_says_what_it_must_not_be_used_for() -> None:
    app = page("about").run()
    text = text_of(app)
    assert "Do not use it" in text
    assert "Nothing is sent" in text
    assert "surprise" in html_of(app)


def test_without_the_documentation_pages_still_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "_FOLDERS", ())
    papers.page.cache_clear()
    try:
        for name in ("about", "models"):
            assert not page(name).run().exception
    finally:
        papers.page.cache_clear()
