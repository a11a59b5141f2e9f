"""Frames and sound come in at their own pace; a thread reads what it can and gives the state.

Nothing that comes in waits for the models: of frames the newest wins, of sound a bounded stretch
is kept. A slow model lowers the rate of readings and nothing else.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

from emoscope._closing import Closing
from emoscope.analyzer import Analyzer
from emoscope.live.level import LevelMeter
from emoscope.live.reading import LiveReader, VoiceMode
from emoscope.live.state import LiveState
from emoscope.media import Frame, Sound
from emoscope.results import Analysis

WAITING_SOUND_S = 10.0
"""So much sound may wait for the models; beyond it the oldest is dropped and counted."""
SOUND_STATE_S = 0.1
"""Sound alone gives a new state so often, in seconds of sound."""
RATE_S = 2.0
"""The reading rate is that of so many seconds."""


class LiveEngine(Closing):
    """Reads a camera and a microphone as they come; a context manager.

    Args:
        analyzer: its models are used; they are loaded by the engine's thread when first needed.
        detect_every: faces are searched in every so many frames that are read.
        smooth_s: time constant of the smoothing in seconds; 0: none.
        voice: ``auto`` reads whenever somebody speaks, ``key`` only what :meth:`record` asks for.
        translate: translate the side that is missing.
        keep_s: how many seconds of readings are kept for :meth:`close`.
        on_reading: called by the engine's thread with each new state; what it raises ends the
            reading. Keep it short.
        clock: seconds that only rise, for delays and rates.

    Attributes:
        translate: may be set at any time.

    Raises:
        ValueError: an argument is out of range.
    """

    translate: bool

    def __init__(
        self,
        analyzer: Analyzer,
        *,
        detect_every: int = 1,
        smooth_s: float = 0.5,
        voice: VoiceMode = "auto",
        translate: bool = True,
        keep_s: float = 60.0,
        on_reading: Callable[[LiveState], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not (math.isfinite(smooth_s) and smooth_s >= 0):
            raise ValueError(f"smooth_s must be 0 or more, got {smooth_s}")
        self._reader = LiveReader(
            analyzer, detect_every=detect_every, smooth_s=smooth_s, keep_s=keep_s
        )
        self.voice_mode = voice
        self.translate = translate
        self._paused = False
        self._on_reading = on_reading
        self._clock = clock
        self._meter = LevelMeter()
        self._level_s = 0.0  # newest input, for the meter
        self._frame: tuple[Frame, float] | None = None  # with its arrival
        self._sounds: deque[Sound] = deque()
        self._waiting_s = 0.0
        self._lost_s = 0.0
        self._to_record: float | None = None
        self._to_drop = False
        self._read_at: deque[float] = deque()
        self._state = LiveState()
        self._error: BaseException | None = None
        self._closed = False
        self._analysis: Analysis | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="emoscope-live", daemon=True)
        self._thread.start()

    @property
    def voice_mode(self) -> VoiceMode:
        """``auto`` or ``key``; may be set at any time."""
        return self._voice_mode

    @voice_mode.setter
    def voice_mode(self, mode: VoiceMode) -> None:
        if mode not in get_args(VoiceMode):
            raise ValueError(f"voice must be auto or key, got {mode!r}")
        self._voice_mode: VoiceMode = mode

    @property
    def paused(self) -> bool:
        """Nothing that comes in is read; may be set at any time. It ends a recording."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        with self._changed:
            self._paused = paused
            if paused:
                self._frame, self._waiting_s = None, 0.0
                self._sounds.clear()
                self._to_record, self._to_drop = None, True
            self._changed.notify_all()

    def push_frame(self, frame: Frame) -> None:
        """Hand over the newest frame; returns at once. One that waits unread is replaced.

        Frames whose time lies before that of the last one are left out.

        Raises:
            ValueError: its time is negative or not finite.
        """
        _check_time(frame.time_s)
        with self._changed:
            if self._paused or self._closed:
                return
            self._frame = (frame, self._clock())
            self._level_s = max(self._level_s, frame.time_s)
            self._changed.notify_all()

    def push_sound(self, sound: Sound) -> None:
        """Hand over the next stretch of sound; returns at once.

        Where too much waits unread, the oldest is dropped and counted.

        Raises:
            ValueError: its time is negative or not finite.
        """
        _check_time(sound.time_s)
        with self._changed:
            if self._paused or self._closed or not sound.waveform.size:
                return
            self._meter.push(sound)
            self._level_s = max(self._level_s, sound.end_s)
            self._sounds.append(sound)
            self._waiting_s += sound.end_s - sound.time_s
            while self._waiting_s > WAITING_SOUND_S and len(self._sounds) > 1:
                lost = self._sounds.popleft()
                self._waiting_s -= lost.end_s - lost.time_s
                self._lost_s += lost.end_s - lost.time_s
            self._changed.notify_all()

    def record(self, seconds: float = 2.0) -> None:
        """Read the voice of the seconds that follow as one, whatever the speech gate says.

        Silence is not read. A recording that goes on begins anew; while paused nothing happens.

        Raises:
            ValueError: ``seconds`` is not within 0.25 and 20.
        """
        if not 0.25 <= seconds <= 20.0:
            raise ValueError(f"record takes 0.25 to 20 seconds, got {seconds}")
        with self._changed:
            if not self._paused:
                self._to_record, self._to_drop = seconds, False
                self._changed.notify_all()

    @property
    def state(self) -> LiveState:
        """What holds now; cheap.

        Raises:
            EmoscopeError: what ended the reading, for example a model that cannot be had.
        """
        if self._error is not None:
            raise self._error
        return replace(
            self._state, level_dbfs=self._meter.at(self._level_s), sound_lost_s=self._lost_s
        )

    def wait(self, after_s: float, timeout: float | None = None) -> LiveState | None:
        """The first state whose ``time_s`` is beyond ``after_s``.

        Returns:
            The state; None after ``timeout`` seconds, or once the engine is closed.

        Raises:
            EmoscopeError: as for :attr:`state`.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._state.time_s > after_s or self._error is not None or self._closed,
                timeout,
            )
        found = self.state
        return found if found.time_s > after_s else None

    def stop(self) -> None:
        """Ask the thread to end, and take nothing any more; returns at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> Analysis:
        """Stop the thread; what was read in the last ``keep_s`` seconds. May be called again."""
        self.stop()
        self._thread.join()
        if self._analysis is None:
            self._analysis = self._reader.close()
        return self._analysis

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the state
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _step(self) -> bool:
        """Take what came in and read it; False once the engine is closed."""
        with self._changed:
            self._changed.wait_for(self._has_work)
            if self._closed:
                return False
            sounds, frame = list(self._sounds), self._frame
            self._sounds.clear()
            self._waiting_s, self._frame = 0.0, None
            to_record, self._to_record = self._to_record, None
            to_drop, self._to_drop = self._to_drop, False
        reader = self._reader
        reader.voice_mode, reader.translate = self._voice_mode, self.translate
        if to_drop:
            reader.drop_recording()
        if to_record is not None:
            reader.record(to_record)
        reader.hear(sounds)
        if frame is not None:
            reader.see(frame[0])
        self._publish(reader.state(), None if frame is None else frame[1])
        return True

    def _has_work(self) -> bool:
        return bool(
            self._closed
            or self._frame is not None
            or self._to_record is not None
            or self._to_drop
            or self._waiting_s >= SOUND_STATE_S - 1e-6
        )

    def _publish(self, state: LiveState, arrived: float | None) -> None:
        now = self._clock()
        delay_s = self._state.reading_delay_s
        if arrived is not None:
            delay_s = now - arrived
            self._read_at.append(now)
        while self._read_at and now - self._read_at[0] > RATE_S:
            self._read_at.popleft()
        state = replace(
            state,
            level_dbfs=self._meter.at(self._level_s),
            readings_per_s=_rate(self._read_at),
            reading_delay_s=delay_s,
            sound_lost_s=self._lost_s,
        )
        with self._changed:
            self._state = state
            self._changed.notify_all()
        if self._on_reading is not None:
            self._on_reading(state)


def _check_time(time_s: float) -> None:
    if not (math.isfinite(time_s) and time_s >= 0):
        raise ValueError(f"expected time_s >= 0, got {time_s}")


def _rate(read_at: deque[float]) -> float:
    """Per second, between the first and the last."""
    if len(read_at) < 2 or read_at[-1] <= read_at[0]:
        return 0.0
    return (len(read_at) - 1) / (read_at[-1] - read_at[0])
