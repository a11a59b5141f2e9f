"""The command under Xvfb, driven with xdotool; what it shows is what somebody would see."""

from __future__ import annotations

import csv
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.apps.live.layout import lay_out
from emoscope.apps.live.theme import GROUND, RED, SPEECH
from emoscope.export.canvas import Rect
from emoscope.export.palette import Rgb, emotion_colour
from emoscope.media import Sound, open_media

pytest.importorskip("pygame")
pytestmark = pytest.mark.slow

MEDIA = Path(str(files("emoscope.apps.cli") / "demo_media"))
DESKTOP = (1400, 900)
WAIT_S = 60.0
EMOSCOPE = (sys.executable, "-c", "from emoscope.apps.cli import main; main()")

Picture = NDArray[np.uint8]


class Running:
    """A window of the command on a display."""

    def __init__(self, display: str, folder: Path, arguments: tuple[object, ...]) -> None:
        self._environment = {**os.environ, "DISPLAY": display, "EMOSCOPE_OFFLINE": "1"}
        self._environment.pop("SDL_VIDEODRIVER", None)
        self._display = display
        self.folder = folder
        self.process = subprocess.Popen(
            [*EMOSCOPE, "live", *map(str, arguments)],
            cwd=folder,
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tell(self, *arguments: str) -> str:
        """What xdotool says to this."""
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
        )
        return done.stdout.strip()

    def focus(self) -> str:
        """Wait for the window and give it the keyboard; its number."""
        # SDL may open a window, throw it away and open another; the one that is drawn stays.
        self.until(lambda: window_of(self.screenshot())[0].size > 0)
        number = self.tell("search", "--onlyvisible", "--class", "^emoscope$")
        self.tell("windowfocus", "--sync", number)
        return number

    def press(self, *keys: str) -> None:
        self.tell("key", *keys)

    def saved(self) -> tuple[Path, dict[str, object]]:
        """Press ``s`` and wait for the files: the picture with its document."""
        before = set(self.folder.glob("emoscope-*.png"))
        self.press("s")
        self.until(lambda: set(self.folder.glob("emoscope-*.png")) > before)
        (new,) = set(self.folder.glob("emoscope-*.png")) - before
        return new, json.loads(new.with_suffix(".json").read_text(encoding="utf-8"))

    def screenshot(self) -> Picture:
        """The whole display as it is now, (height, width, 3)."""
        if shutil.which("ffmpeg") is None:
            pytest.skip("ffmpeg is not installed")
        width, height = DESKTOP
        grab = (
            f"ffmpeg -v error -f x11grab -draw_mouse 0 -video_size {width}x{height} "
            f"-i {self._display} -frames:v 1 -f rawvideo -pix_fmt rgb24 -"
        )
        raw = subprocess.run(grab.split(), capture_output=True, check=True, timeout=WAIT_S).stdout
        return np.frombuffer(raw, np.uint8).reshape(height, width, 3)

    def until(self, what: Callable[[], bool]) -> None:
        """Wait for something that the window does."""
        ends_s = time.monotonic() + WAIT_S
        while not what():
            assert self.process.poll() is None, self.end()
            assert time.monotonic() < ends_s, "it never came"

    def end(self) -> tuple[int, str]:
        """Exit status and what it wrote to standard error."""
        _, said = self.process.communicate(timeout=WAIT_S)
        # What SDL says of a system without a session is not ours.
        lines = [line for line in said.splitlines() if "XDG_RUNTIME_DIR" not in line]
        return self.process.returncode, "\n".join(lines)


@pytest.fixture
def live(display: str, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start ``emoscope live`` with the options given; its window has the keyboard."""
    started: list[Running] = []

    def start(*arguments: object) -> Running:
        folder = tmp_path / "here"
        folder.mkdir(exist_ok=True)
        started.append(Running(display, folder, arguments))
        started[-1].focus()
        return started[-1]

    yield start
    for running in started:
        running.process.kill()
        running.process.communicate()


DEMO = ("--camera", MEDIA / "faces.png", "--microphone", MEDIA / "speech.flac")


def window_of(picture: Picture) -> tuple[Picture, Rect]:
    """The window's part of a screenshot; nothing where there is none yet, or no more."""
    there = (picture == GROUND).all(axis=2)
    if not there.any():
        return picture[:0, :0], Rect(0, 0, 0, 0)
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    rect = Rect(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return picture[rect.y1 : rect.y2, rect.x1 : rect.x2], rect


def has(picture: Picture, rect: Rect, colour: Rgb) -> bool:
    part = picture[rect.y1 : rect.y2, rect.x1 : rect.x2].astype(int)
    return bool((np.abs(part - colour).max(axis=2) <= 2).any())


def test_a_screenshot_shows_box_label_and_panels(live: Callable[..., Running]) -> None:
    running = live(*DEMO)
    _, document = running.saved()
    while not document["faces"]:
        _, document = running.saved()
    window, _ = window_of(running.screenshot())
    height, width = window.shape[:2]
    size = document["size_px"]
    assert isinstance(size, list)
    layout = lay_out((width, height), (size[0], size[1]))
    labels = [face["label"] for face in document["faces"]]  # type: ignore[attr-defined]
    assert any(has(window, layout.picture, emotion_colour(label)) for label in labels)
    assert has(window, layout.status, RED)
    for card in (layout.together, layout.face, layout.voice, layout.chart):
        assert has(window, card, (21, 26, 32))
    running.press("q")
    assert running.end() == (0, "")


def test_each_key_does_what_it_says(
    live: Callable[..., Running], make_wav: Callable[..., Path], tmp_path: Path
) -> None:
    with open_media(MEDIA / "speech.flac") as media:
        speech = [item.waveform for item in media.read() if isinstance(item, Sound)]
    endless = make_wav(tmp_path / "endless.wav", np.tile(np.concatenate(speech), 30))
    running = live("--camera", MEDIA / "faces.png", "--microphone", endless, "--voice", "key")
    assert running.saved()[1]["voice"] is None

    running.press("a")  # nothing else reads the voice in this mode
    running.until(lambda: running.saved()[1]["voice"] is not None)

    running.press("space")
    running.until(lambda: running.saved()[1]["time_s"] == running.saved()[1]["time_s"])
    _, paused = running.saved()
    running.press("space")
    running.until(lambda: running.saved()[1]["time_s"] != paused["time_s"])

    running.press("t")  # hidden from now on
    running.until(lambda: running.saved()[1]["translated"] is None)

    plain = window_of(running.screenshot())[0]
    running.press("h")
    height, width = plain.shape[:2]
    middle = np.s_[height // 3 : height // 2, width // 5 : width // 2]
    running.until(
        lambda: window_of(running.screenshot())[0][middle].mean() < 0.8 * plain[middle].mean()
    )
    running.press("Escape")
    assert running.end() == (0, "")


def test_it_is_drawn_without_opengl(live: Callable[..., Running]) -> None:
    running = live(*DEMO)
    loaded = Path(f"/proc/{running.process.pid}/maps").read_text(encoding="utf-8")
    assert "libX11" in loaded
    assert "libGL" not in loaded
    running.press("q")
    assert running.end() == (0, "")


def test_ctrl_c_and_being_asked_to_end_end_it(live: Callable[..., Running]) -> None:
    running = live(*DEMO)
    running.saved()
    running.process.send_signal(signal.SIGINT)
    status, said = running.end()
    assert status == 130
    assert "Traceback" not in said
    asked = live(*DEMO)
    asked.saved()
    asked.process.terminate()
    assert asked.end() == (0, "")


def test_it_is_resized(live: Callable[..., Running]) -> None:
    running = live(*DEMO)
    number = running.focus()
    for width, height in ((640, 480), (500, 800), (1300, 800)):
        running.tell("windowsize", "--sync", number, str(width), str(height))
        running.until(
            lambda w=width, h=height: window_of(running.screenshot())[0].shape[:2] == (h, w)
        )
    running.press("q")
    assert running.end()[0] == 0


def test_smile_and_speech_are_read_as_they_are(
    shared_dir: Path, live: Callable[..., Running], tmp_path: Path
) -> None:
    media, log = shared_dir / "media", tmp_path / "log.csv"
    running = live(
        "--camera", media / "smile.mp4", "--microphone", media / "speech.flac",
        "--seconds", "12", "--log", log,
    )  # fmt: skip
    spoke = happy = False
    while running.process.poll() is None and not (spoke and happy):
        window, _ = window_of(running.screenshot())
        layout = lay_out((window.shape[1], window.shape[0]), (596, 336))
        happy = happy or has(window, layout.picture, emotion_colour("happy"))
        spoke = spoke or has(window, layout.voice, SPEECH)
    assert happy
    assert spoke
    assert running.end() == (0, "")
    with log.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    faces = [row["face_label"] for row in rows if float(row["time_s"]) > 1 and row["face_label"]]
    assert faces.count("happy") > 0.8 * len(faces)
    assert sum(a != b for a, b in itertools.pairwise(faces)) <= 1
    assert any(row["voice_label"] and row["speaking"] == "True" for row in rows)
