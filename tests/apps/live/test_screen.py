from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.apps.live.chart import LastMinute
from emoscope.apps.live.screen import Screen
from emoscope.apps.live.theme import AMBER, RED, SPEECH
from emoscope.apps.live.view import Device, View
from emoscope.export.canvas import Rect
from emoscope.export.palette import Rgb, emotion_colour
from emoscope.live.state import LiveState
from emoscope.translated import TranslatedReading

Picture = NDArray[np.uint8]
Make = Callable[..., LiveState]
VIEW = View(
    Device("talk.mp4", True), Device("talk.flac", True), frames_per_s=30.0, delay_s=0.04
)  # fmt: skip
SIZES = [(640, 480), (1280, 720), (1920, 1080), (3840, 2160), (480, 800), (300, 200)]


def has(screen: Screen, rect: Rect, colour: Rgb) -> bool:
    return bool((screen.image[rect.y1 : rect.y2, rect.x1 : rect.x2] == colour).all(axis=2).any())


def drawn(state: LiveState, view: View = VIEW, image: Picture | None = None) -> Screen:
    screen = Screen((1280, 720), (160, 90))
    screen.draw(image, state, view)
    return screen


@pytest.mark.parametrize("size", SIZES)
def test_every_size_shows_face_bars_voice_and_status(
    size: tuple[int, int], make_state: Make, picture: Picture
) -> None:
    minute = LastMinute()
    for step in range(50):
        minute.push(make_state(time_s=step / 5))
    screen = Screen(size, (160, 90))
    screen.draw(picture, make_state(), VIEW, minute.samples)
    layout = screen.layout
    happy = emotion_colour("happy")
    for rect in (layout.picture, layout.together, layout.face):
        assert has(screen, rect, happy)
    assert has(screen, layout.voice, emotion_colour("sad"))
    assert has(screen, layout.voice, SPEECH)
    assert has(screen, layout.status, RED)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("with_picture", [True, False])
def test_every_overlay_fits_every_size(
    size: tuple[int, int], with_picture: bool, make_state: Make, picture: Picture
) -> None:
    screen = Screen(size, (160, 90))
    image = picture if with_picture else None
    long = "camera 0: cannot be opened; " * 8
    views = [
        replace(VIEW, show_help=True, notice=long),
        replace(VIEW, paused=True, camera=Device("0", False, long)),
        View(camera=Device(None, False, long), microphone=Device(None, False, long)),
    ]
    for view in views:
        screen.draw(image, make_state(), view)
    for share in (0.0, 0.4, 1.0):
        screen.draw(image, make_state(recording=share), VIEW)
    screen.draw(image, LiveState(), VIEW)


def test_the_same_values_give_the_same_picture(make_state: Make, picture: Picture) -> None:
    first, second = Screen((800, 600), (160, 90)), Screen((800, 600), (160, 90))
    first.draw(None, LiveState(), View())
    first.draw(picture, make_state(recording=0.5), replace(VIEW, show_help=True))
    first.draw(picture, make_state(), VIEW)
    second.draw(picture, make_state(), VIEW)
    np.testing.assert_array_equal(first.image, second.image)


def test_only_what_changed_is_drawn_again(make_state: Make, picture: Picture) -> None:
    screen = Screen((1280, 720), (160, 90))
    layout = screen.layout
    assert len(screen.draw(picture, make_state(), VIEW)) == 6
    assert screen.draw(picture, make_state(), VIEW) == [layout.stage]
    louder = make_state(level_dbfs=-10.0)
    assert screen.draw(picture, louder, VIEW) == [layout.voice, layout.stage]
    slower = replace(VIEW, frames_per_s=12.0)
    assert screen.draw(picture, louder, slower) == [layout.status, layout.stage]


def test_nothing_is_drawn_outside_of_what_is_said_to_have_changed(
    make_state: Make, picture: Picture
) -> None:
    screen = Screen((900, 600), (160, 90))
    screen.draw(picture, LiveState(), VIEW)
    before = screen.image.copy()
    changed = screen.draw(picture, make_state(recording=0.3), replace(VIEW, show_help=True))
    for rect in changed:
        before[rect.y1 : rect.y2, rect.x1 : rect.x2] = 0
        screen.image[rect.y1 : rect.y2, rect.x1 : rect.x2] = 0
    np.testing.assert_array_equal(screen.image, before)


def test_the_red_mark_stands_while_a_device_is_open(make_state: Make) -> None:
    closed = View(Device("0", False), Device(None))
    assert has(drawn(make_state()), drawn(make_state()).layout.status, RED)
    screen = drawn(make_state(), closed)
    assert not has(screen, screen.layout.status, RED)


def test_a_translated_reading_is_marked_and_can_be_hidden(
    make_state: Make, scores: Callable[..., object]
) -> None:
    reading = TranslatedReading(4.0, "face", "voice", scores("happy", 0.6), "translation@1")  # type: ignore[arg-type]
    state = make_state(voice=None, speaking=False, translated=reading)
    shown, hidden = drawn(state), drawn(state, replace(VIEW, show_translated=False))
    voice = shown.layout.voice
    assert has(shown, voice, AMBER)
    assert has(shown, voice, emotion_colour("happy"))
    assert not has(hidden, voice, AMBER)
    assert not has(hidden, voice, emotion_colour("happy"))


def test_a_voice_that_was_translated_is_no_solid_bar(
    make_state: Make, scores: Callable[..., object]
) -> None:
    reading = TranslatedReading(4.0, "face", "voice", scores("happy", 0.6), "translation@1")  # type: ignore[arg-type]
    state = make_state(voice=None, speaking=False)
    translated = drawn(replace(state, translated=reading))
    read = drawn(make_state())
    happy, sad = emotion_colour("happy"), emotion_colour("sad")
    voice = read.layout.voice
    cut = np.s_[voice.y1 : voice.y2, voice.x1 : voice.x2]
    hollow = (translated.image[cut] == happy).all(axis=2).sum()
    solid = (read.image[cut] == sad).all(axis=2).sum()
    assert hollow < 0.7 * solid


def test_what_was_heard_stands_before_what_is_translated_for_a_while(
    make_state: Make, scores: Callable[..., object]
) -> None:
    reading = TranslatedReading(4.0, "face", "voice", scores("happy", 0.6), "translation@1")  # type: ignore[arg-type]
    state = make_state(speaking=False, translated=reading)
    assert state.voice is not None
    held = replace(state, voice=replace(state.voice, held=True))
    voice = drawn(held).layout.voice
    assert not has(drawn(held), voice, AMBER)
    assert has(drawn(replace(held, time_s=60.0)), voice, AMBER)
    hidden = drawn(replace(held, time_s=60.0), replace(VIEW, show_translated=False))
    assert not has(hidden, voice, AMBER)


def test_a_held_voice_says_so(make_state: Make) -> None:
    state = make_state()
    assert state.voice is not None
    held = drawn(replace(state, voice=replace(state.voice, held=True), speaking=False))
    voice = held.layout.voice
    assert not has(held, voice, SPEECH)
    read = drawn(replace(state, speaking=False))
    assert (held.image[voice.y1 : voice.y2] != read.image[voice.y1 : voice.y2]).any()


def test_help_pause_countdown_and_messages_show_over_the_picture(
    make_state: Make, picture: Picture
) -> None:
    plain = drawn(make_state(), VIEW, picture)
    stage = plain.layout.stage
    for view, state in (
        (replace(VIEW, show_help=True), make_state()),
        (replace(VIEW, paused=True), make_state()),
        (replace(VIEW, notice="saved"), make_state()),
        (replace(VIEW, camera=Device("0", False, "camera 0: gone")), make_state()),
        (VIEW, make_state(recording=0.5)),
    ):
        other = drawn(state, view, picture)
        rows = np.s_[stage.y1 : stage.y2, stage.x1 : stage.x2]
        assert (other.image[rows] != plain.image[rows]).any(axis=2).mean() > 0.003
