"""Decoding processes that are kept ready, and the media that they decode."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from emoscope.errors import AnalysisCancelledError, CorruptMediaError, MediaError
from emoscope.guard import wire
from emoscope.guard.process import DecodeProcess
from emoscope.media import Frame, Limits, Sound
from emoscope.results import Analysis, Kind

_LOOK_S = 0.05
# What leaks in a decoder does not add up. Starting one takes as long as decoding 300 portraits.
_MEDIA_PER_PROCESS = 2000

Progress = Callable[[float, float | None], None]


class GuardedMedia:
    """A medium that another process decodes; given by :meth:`DecodePool.open`.

    What :class:`emoscope.media.Media` is, but ``read`` may be called once.
    """

    def __init__(
        self, process: DecodeProcess, source: str, facts: wire.Opened, max_pixels: int
    ) -> None:
        self._process, self._max_pixels = process, max_pixels
        self._facts = facts
        self.source = source
        self.is_read = False

    @property
    def kind(self) -> Kind:
        """``image``, ``audio`` or ``video``."""
        return self._facts.kind

    @property
    def duration_s(self) -> float | None:
        """Seconds as the file claims; None where it does not say."""
        return self._facts.duration_s

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height as shown; None for a recording."""
        return self._facts.size_px

    @property
    def has_sound(self) -> bool:
        """Whether there is a sound track."""
        return self._facts.has_sound

    @property
    def waited_s(self) -> float:
        """How long decoding has kept us waiting."""
        return self._process.waited_s

    def read(self, fps: float | None = None) -> Iterator[Frame | Sound]:
        """Frames and sound in order, as :meth:`emoscope.media.Media.read` gives them.

        Raises:
            MediaError: the medium breaks off, or its decoder does.
            AnalysisCancelledError: it is wanted no more.
            ValueError: it was read before.
        """
        if self.is_read:
            raise ValueError("the medium was read; open it again")
        self.is_read = True
        if self.kind == "image":  # it comes without being asked for
            message = self._process.answer(self.source, self._max_pixels)
            if not isinstance(message, wire.Picture):
                raise _out_of_turn(self._process, self.source)
            yield Frame(0.0, message.image_rgb)
            return
        self._process.ask({"do": "decode", "fps": fps}, self.source)
        while not isinstance(
            message := self._process.answer(self.source, self._max_pixels), wire.Done
        ):
            if not isinstance(message, Frame | Sound):
                raise _out_of_turn(self._process, self.source)
            yield message


class DecodePool:
    """Processes that decode, each one medium at a time; thread-safe.

    One that dies costs the medium that it had; the next medium gets a fresh one.

    Args:
        limits: of the media.
        memory_bytes: what each process may take beyond what it starts with.
        timeout_s: how long decoding one medium may keep us waiting in all.
        children: how many processes.

    Attributes:
        restarts: how many processes were lost and replaced.
    """

    def __init__(
        self, *, limits: Limits, memory_bytes: int, timeout_s: float, children: int = 1
    ) -> None:
        if children < 1 or memory_bytes < 1 or not timeout_s > 0:
            raise ValueError(
                "expected children and memory_bytes of at least 1 and timeout_s > 0, "
                f"got {children}, {memory_bytes}, {timeout_s}"
            )
        self.limits = limits
        self.restarts = 0
        self._memory_bytes, self._timeout_s = memory_bytes, timeout_s
        self._cores = os.cpu_count() or 1
        self._changed = threading.Condition()
        self._free: list[DecodeProcess | None] = [None] * children
        self._busy: set[DecodeProcess] = set()
        self._closed = False
        self._watch: threading.Thread | None = None
        self._work, self._stop = threading.Event(), threading.Event()

    def start(self) -> None:
        """Start all processes now instead of when they are first needed.

        Raises:
            EmoscopeError: one cannot be started.
        """
        with contextlib.ExitStack() as taken:
            for _ in range(len(self._free)):
                taken.enter_context(self._process(1.0, None))

    @contextlib.contextmanager
    def open(
        self,
        medium: Path | bytes,
        *,
        name: str | None = None,
        limits: Limits | None = None,
        timeout_s: float | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[GuardedMedia]:
        """Open a medium in a process of its own; waits until one is free.

        Args:
            medium: path of a local file, or what a small one holds.
            name: what it is called in results and errors; the path where None.
            limits, timeout_s: others than the pool's.
            cancelled: asked now and then, from any thread; True ends the reading.

        Raises:
            MediaError: the file cannot be read; its subclasses say why.
            AnalysisCancelledError: it is wanted no more.
            EmoscopeError: no process can be started.
        """
        limits = limits or self.limits
        if isinstance(medium, bytes):
            data, source = medium, name or "upload"
            what = {"do": "read"}
        else:
            data, source = None, name or str(medium)
            # Links stay as they are.
            what = {"do": "read", "path": os.path.abspath(medium)}  # noqa: PTH100
        with self._process(timeout_s or self._timeout_s, cancelled) as process:
            about = {"limits": vars(limits), "cpu_s": self._cpu_s(timeout_s)}
            process.ask({**what, **about}, source, data)
            facts = process.answer(source, limits.max_pixels)
            if not isinstance(facts, wire.Opened):
                raise _out_of_turn(process, source)
            media = GuardedMedia(process, source, facts, limits.max_pixels)
            yield media
            if media.is_read:
                return
            if media.kind == "image":  # it comes all the same
                with contextlib.suppress(MediaError):
                    for _ in media.read():
                        pass
            else:
                process.ask({"do": "close"}, source)

    def annotate(
        self,
        path: Path,
        analysis: Analysis,
        out: Path,
        *,
        out_bytes: int,
        name: str,
        progress: Progress | None = None,
        timeout_s: float | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """Write a medium again with what was read drawn in; also decoded and encoded apart.

        Args:
            path: of the medium.
            analysis: what was read.
            out: where to write; its suffix says what.
            out_bytes: how large that may become.
            name, timeout_s, cancelled: as for :meth:`open`.
            progress: called with what is done and what there is in all, None where not known.

        Raises:
            MediaError: the medium cannot be read.
            OSError: the result cannot be written.
            AnalysisCancelledError: it is wanted no more.
        """
        with self._process(timeout_s or self._timeout_s, cancelled) as process:
            process.ask(
                {
                    "do": "annotate",
                    "path": str(path.absolute()),
                    "analysis": analysis.to_dict(),
                    "out": str(out.absolute()),
                    "out_bytes": out_bytes,
                    "cpu_s": self._cpu_s(timeout_s),
                },
                name,
            )
            while not isinstance(message := process.answer(name, 1), wire.Done):
                if not isinstance(message, wire.Step):
                    raise _out_of_turn(process, name)
                if progress is not None:
                    progress(message.done, message.total)

    def close(self) -> None:
        """End all processes, also those that are decoding."""
        with self._changed:
            self._closed = True
            for process in self._busy:
                process.end("closed")
            free, self._free = self._free, []
            self._changed.notify_all()
            self._stop.set()
            self._work.set()
        for idle in free:
            if idle is not None:
                idle.close()
        if self._watch is not None:
            self._watch.join()

    @contextlib.contextmanager
    def _process(
        self, timeout_s: float, cancelled: Callable[[], bool] | None
    ) -> Iterator[DecodeProcess]:
        """A process of one's own for a while. After an error in the middle it is replaced."""
        process = self._take(cancelled)
        try:
            process.wait_ready()
            process.begin(timeout_s, cancelled)
            yield process
        finally:
            self._give_back(process)

    def _take(self, cancelled: Callable[[], bool] | None) -> DecodeProcess:
        with self._changed:
            while not self._closed and not self._free:
                self._changed.wait(_LOOK_S if cancelled is not None else None)
                if cancelled is not None and cancelled():
                    raise AnalysisCancelledError("cancelled before its turn came")
            if self._closed:
                raise AnalysisCancelledError("decoding was shut down")
            process = self._free.pop()
            try:
                if process is not None and not process.is_alive:
                    process.close()
                    process = None
                    self.restarts += 1
                if process is None:
                    process = DecodeProcess(self._memory_bytes)
            except BaseException:
                self._free.append(None)
                raise
            self._busy.add(process)
            if self._watch is None:
                self._watch = threading.Thread(
                    target=self._look_after, name="emoscope-decoding", daemon=True
                )
                self._watch.start()
            self._work.set()
            return process

    def _give_back(self, process: DecodeProcess) -> None:
        worn = process.served >= _MEDIA_PER_PROCESS
        keep = process.is_idle and process.is_alive and not worn
        if not keep:
            process.close()
        with self._changed:
            self._busy.discard(process)
            if not keep and not worn:
                self.restarts += 1
            if self._closed:
                process.close()
            else:
                self._free.append(process if keep else None)
            self._changed.notify()

    def _look_after(self) -> None:
        """Watches the clock while processes are busy; it sleeps while none is."""
        while not self._stop.wait(_LOOK_S):
            with self._changed:
                busy = list(self._busy)
                if not busy and not self._stop.is_set():
                    self._work.clear()
            for process in busy:
                process.look_after(time.monotonic())
            self._work.wait()

    def _cpu_s(self, timeout_s: float | None) -> float:
        return (timeout_s or self._timeout_s) * self._cores


def _out_of_turn(process: DecodeProcess, name: str) -> CorruptMediaError:
    process.end("closed")
    return CorruptMediaError(name, "decoding it gave nonsense; convert it to MP4, WAV or PNG")
