"""Worker processes on this machine: each file is read in one, and none takes the run with it."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, cast

from emoscope.batch import wire
from emoscope.batch.task import Outcome, Task
from emoscope.batch.work import Settings
from emoscope.errors import BatchError, UnknownModelError

_START_S = 120.0
_END_S = 5.0
_ONE_THREAD_EACH = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalPool:
    """Some worker processes, which are replaced when they die.

    Args:
        settings: how files are read.
        folder: where workers write JSON documents; None: rows are wanted.
        workers: how many; the cores are divided among them.
        threads: for the networks of each; None: its share of the cores.
        start_in: what relative paths start from; None: the current folder.

    Raises:
        ValueError: ``workers`` is less than 1.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path | None,
        workers: int,
        threads: int | None = None,
        start_in: Path | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        self._settings = settings
        threads = threads or max(1, usable_cores() // workers)
        self._hello = {
            "settings": asdict(settings),
            "folder": None if folder is None else str(folder.absolute()),
            "threads": threads,
        }
        self._start_in = start_in
        self._events: queue.SimpleQueue[tuple[_Worker, _Event]] = queue.SimpleQueue()
        self._wanted = workers
        self._workers: list[_Worker] = []

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that run now."""
        return [worker.process_id for worker in self._workers]

    def outcomes(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        """Read the files; what came of each as soon as it is known, in no order.

        Args:
            tasks: taken one at a time, when a worker is free.

        Raises:
            BatchError: results cannot be written, a model cannot be had, or no worker starts.
            UnknownModelError: the catalog has no model of a name in the settings.
        """
        while len(self._workers) < self._wanted:
            self._workers.append(self._start())
        more = True
        while True:
            for worker in self._workers:
                if more and worker.is_free:
                    task = next(tasks, None)
                    if task is None:
                        more = False
                    else:
                        worker.give(task, self._settings.timeout_s)
            if not more and not any(worker.task for worker in self._workers):
                return
            outcome = self._next_outcome()
            if outcome is not None:
                yield outcome

    def close(self) -> None:
        """End the workers at once; what they were reading is not finished."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def _next_outcome(self) -> Outcome | None:
        """Wait for an answer, a death, or the end of somebody's time."""
        ends = min(worker.deadline for worker in self._workers)
        try:
            worker, event = self._events.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty:
            late = min(self._workers, key=lambda worker: worker.deadline)
            return self._replaced(late, timed_out=True)
        if worker not in self._workers:
            return None  # it was replaced
        if event is None:
            return self._replaced(worker, timed_out=False)
        message, blob = event
        if "ready" in message:
            worker.is_ready, worker.deadline = True, float("inf")
            return None
        if "fatal" in message:
            kind = UnknownModelError if message["unknown_model"] else BatchError
            raise kind(str(message["fatal"]))
        worker.task, worker.deadline = None, float("inf")
        return Outcome(**message, rows=blob)

    def _replaced(self, worker: _Worker, *, timed_out: bool) -> Outcome | None:
        """Another worker for one that died or must; what that means for its file."""
        status = worker.end()
        if not worker.is_ready:
            raise BatchError(
                f"a worker did not start ({'it took too long' if timed_out else _death(status)}); "
                "try 'emoscope doctor'"
            )
        self._workers[self._workers.index(worker)] = self._start()
        task = worker.task
        if task is None:
            return None
        seconds = round(time.monotonic() - worker.began, 3)
        if timed_out:
            told = f"not read after {self._settings.timeout_s:g} seconds; raise --timeout"
            return Outcome(task.number, task.path, "timed out", "timed out", told, seconds=seconds)
        told = f"the process that read it died ({_death(status)})"
        return Outcome(task.number, task.path, "crashed", "crashed", told, seconds=seconds)

    def _start(self) -> _Worker:
        return _Worker(self._hello, self._events, self._start_in)


_Event = tuple[dict[str, Any], bytes] | None


class _Worker:
    """One process, and a thread that listens to it."""

    def __init__(
        self,
        hello: dict[str, Any],
        events: queue.SimpleQueue[tuple[_Worker, _Event]],
        start_in: Path | None,
    ) -> None:
        environment = {
            **os.environ,
            # What can be imported here can be imported there; -P keeps the current folder out.
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            **dict.fromkeys(_ONE_THREAD_EACH, str(hello["threads"])),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "emoscope.batch.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=start_in,
            start_new_session=True,  # Ctrl-C in a terminal is for the run alone
        )
        self._to = cast(BinaryIO, self._process.stdin)
        self._from = cast(BinaryIO, self._process.stdout)
        self.is_ready = False
        self.task: Task | None = None
        self.began = time.monotonic()
        self.deadline = self.began + _START_S
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()
        self._tell(hello)

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def is_free(self) -> bool:
        return self.is_ready and self.task is None

    def give(self, task: Task, timeout_s: float) -> None:
        self.task = task
        self.began = time.monotonic()
        self.deadline = self.began + timeout_s
        self._tell(task.to_dict())

    def end(self) -> int:
        """Kill it; its exit status, negative for a signal."""
        self._process.kill()
        status = self._process.wait(_END_S)
        with suppress(OSError):
            self._to.close()
        return status

    def _tell(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # it died, which its listener notices
            wire.send(self._to, message)

    def _listen(self, events: queue.SimpleQueue[tuple[_Worker, _Event]]) -> None:
        with self._from:
            while (got := wire.receive(self._from)) is not None:
                events.put((self, got))
        events.put((self, None))


def _death(status: int) -> str:
    if status < 0:
        with suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}"
