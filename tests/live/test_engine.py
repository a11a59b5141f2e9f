"""The engine: nothing waits for it, nothing grows, and it always ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from emoscope.errors import ModelUnavailableError
from emoscope.live.engine import WAITING_SOUND_S, LiveEngine
from emoscope.live.state import SILENT_DBFS, LiveState
from emoscope.media import Frame, Sound

Paint, Utter = Callable[..., Frame], Callable[..., Sound]
PATIENCE_S = 20.0


def wait_until(engine: LiveEngine, true: Callable[[LiveState], bool]) -> LiveState:
    """The first state for which something holds."""
    ends = time.monotonic() + PATIENCE_S
    state = engine.state
    with engine._changed:
        while not true(state):
            assert time.monotonic() < ends, state
            engine._changed.wait(1.0)
            state = engine.state
    return state


def test_frames_and_sound_become_a_state(analyzer: Any, paint: Paint, utter: Utter) -> None:
    with LiveEngine(analyzer) as engine:
        engine.push_frame(paint(0.5, "happy"))
        state = engine.wait(0.0, PATIENCE_S)
        assert state is not None
        assert [face.label for face in state.faces] == ["happy"]
        engine.push_sound(utter(0.0, 1.0, "angry"))
        engine.push_sound(utter(1.0, 0.5))
        state = wait_until(engine, lambda one: one.voice is not None)
        assert state.voice is not None
        assert (state.voice.label, state.voice.held) == ("angry", True)
        json.dumps(state.to_dict())
    assert [face.scores.top for face in engine.close().faces] == ["happy"]


def test_the_newest_frame_wins_and_pushing_never_waits(analyzer: Any, paint: Paint) -> None:
    analyzer.detector.gate = threading.Event()
    with LiveEngine(analyzer) as engine:
        engine.push_frame(paint(0.0, "happy"))
        assert analyzer.detector.looked.wait(PATIENCE_S)
        for index in range(1, 500):
            engine.push_frame(paint(index / 100, "sad" if index == 499 else "fear"))
        analyzer.detector.gate.set()
        state = wait_until(engine, lambda one: one.frame_time_s == 4.99)
        assert analyzer.detector.calls == 2
        assert state.size_px == (200, 100)
    assert [face.scores.top for face in engine.close().faces] == ["happy", "sad"]


def test_sound_that_waits_is_bounded_and_what_is_lost_is_counted(
    analyzer: Any, paint: Paint, utter: Utter
) -> None:
    analyzer.detector.gate = threading.Event()
    with LiveEngine(analyzer) as engine:
        engine.push_frame(paint(0.0, "happy"))
        assert analyzer.detector.looked.wait(PATIENCE_S)
        for second in range(25):
            engine.push_sound(utter(float(second), 1.0))
        assert sum(sound.end_s - sound.time_s for sound in engine._sounds) <= WAITING_SOUND_S
        assert engine.state.sound_lost_s == pytest.approx(25 - WAITING_SOUND_S)
        analyzer.detector.gate.set()
        wait_until(engine, lambda one: one.time_s == 25.0)


def test_the_level_follows_the_sound_at_once(analyzer: Any, paint: Paint) -> None:
    analyzer.detector.gate = threading.Event()
    with LiveEngine(analyzer) as engine:
        engine.push_frame(paint(0.0))
        assert engine.state.level_dbfs == SILENT_DBFS
        engine.push_sound(Sound(0.0, np.full(1600, 0.1, np.float32)))
        assert engine.state.level_dbfs == pytest.approx(-20.0, abs=0.01)
        engine.push_frame(paint(3.0))
        assert engine.state.level_dbfs == SILENT_DBFS
        analyzer.detector.gate.set()


def test_paused_it_takes_nothing(analyzer: Any, paint: Paint, utter: Utter) -> None:
    with LiveEngine(analyzer, voice="key") as engine:
        engine.push_frame(paint(0.0, "happy"))
        wait_until(engine, lambda one: bool(one.faces))
        engine.record()
        engine.paused = True
        assert engine.paused
        for tenth in range(30):
            engine.push_frame(paint(tenth / 10, "sad"))
            engine.push_sound(utter(tenth / 10, 0.1, "angry"))
        engine.record()
        assert engine._frame is None
        assert not engine._sounds
        engine.paused = False
        engine.push_frame(paint(10.0, "happy"))
        state = wait_until(engine, lambda one: one.frame_time_s == 10.0)
        assert state.recording is None
        assert state.voice is None


def test_it_records_what_it_is_asked_to(analyzer: Any, utter: Utter) -> None:
    with LiveEngine(analyzer, voice="key") as engine:
        engine.push_sound(utter(0.0, 0.5, "happy"))
        wait_until(engine, lambda one: one.time_s == 0.5)
        engine.record(1.0)
        wait_until(engine, lambda one: one.recording is not None)
        for tenth in range(5, 20):
            engine.push_sound(utter(tenth / 10, 0.1, "happy"))
        state = wait_until(engine, lambda one: one.voice is not None)
        assert state.voice is not None
        assert state.voice.label == "happy"
        assert state.recording is None


def test_delay_and_rate_are_those_of_its_clock(analyzer: Any, paint: Paint) -> None:
    clock = {"now": 100.0}
    with LiveEngine(analyzer, clock=lambda: clock["now"]) as engine:
        for index in range(5):
            analyzer.detector.gate = threading.Event()
            engine.push_frame(paint(index / 4, "happy"))
            clock["now"] += 0.05
            analyzer.detector.gate.set()
            state = wait_until(engine, lambda one, at=index / 4: one.frame_time_s == at)
            clock["now"] += 0.2
        assert state.reading_delay_s == pytest.approx(0.05)
        assert state.readings_per_s == pytest.approx(4.0)


def test_each_new_state_is_handed_over(analyzer: Any, paint: Paint) -> None:
    seen: list[LiveState] = []
    there = threading.Event()

    def take(state: LiveState) -> None:
        seen.append(state)
        there.set()

    with LiveEngine(analyzer, on_reading=take) as engine:
        engine.push_frame(paint(0.0, "happy"))
        assert there.wait(PATIENCE_S)
    assert seen[0].faces[0].label == "happy"


def test_what_ends_the_reading_reaches_whoever_asks(analyzer: Any, paint: Paint) -> None:
    class Gone:
        def stream(self, **options: Any) -> Any:
            def missing() -> Any:
                raise ModelUnavailableError("no model here; fetch it")

            stream = analyzer.stream(**options)
            stream._make_faces = missing
            return stream

    with LiveEngine(Gone()) as engine:  # type: ignore[arg-type]
        engine.push_frame(paint(0.0, "happy"))
        with pytest.raises(ModelUnavailableError, match="fetch it"):
            engine.wait(0.0, PATIENCE_S)
        with pytest.raises(ModelUnavailableError):
            _ = engine.state


def test_waiting_ends_in_time_and_when_it_is_closed(analyzer: Any) -> None:
    engine = LiveEngine(analyzer)
    assert engine.wait(0.0, 0.01) is None
    waiter = threading.Thread(target=engine.wait, args=(0.0,))
    waiter.start()
    first = engine.close()
    waiter.join(PATIENCE_S)
    assert not waiter.is_alive()
    assert engine.close() is first
    engine.push_frame(Frame(0.0, np.zeros((10, 10, 3), np.uint8)))


def test_misuse_is_answered(analyzer: Any, utter: Utter) -> None:
    with pytest.raises(ValueError, match="smooth_s"):
        LiveEngine(analyzer, smooth_s=-1.0)
    with pytest.raises(ValueError, match="auto or key"):
        LiveEngine(analyzer, voice="always")  # type: ignore[arg-type]
    with LiveEngine(analyzer) as engine:
        for wrong in (-1.0, float("nan"), float("inf")):
            with pytest.raises(ValueError, match="time_s"):
                engine.push_sound(utter(wrong, 0.1))
        with pytest.raises(ValueError, match="seconds"):
            engine.record(0.0)


def test_it_does_not_grow(analyzer: Any, paint: Paint, utter: Utter) -> None:
    def counts(engine: LiveEngine) -> list[int]:
        stream = engine._reader._stream
        return [
            len(engine._sounds),
            len(stream._faces),
            len(stream._voice),
            len(stream._together._frames_s),
            len(engine._reader._faces._known),
        ]

    with LiveEngine(analyzer, keep_s=3.0) as engine:
        early = None
        for second in range(16):
            engine.push_sound(utter(float(second), 0.5, "angry"))
            engine.push_sound(utter(second + 0.5, 0.5))
            for tenth in range(2):
                engine.push_frame(paint(second + tenth / 2, "happy", "sad"))
                wait_until(engine, lambda one, at=second + tenth / 2: one.frame_time_s == at)
            wait_until(engine, lambda one, at=second + 1.0: one.time_s >= at)
            if second == 7:
                early = counts(engine)
        assert counts(engine) == early
        assert len(engine._read_at) < 500
