"""The pace of files that stand in for devices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Holds a file back to the time of its own, counted from the first wait.

    Args:
        realtime: False: nothing is held back.
        clock: seconds that only rise.
    """

    def __init__(self, realtime: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._realtime, self._clock = realtime, clock
        self._began: float | None = None
        self._stopped = threading.Event()

    def until(self, time_s: float) -> float:
        """Wait until the file's ``time_s``, or :meth:`stop`; how many seconds late it is."""
        if not self._realtime:
            return 0.0
        now = self._clock()
        if self._began is None:
            self._began = now - time_s
        early_s = self._began + time_s - now
        if early_s > 0:
            self._stopped.wait(early_s)
        return max(-early_s, 0.0)

    @property
    def stopped(self) -> bool:
        """Somebody asked to stop."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End a wait that goes on, and all that follow."""
        self._stopped.set()
