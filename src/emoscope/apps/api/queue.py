"""What is worked on, what waits, and when there is no more room."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from emoscope.apps.api.problems import ProblemError

_T = TypeVar("_T")
_LONGEST_RETRY_S = 120


class WorkQueue:
    """A few threads with a bounded line in front.

    Args:
        workers: pieces of work at a time.
        waiting: how many may stand in line.
        name: of the threads.
    """

    def __init__(self, workers: int, waiting: int, name: str) -> None:
        self._workers, self._most = workers, workers + waiting
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._taken = 0
        self._running = 0
        self._usual_s = 1.0  # of one piece of work, lately
        self._closed = False

    @property
    def running(self) -> int:
        """Pieces of work that are being done."""
        return self._running

    @property
    def waiting(self) -> int:
        """Pieces of work in line."""
        with self._lock:
            return self._taken - self._running

    @property
    def is_full(self) -> bool:
        """Whether a further piece would be refused."""
        return self._closed or self._taken >= self._most

    def check(self) -> None:
        """Refuse early, before a body is received in vain.

        Raises:
            ProblemError: 503, there is no room.
        """
        if self.is_full:
            raise self._refusal()

    def submit(self, work: Callable[[], _T]) -> Future[_T]:
        """Stand in line.

        Raises:
            ProblemError: 503, there is no room.
        """
        with self._lock:
            if self.is_full:
                raise self._refusal()
            self._taken += 1

            def run() -> _T:
                begun = time.monotonic()
                with self._lock:
                    self._running += 1
                try:
                    return work()
                finally:
                    with self._lock:
                        self._running -= 1
                        self._usual_s += 0.2 * (time.monotonic() - begun - self._usual_s)

            future = self._threads.submit(run)
        # Also where it is cancelled before its turn.
        future.add_done_callback(self._leave)
        return future

    def close(self, *, finish_waiting: bool) -> None:
        """Take no more and wait for what runs; what waits is finished too, or dropped."""
        with self._lock:
            self._closed = True
        self._threads.shutdown(wait=True, cancel_futures=not finish_waiting)

    def _leave(self, future: Future[_T]) -> None:
        with self._lock:
            self._taken -= 1

    def _refusal(self) -> ProblemError:
        if self._closed:
            return ProblemError(503, "stopping", "the service is being stopped", retry_after_s=30)
        wait_s = math.ceil(self._usual_s * self._most / self._workers / 2)
        return ProblemError(
            503,
            "busy",
            f"{self._most} analyses are running or waiting already; try again later",
            limit=self._most,
            retry_after_s=min(max(wait_s, 1), _LONGEST_RETRY_S),
        )
