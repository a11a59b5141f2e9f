"""The window without a display: SDL's dummy driver, events put in by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope.analyzer import Analyzer
from emoscope.apps.live.session import Session
from emoscope.apps.live.showing import Showing
from emoscope.apps.live.window import Window
from emoscope.errors import EmoscopeError
from emoscope.live.cameras import IterableCamera
from emoscope.live.microphones import IterableMicrophone
from emoscope.live.pace import Pace
from emoscope.media import Frame, Sound

pygame: Any = pytest.importorskip("pygame")

STEPS = 600  # some ten seconds


def frames() -> Iterator[Frame]:
    for number in count():
        image = np.full((90, 160, 3), number % 256, np.uint8)
        yield Frame(number / 30, image)


def sounds() -> Iterator[Sound]:
    for number in count():
        yield Sound(number / 20, np.zeros(800, np.float32))


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with Window() as opened:
        yield opened


@pytest.fixture
def showing(analyzer: Analyzer, tmp_path: Path) -> Iterator[Showing]:
    camera = IterableCamera(frames(), "film", Pace())
    microphone = IterableMicrophone(sounds(), "talk", Pace())
    with Session(analyzer, camera, microphone) as session:
        yield Showing(session, tmp_path / "kept")


def press(key: int) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))


def step_until(window: Window, showing: Showing, what: Callable[[], bool]) -> None:
    for _ in range(STEPS):
        assert window.step(showing)
        if what():
            return
    pytest.fail("it never came")


def test_it_shows_frames_and_how_fast(window: Window, showing: Showing) -> None:
    step_until(window, showing, lambda: showing.view.frames_per_s is not None)
    assert showing.frame is not None
    assert showing.view.delay_s is not None
    assert showing.view.camera.open
    surface = pygame.display.get_surface()
    shown = pygame.surfarray.array3d(surface).swapaxes(0, 1)
    np.testing.assert_array_equal(shown, window.screen.image)


@pytest.mark.parametrize("key", [pygame.K_q, pygame.K_ESCAPE])
def test_q_and_escape_quit(window: Window, showing: Showing, key: int) -> None:
    press(key)
    assert not window.step(showing)


def test_closing_the_window_quits(window: Window, showing: Showing) -> None:
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    window.run(showing)


def test_it_ends_after_the_seconds_that_were_asked_for(window: Window, showing: Showing) -> None:
    window.run(showing, seconds=0.2)
    assert 0.2 <= showing.session.clock() < 30


def test_h_shows_and_hides_the_keys(window: Window, showing: Showing) -> None:
    for shown in (True, False):
        press(pygame.K_h)
        assert window.step(showing)
        assert showing.view.show_help is shown


def test_space_pauses_picture_and_readings(window: Window, showing: Showing) -> None:
    step_until(window, showing, lambda: showing.frame is not None)
    press(pygame.K_SPACE)
    window.step(showing)
    frozen, engine = showing.frame, showing.session.engine
    assert engine.paused
    for _ in range(5):
        window.step(showing)
    assert showing.frame is frozen
    press(pygame.K_SPACE)
    step_until(window, showing, lambda: showing.frame is not frozen)
    assert not engine.paused


def test_v_switches_voice_and_says_so(window: Window, showing: Showing) -> None:
    for mode in ("key", "auto"):
        press(pygame.K_v)
        window.step(showing)
        assert showing.session.engine.voice_mode == showing.view.voice_mode == mode
        assert showing.view.notice is not None
        assert showing.view.notice.startswith("voice: ")


def test_t_shows_and_hides_translated_readings(window: Window, showing: Showing) -> None:
    for shown in (False, True):
        press(pygame.K_t)
        window.step(showing)
        assert showing.session.engine.translate is shown
        assert showing.view.show_translated is shown


def test_a_records_two_seconds_with_a_ring(window: Window, showing: Showing) -> None:
    press(pygame.K_a)
    step_until(window, showing, lambda: showing.state.recording is not None)
    step_until(window, showing, lambda: showing.state.recording is None)


def test_a_without_a_microphone_says_why_not(
    window: Window, analyzer: Analyzer, tmp_path: Path
) -> None:
    with Session(analyzer, IterableCamera(frames(), "film", Pace()), None) as session:
        showing = Showing(session, tmp_path)
        press(pygame.K_a)
        window.step(showing)
        assert showing.view.notice == "the microphone is off"
        assert showing.state.recording is None


def test_s_saves_what_is_seen_and_read(window: Window, showing: Showing, tmp_path: Path) -> None:
    step_until(window, showing, lambda: showing.state.frame_time_s is not None)
    press(pygame.K_s)
    window.step(showing)
    document, picture = sorted((tmp_path / "kept").iterdir())
    assert showing.view.notice == f"saved {picture.name} and {document.name}"
    assert json.loads(document.read_text(encoding="utf-8"))["size_px"] == [160, 90]
    assert pygame.image.load(str(picture)).get_size() == window.screen.size


def test_a_folder_that_cannot_be_written_is_a_notice(
    window: Window, showing: Showing, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("in the way")
    press(pygame.K_s)
    window.step(showing)
    assert showing.view.notice is not None
    assert "cannot write" in showing.view.notice


def test_it_can_be_resized(window: Window, showing: Showing) -> None:
    step_until(window, showing, lambda: showing.frame is not None)
    pygame.display.set_mode((640, 480), pygame.RESIZABLE)
    step_until(window, showing, lambda: window.screen.size == (640, 480))


def test_what_ends_the_reading_ends_the_window(window: Window, tmp_path: Path) -> None:
    broken = Analyzer(face_model=tmp_path / "missing.onnx", detector="haar")
    camera = IterableCamera(frames(), "film", Pace())
    with (
        Session(broken, camera, None) as session,
        pytest.raises(EmoscopeError, match=r"missing\.onnx"),
    ):
        window.run(Showing(session, tmp_path), seconds=60)


def test_without_a_display_there_is_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SDL_VIDEODRIVER", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if os.name != "posix":
        pytest.skip("there is always one here")
    with pytest.raises(EmoscopeError, match="--no-window"):
        Window()
