"""What a live session costs: pictures shown, readings a second, delay, processor and memory.

    python benchmarks/live.py FILM SPEECH [--window] [--seconds 600] [--heights 720,1080]

Scales a film of a face to 16:9 pictures of each height, at 30 a second, and lets it stand in for a
camera, over and over; a recording stands in for the microphone. Prints for each height the pictures
given, shown and read in a second, how long it took from taking a picture to its reading and to the
screen, how many cores were busy, and the memory in use at the beginning and at the end. Pictures
are shown with ``--window``, on the display that is there (``xvfb-run`` gives one). Needs ffmpeg,
and Linux for the memory.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from emoscope.analyzer import Analyzer
from emoscope.apps.live.session import Session
from emoscope.apps.live.showing import Showing
from emoscope.apps.live.window import Window
from emoscope.live import LiveState
from emoscope.live.cameras import FileCamera
from emoscope.live.microphones import FileMicrophone
from emoscope.live.pace import Pace
from emoscope.media import Frame, Sound

WARM_S = 10.0
SAMPLE_S = 5.0


@dataclass
class Figures:
    """What was measured once everything was warm."""

    given: int = 0
    shown: int = 0
    read: int = 0
    to_reading_s: list[float] = field(default_factory=list)
    to_display_s: list[float] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)
    cores: float = 0.0
    seconds: float = 0.0
    lost_s: float = 0.0

    def lines(self) -> list[str]:
        """For people."""
        first, last = _ends(self.memory_mib)
        lines = [
            f"  pictures given {self.given / self.seconds:6.1f} /s",
            f"  read           {self.read / self.seconds:6.1f} /s",
            f"  to the reading {_percentiles(self.to_reading_s)}",
            f"  processor      {self.cores:6.2f} of {os.cpu_count()} cores",
            f"  memory         {first:6.0f} MiB at first, {last:.0f} MiB at last "
            f"(most {max(self.memory_mib):.0f})",
            f"  sound lost     {self.lost_s:6.1f} s",
        ]
        if self.shown:
            lines[1:1] = [
                f"  shown          {self.shown / self.seconds:6.1f} /s",
                f"  to the display {_percentiles(self.to_display_s)}",
            ]
        return lines


def measure(
    film: Path,
    speech: Path,
    *,
    seconds: float,
    analyzer: Analyzer,
    window: Window | None = None,
    detect_every: int = 1,
) -> Figures:
    """Run one session, and watch it after it is warm.

    Args:
        film: stands in for the camera, over and over.
        speech: stands in for the microphone, likewise.
        seconds: to watch.
        analyzer: its models.
        window: shows the pictures; None: nothing is shown.
        detect_every: as for :class:`Session`.
    """
    figures = Figures()
    watching = threading.Event()
    last_read_s = -1.0

    def read(state: LiveState) -> None:
        nonlocal last_read_s
        if watching.is_set() and state.frame_time_s not in (None, last_read_s):
            last_read_s = state.frame_time_s
            figures.read += 1
            figures.to_reading_s.append(session.clock() - state.frame_time_s)

    camera, microphone = _Endless(film), _EndlessSound(speech)
    with Session(
        analyzer, camera, microphone, detect_every=detect_every, on_reading=read
    ) as session:
        showing = _Watched(session, figures, watching)
        ends, sampled, used, warm_at, given = WARM_S + seconds, 0.0, 0.0, 0.0, 0
        while session.clock() < ends:
            if not watching.is_set() and session.clock() >= WARM_S:
                used, warm_at = time.process_time(), session.clock()
                given = session.latest.after(0, 0.0)[1]
                watching.set()
            if watching.is_set() and session.clock() - sampled >= SAMPLE_S:
                sampled = session.clock()
                figures.memory_mib.append(_memory_mib())
            if window is None:
                time.sleep(0.1)
            else:
                window.step(showing)
        figures.given = session.latest.after(0, 0.0)[1] - given
        figures.seconds = session.clock() - warm_at
        figures.cores = (time.process_time() - used) / figures.seconds
        figures.lost_s = session.engine.state.sound_lost_s
    return figures


class _Watched(Showing):
    """Notes how late each picture is on the screen."""

    def __init__(self, session: Session, figures: Figures, watching: threading.Event) -> None:
        super().__init__(session, Path(tempfile.gettempdir()))
        self._figures, self._watching = figures, watching

    def shown(self) -> None:
        super().shown()
        if self._watching.is_set() and self.frame is not None:
            self._figures.shown += 1
            self._figures.to_display_s.append(self.session.clock() - self.frame.time_s)


class _Endless:
    """A film that begins anew when it ends."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path, self._pace = path, Pace()

    def frames(self) -> Iterator[Frame]:
        given_s = 0.0
        for start_s, frame in _again(lambda: FileCamera(self._path, Pace(False)).frames()):
            late_s = self._pace.until(start_s)
            if self._pace.stopped:
                return
            # A machine that is too slow to decode gets a picture now and then all the same.
            if late_s < 0.1 or start_s - given_s >= 0.5:
                given_s = start_s
                yield Frame(start_s, frame.image_rgb)

    def close(self) -> None:
        self._pace.stop()


class _EndlessSound:
    """A recording that begins anew when it ends."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path, self._pace = path, Pace()

    def sounds(self) -> Iterator[Sound]:
        heard_s = 0.0
        for _ in count():
            for sound in FileMicrophone(self._path, Pace(False)).sounds():
                moved = Sound(heard_s, sound.waveform)
                self._pace.until(moved.end_s)
                if self._pace.stopped:
                    return
                heard_s = moved.end_s
                yield moved

    def close(self) -> None:
        self._pace.stop()


def _again(frames: Callable[[], Iterator[Frame]]) -> Iterator[tuple[float, Frame]]:
    start_s = 0.0
    for _ in count():
        last_s = 0.0
        for frame in frames():
            yield start_s + frame.time_s, frame
            last_s = frame.time_s
        start_s += last_s + 1 / 30


@contextlib.contextmanager
def scaled(film: Path, height: int) -> Iterator[Path]:
    """The film as 16:9 pictures of a height, 30 a second, without sound."""
    width = height * 16 // 9
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"{height}p.mp4"
        fit = (
            f"scale={width}:{height}:force_original_aspect_ratio=decrease,"
            f"pad={width}:{height}:-1:-1,fps=30,format=yuv420p"
        )
        command = ["ffmpeg", "-v", "error", "-i", str(film), "-an", "-vf", fit]
        subprocess.run([*command, "-preset", "veryfast", str(made)], check=True)
        yield made


def _memory_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def _ends(values: list[float]) -> tuple[float, float]:
    """Means of the first and the last tenth."""
    part = max(1, len(values) // 10)
    return float(np.mean(values[:part])), float(np.mean(values[-part:]))


def _percentiles(seconds: list[float]) -> str:
    if not seconds:
        return "     -"
    half, most = np.percentile(seconds, [50, 95]) * 1000
    return f"{half:6.0f} ms p50, {most:.0f} ms p95"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("film", type=Path)
    options.add_argument("speech", type=Path)
    options.add_argument("--seconds", type=float, default=600.0)
    options.add_argument("--heights", default="720,1080")
    options.add_argument("--detector", choices=("auto", "yunet", "haar"), default="auto")
    options.add_argument("--detect-every", type=int, default=1)
    options.add_argument("--window", action="store_true", help="show the pictures")
    given = options.parse_args()
    for height in map(int, given.heights.split(",")):
        analyzer = Analyzer(detector=given.detector)
        with (
            scaled(given.film, height) as film,
            Window((1280, 720)) if given.window else contextlib.nullcontext() as window,
        ):
            figures = measure(
                film,
                given.speech,
                seconds=given.seconds,
                analyzer=analyzer,
                window=window,
                detect_every=given.detect_every,
            )
        print(f"{height}p, {analyzer.detector.name}, {given.seconds:g} s after {WARM_S:g} s")
        print("\n".join(figures.lines()), flush=True)


if __name__ == "__main__":
    main()
