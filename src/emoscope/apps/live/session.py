"""One live session: sources, the engine that reads them, and the newest frame for whoever shows it.

Capture, recognition and showing have a thread each; between them only the newest frame waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from emoscope._closing import Closing
from emoscope.analyzer import Analyzer
from emoscope.apps.live.view import Device
from emoscope.live.capture import Capture
from emoscope.live.engine import LiveEngine
from emoscope.live.reading import VoiceMode
from emoscope.live.sources import CameraSource, MicrophoneSource
from emoscope.live.state import LiveState
from emoscope.media import Frame, Sound
from emoscope.results import Analysis


class LatestFrame:
    """Holds one frame; a newer one takes its place."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._count = 0
        self._changed = threading.Condition()

    def put(self, frame: Frame) -> None:
        """Take the place of the frame before; never waits for who looks at it."""
        with self._changed:
            self._frame, self._count = frame, self._count + 1
            self._changed.notify_all()

    def after(self, seen: int, timeout_s: float) -> tuple[Frame | None, int]:
        """The newest frame and its number, as soon as that is beyond ``seen`` or the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > seen, timeout_s)
            return self._frame, self._count


class Session(Closing):
    """Opens the threads of a session and closes them in any case; a context manager.

    Args:
        analyzer: whose models read.
        camera: where pictures come from; None: off. Closed with the session.
        microphone: where sound comes from; None: off. Closed with the session.
        problems: what is said of a device that could not be opened, by ``camera``, ``microphone``.
        detect_every: faces are searched in every so many frames that are read.
        smooth_s: time constant of the smoothing in seconds.
        voice: ``auto`` or ``key``.
        keep_s: so many seconds of readings are kept for :meth:`close`.
        on_reading: called with each new state by the thread that reads.

    Attributes:
        engine: reads.
        captures: the threads of ``camera`` and ``microphone``.
        latest: the newest frame.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        camera: CameraSource | None,
        microphone: MicrophoneSource | None,
        *,
        problems: dict[str, str] | None = None,
        detect_every: int = 1,
        smooth_s: float = 0.5,
        voice: VoiceMode = "auto",
        keep_s: float = 60.0,
        on_reading: Callable[[LiveState], None] | None = None,
    ) -> None:
        self._began_s = time.monotonic()
        self._problems = problems or {}
        self.latest = LatestFrame()
        self.captures: dict[str, Capture] = {}
        with ExitStack() as opened:
            # Sources come last: they are the first to be released.
            self.engine = opened.enter_context(
                LiveEngine(
                    analyzer,
                    detect_every=detect_every,
                    smooth_s=smooth_s,
                    voice=voice,
                    keep_s=keep_s,
                    on_reading=on_reading,
                    clock=self.clock,
                )
            )
            for name, source, push in (
                ("camera", camera, self._see),
                ("microphone", microphone, self._hear),
            ):
                if source is not None:
                    capture = Capture(source, push, self.clock)
                    self.captures[name] = opened.enter_context(capture)
            self._opened = opened.pop_all()

    def clock(self) -> float:
        """Seconds since the session began."""
        return time.monotonic() - self._began_s

    @property
    def camera(self) -> Device:
        """How the camera is."""
        return self._device("camera")

    @property
    def microphone(self) -> Device:
        """How the microphone is."""
        return self._device("microphone")

    @property
    def ended(self) -> bool:
        """Every source came to its end."""
        return all(capture.ended for capture in self.captures.values())

    def close(self) -> Analysis:
        """Release the devices, end the threads; what was read in the last ``keep_s`` seconds.

        May be called again.
        """
        self._opened.close()
        return self.engine.close()

    def _see(self, frame: Frame) -> None:
        self.latest.put(frame)
        self.engine.push_frame(frame)

    def _hear(self, sound: Sound) -> None:
        self.engine.push_sound(sound)

    def _device(self, name: str) -> Device:
        capture = self.captures.get(name)
        if capture is None:
            return Device(None, False, self._problems.get(name))
        return Device(capture.name, capture.open, capture.message)
