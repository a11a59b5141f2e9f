"""One decoding process as its parent sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import BufferedReader, FileIO
from typing import Any, Literal, cast

from emoscope.errors import (
    AnalysisCancelledError,
    CorruptMediaError,
    EmoscopeError,
    MediaError,
    MediaLimitError,
    MediaNotFoundError,
    UnsupportedMediaError,
)
from emoscope.guard import wire

Ending = Literal["time", "cancelled", "closed"]

_ERRORS = {
    kind.__name__: kind for kind in (CorruptMediaError, MediaNotFoundError, UnsupportedMediaError)
}
# What a decoder needs of our surroundings; keys and passwords are none of its business.
_ENVIRONMENT = (
    *("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL"),
)
_OF_ITS_OWN = {
    # One thread each: address space is what is limited.
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    # Memory of small pictures stays for the next one; asking for it anew takes longer.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 26),
}
_ANSWER_BYTES = 1 << 20
_REQUEST_BYTES = 1 << 18


class DecodeProcess:
    """A child that decodes one medium after another, until it is ended or dies.

    Args:
        memory_bytes: what it may take beyond what it starts with.

    Attributes:
        served: how many media it was given.
        is_idle: whether it has answered everything that it was asked.
        waited_s: how long its answers of the present medium have been waited for.

    Raises:
        EmoscopeError: it cannot be started.
    """

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self.served = 0
        self.is_idle = True
        self._is_ready = False
        self.waited_s = 0.0
        self._timeout_s = 0.0
        self._cancelled: Callable[[], bool] | None = None
        self._waiting_since: float | None = None
        self._ending: Ending | None = None
        self._lock = threading.Lock()
        command = [sys.executable, "-P", "-m", "emoscope.guard.child", str(memory_bytes)]
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=kept | _OF_ITS_OWN,
                start_new_session=True,  # Ctrl-C is for the parent, which then finishes what runs
            )
        except OSError as error:
            raise EmoscopeError(f"no decoding process can be started: {error.strerror}") from error
        self._requests = cast(FileIO, self._process.stdin)
        answers = cast(FileIO, self._process.stdout)
        _widen(answers, _ANSWER_BYTES)
        _widen(self._requests, _REQUEST_BYTES)
        self._answers = BufferedReader(answers)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def wait_ready(self) -> None:
        """Wait until it takes requests; at once if it has done so before.

        Raises:
            EmoscopeError: it died while it started.
        """
        if self._is_ready:
            return
        try:
            ready = wire.receive(self._answers, max_pixels=1)
        except (EOFError, OSError, wire.WireError):
            ready = None
        if not isinstance(ready, wire.Ready):
            self.is_idle = False
            raise EmoscopeError("the decoding process died while it started; raise its memory")
        self._is_ready = True

    def begin(self, timeout_s: float, cancelled: Callable[[], bool] | None) -> None:
        """Count the waiting for the next medium from zero."""
        with self._lock:
            self.waited_s, self._timeout_s, self._cancelled = 0.0, timeout_s, cancelled
        self.served += 1

    def ask(self, what: dict[str, Any], name: str, data: bytes | None = None) -> None:
        """Send a request.

        Args:
            what: is asked for.
            name: of the medium, for errors.
            data: of the medium, where it is in memory.

        Raises:
            MediaError: the child has died, or does not take it.
        """
        self.is_idle = what["do"] == "close"
        try:
            with self._waiting():
                wire.request(self._requests, what, data)
        except OSError:
            raise self._death(name) from None

    def answer(self, name: str, max_pixels: int) -> wire.Message:
        """Wait for the next message.

        Args:
            name: of the medium, for errors.
            max_pixels: the largest frame that may come.

        Raises:
            MediaError: what the child says is wrong with the medium, or what became of the child.
            AnalysisCancelledError: the medium is wanted no more.
        """
        with self._lock:
            cancelled = self._cancelled
        if cancelled is not None and cancelled():
            self.end("cancelled")
        try:
            with self._waiting():
                message = wire.receive(self._answers, max_pixels=max_pixels)
        except (EOFError, OSError):
            raise self._death(name) from None
        except wire.WireError as error:
            self.end("closed")
            raise CorruptMediaError(
                name, f"decoding it gave nonsense ({error}); convert it to MP4, WAV or PNG"
            ) from None
        self.is_idle = isinstance(message, wire.Failed | wire.Done | wire.Picture)
        if isinstance(message, wire.Failed):
            raise self._error(message, name)
        return message

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        """The clock runs; see :meth:`look_after`."""
        with self._lock:
            self._waiting_since = since = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self.waited_s += time.monotonic() - since
                self._waiting_since = None

    def look_after(self, now: float) -> None:
        """End the child if it keeps us waiting too long, or is waited for in vain."""
        with self._lock:
            since = self._waiting_since
            if since is None:
                return
            late = self.waited_s + now - since > self._timeout_s
            cancelled = self._cancelled
        if late:
            self.end("time")
        elif cancelled is not None and cancelled():
            self.end("cancelled")

    def end(self, why: Ending) -> None:
        """Kill the child; the first reason counts."""
        with self._lock:
            self._ending = self._ending or why
        with contextlib.suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """End the child and let go of its pipes; nobody may wait for it any more."""
        self.end("closed")
        self._process.wait()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()

    def _error(self, failed: wire.Failed, name: str) -> Exception:
        if failed.error == MediaLimitError.__name__:
            return MediaLimitError(name, failed.problem, failed.limit)
        kind = _ERRORS.get(failed.error)
        if kind is not None:
            return kind(name, failed.problem)
        if failed.error == "MemoryError":
            return self._needs_memory(name)
        if failed.error == "OSError":
            return OSError(failed.problem)
        return CorruptMediaError(
            name, f"the decoder failed on it ({failed.problem}); convert it to MP4, WAV or PNG"
        )

    def _needs_memory(self, name: str) -> MediaError:
        return MediaLimitError(
            name,
            f"decoding it needs more than the {self._memory_bytes / 2**20:,.0f} MiB of memory "
            "allowed; give a smaller one",
            self._memory_bytes,
        )

    def _death(self, name: str) -> EmoscopeError:
        """What is said of a medium whose child has died."""
        if self._ending is None:
            # It closed its pipe, so it dies at once, if it does at all.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
        code = self._process.poll()
        if self._ending == "cancelled":
            return AnalysisCancelledError(f"{name}: cancelled before it was read")
        if self._ending == "closed":
            return AnalysisCancelledError(f"{name}: not read, because decoding was shut down")
        if self._ending == "time" or code == -getattr(signal, "SIGXCPU", 0):
            return MediaLimitError(
                name,
                f"decoding it takes longer than {self._timeout_s:g} s; give a shorter one",
                self._timeout_s,
            )
        how = signal.Signals(-code).name if code and -code in _SIGNALS else f"status {code}"
        return CorruptMediaError(
            name, f"the decoder crashed on it ({how}); convert it to MP4, WAV or PNG"
        )


_SIGNALS = {int(one) for one in signal.Signals}


def _widen(pipe: FileIO, size: int) -> None:
    """Let a small picture lie in the pipe as a whole, where the system can."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, size)
    except (ImportError, AttributeError, OSError):
        pass
