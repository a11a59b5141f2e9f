"""A live session without a window: one line that changes, or one a second where that cannot be."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.text import Text

from emoscope.apps.live.panels import fused_confidence
from emoscope.apps.live.session import Session
from emoscope.export.annotate import UNSURE_WORD
from emoscope.labels import COLOURS, plain_label
from emoscope.live.state import LiveState
from emoscope.results import clock

_TERMINAL_S, _LINE_S = 0.1, 1.0
_GREY = "grey58"


def run_lines(
    session: Session, console: Console, notes: Console, *, seconds: float | None = None
) -> None:
    """Print a session until its sources end or the time is up.

    Args:
        session: what is printed; not closed.
        console: where readings go.
        notes: where messages of the devices go.
        seconds: how long; None: until the sources end.

    Raises:
        EmoscopeError: what ended the reading, for example a model that cannot be had.
    """
    step_s = _TERMINAL_S if console.is_terminal else _LINE_S
    if not console.is_terminal:
        for line in _states(session, notes, seconds, step_s):
            console.print(reading_line(line), soft_wrap=True)
        return
    with Live(console=console, auto_refresh=False) as live:
        for state in _states(session, notes, seconds, step_s):
            live.update(reading_line(state), refresh=True)


def reading_line(state: LiveState) -> Text:
    """What holds now in one line, for example ``0:05.2  face happy 93%  voice silent``."""
    line = Text(f"{clock(state.time_s, 0.1):>7}", style=_GREY, no_wrap=True)
    face, voice, translated = state.leading_face, state.voice, state.translated
    line.append("  face ", _GREY)
    if face is not None:
        _append(line, face.label, face.confidence)
        if len(state.faces) > 1:
            line.append(f" (1 of {len(state.faces)})", _GREY)
    else:
        line.append("none", _GREY)
    line.append("  voice ", _GREY)
    if voice is not None:
        _append(line, voice.label, voice.confidence)
        if voice.held:
            line.append(" (held)", _GREY)
    else:
        line.append("speaking" if state.speaking else "silent", _GREY)
    if translated is not None:
        line.append(f"  {translated.to} translated ", _GREY)
        _append(line, translated.scores.top, translated.scores.confidence)
    if state.fused is not None:
        line.append("  together ", _GREY)
        _append(line, state.fused_label, fused_confidence(state))
        if state.fused.congruence is not None:
            line.append(f", congruence {state.fused.congruence:.2f}", _GREY)
    line.append(f"  {state.readings_per_s:.0f} readings/s", _GREY)
    line.append(f", {state.reading_delay_s * 1000:.0f} ms", _GREY)
    return line


def _states(
    session: Session, notes: Console, seconds: float | None, step_s: float
) -> Iterator[LiveState]:
    said: set[str] = set()
    last = False
    while not last:
        # The end is looked for first, so that what came before it is still given.
        last = session.ended or (seconds is not None and session.clock() >= seconds)
        for device in (session.camera, session.microphone):
            if device.message is not None and device.message not in said:
                said.add(device.message)
                notes.print(f"emoscope: {device.message}", markup=False, soft_wrap=True)
        yield session.engine.state
        if not last:
            left_s = step_s if seconds is None else seconds - session.clock()
            time.sleep(max(0.0, min(step_s, left_s)))


def _append(line: Text, label: str | None, confidence: float) -> None:
    colour = _GREY if label is None else COLOURS.get(plain_label(label), _GREY)
    line.append(label or UNSURE_WORD, f"bold {colour}")
    if label is not None:
        line.append(f" {confidence:.0%}")
