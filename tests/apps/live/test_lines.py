from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from rich.console import Console

from emoscope.analyzer import Analyzer
from emoscope.apps.live.lines import reading_line, run_lines
from emoscope.apps.live.session import Session
from emoscope.live.cameras import IterableCamera
from emoscope.live.pace import Pace
from emoscope.live.state import LiveState
from emoscope.media import Frame
from emoscope.translated import TranslatedReading

FRAMES = [Frame(number / 10, np.zeros((60, 80, 3), np.uint8)) for number in range(4)]


def test_a_line_says_face_voice_and_both(make_state: Callable[..., LiveState]) -> None:
    line = reading_line(make_state()).plain
    assert line.startswith(" 0:04.0  face happy 90%  voice sad 60%  together happy 80%")
    assert "congruence 0.50" in line
    assert "12 readings/s" in line


def test_what_is_held_translated_or_missing_is_said(
    make_state: Callable[..., LiveState], scores: Callable[..., object]
) -> None:
    state = make_state()
    assert state.voice is not None
    held = replace(state, voice=replace(state.voice, held=True), faces=state.faces * 2)
    assert "sad 60% (held)" in reading_line(held).plain
    assert "happy 90% (1 of 2)" in reading_line(held).plain
    reading = TranslatedReading(4.0, "face", "voice", scores("fear", 0.5), "translation@1")  # type: ignore[arg-type]
    assert "voice translated fear 50%" in reading_line(replace(state, translated=reading)).plain
    nothing = reading_line(LiveState()).plain
    assert "face none" in nothing
    assert "voice silent" in nothing
    unsure = make_state(faces=(replace(state.faces[0], label=None),))
    assert "face unsure" in reading_line(unsure).plain


def test_it_ends_with_its_sources_and_names_them(analyzer: Analyzer) -> None:
    out, notes = io.StringIO(), io.StringIO()
    camera = IterableCamera(FRAMES, "film.mp4", Pace())
    with Session(analyzer, camera, None) as session:
        run_lines(session, Console(file=out, width=300), Console(file=notes, width=300))
    assert out.getvalue().splitlines()
    assert notes.getvalue() == "emoscope: film.mp4: it ended\n"


def test_it_ends_after_the_seconds_that_were_asked_for(analyzer: Analyzer) -> None:
    endless = IterableCamera((FRAMES[0] for _ in iter(int, 1)), "endless", Pace())
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=200)
    with Session(analyzer, endless, None) as session:
        run_lines(session, console, console, seconds=0.3)
        assert session.clock() < 20
    assert "face" in out.getvalue()
