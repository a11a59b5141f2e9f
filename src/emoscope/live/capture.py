"""A thread that takes what a source gives, through unplugging and plugging in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from emoscope._closing import Closing
from emoscope.errors import MediaError, SourceError
from emoscope.live.sources import CameraSource, MicrophoneSource
from emoscope.media import Frame, Sound

RETRY_S = 2.0
CLOSE_S = 5.0
"""How long :meth:`Capture.close` waits for a source that does not answer."""
_JUMP_S = 1.0


class Capture(Closing):
    """Reads one source in its own thread; a context manager that always releases it.

    Times are moved to the session's clock, so that what is seen and what is heard at one moment
    have one time.

    Args:
        source: a camera or a microphone.
        push: takes each frame or stretch of sound; called by the thread.
        clock: seconds since the session began.
        retry_s: how long to wait before a device that went away is tried again.

    Attributes:
        name: of the source.
        open: the source gives something now.
        ended: the source came to its end.
        message: one line on what is wrong, or that it ended; None while all is well.
    """

    def __init__(
        self,
        source: CameraSource | MicrophoneSource,
        push: Callable[[Any], None],
        clock: Callable[[], float],
        *,
        retry_s: float = RETRY_S,
    ) -> None:
        self.name = source.name
        self.open = False
        self.ended = False
        self.message: str | None = None
        self._source, self._push, self._clock = source, push, clock
        self._retry_s = retry_s
        self._stop = threading.Event()
        self._finished = threading.Event()
        self._last_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"emoscope-{self.name}", daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the source ended or was closed; whether it did within ``timeout`` seconds."""
        return self._finished.wait(timeout)

    def close(self) -> None:
        """Stop and release the source; may be called again."""
        self._stop.set()
        self._source.close()
        if threading.current_thread() is not self._thread:
            # A driver that hangs must not keep the program from ending.
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._take_all()
                    self._end("it ended")
                except SourceError as error:
                    self.open, self.message = False, f"{error} (trying again)"
                    self._stop.wait(self._retry_s)
                    continue
                except MediaError as error:
                    self._end(error.problem)
                except Exception as error:  # noqa: BLE001 - a source may be anybody's
                    self._end(f"{type(error).__name__}: {error}")
                return
        finally:
            self.open = False
            self._source.close()
            self._finished.set()

    def _end(self, problem: str) -> None:
        self.open, self.ended = False, True
        if not self._stop.is_set():
            self.message = f"{self.name}: {problem}"

    def _take_all(self) -> None:
        offset_s: float | None = None
        for item in _items(self._source):
            if self._stop.is_set():
                return
            self.open, self.message = True, None
            taken_s = item.time_s if isinstance(item, Frame) else item.end_s
            # The least delay seen so far is the truest; one that jumps is a clock that was set.
            now_s = self._clock() - taken_s
            if offset_s is None or now_s < offset_s or now_s - offset_s > _JUMP_S:
                offset_s = now_s
            self._last_s = max(item.time_s + offset_s, self._last_s)
            self._push(replace(item, time_s=self._last_s))


def _items(source: CameraSource | MicrophoneSource) -> Iterator[Frame] | Iterator[Sound]:
    frames = getattr(source, "frames", None)
    return source.sounds() if frames is None else frames()  # type: ignore[union-attr]
