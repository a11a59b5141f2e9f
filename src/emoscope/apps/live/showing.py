"""What the window shows, apart from any window: the session, the view, what keys change."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.apps.live.chart import LastMinute
from emoscope.apps.live.overlay import RECORD_S
from emoscope.apps.live.rates import Rates
from emoscope.apps.live.screen import NO_PICTURE_PX, Screen
from emoscope.apps.live.session import Session
from emoscope.apps.live.snapshot import save_snapshot
from emoscope.apps.live.view import View
from emoscope.export.canvas import Rect
from emoscope.live.state import LiveState
from emoscope.media import Frame

_NOTICE_S = 4.0


class Showing:
    """What the window shows now, and what the keys change of it.

    Args:
        session: what is shown; not closed.
        folder: where snapshots go.

    Attributes:
        session: as given.
        frame: the newest frame; while paused the one that was there.
        state: what was read.
        minute: samples of the last minute.
        view: everything else.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, self._folder = session, folder
        self._rates = Rates()
        self._notice_until_s = 0.0
        self._seen = 0
        self.frame: Frame | None = None
        self.state = LiveState()
        self.minute = LastMinute()
        self.view = View(voice_mode=session.engine.voice_mode)

    def wait(self, timeout_s: float) -> bool:
        """Wait for a newer frame; whether one came. While paused none does."""
        if self.view.paused:
            time.sleep(timeout_s)
            return False
        frame, count = self.session.latest.after(self._seen, timeout_s)
        new = count > self._seen
        self.frame, self._seen = frame, count
        return new

    def read(self) -> None:
        """Fetch what was read since."""
        session, now_s = self.session, self.session.clock()
        self.state = session.engine.state
        if not self.view.paused:
            self.minute.push(self.state)
        rate, delay_s = self._rates.at(now_s)
        self.view = replace(
            self.view,
            camera=session.camera,
            microphone=session.microphone,
            frames_per_s=rate,
            delay_s=delay_s,
            notice=self.view.notice if now_s < self._notice_until_s else None,
        )

    def shown(self) -> None:
        """The newest frame is on the screen."""
        assert self.frame is not None
        now_s = self.session.clock()
        self._rates.push(now_s, now_s - self.frame.time_s)

    def record(self) -> None:
        """Read the next two seconds."""
        if self.session.microphone.name is None:
            self._say("the microphone is off")
        elif self.view.paused:
            self._say("paused; press space first")
        else:
            self.session.engine.record(RECORD_S)

    def pause(self) -> None:
        """Stop or go on."""
        paused = not self.view.paused
        self.session.engine.paused = paused
        self.view = replace(self.view, paused=paused)

    def switch_voice(self) -> None:
        """Listen always, or only when asked."""
        engine = self.session.engine
        engine.voice_mode = "key" if engine.voice_mode == "auto" else "auto"
        self.view = replace(self.view, voice_mode=engine.voice_mode)
        on_key = engine.voice_mode == "key"
        self._say("voice: press a to record" if on_key else "voice: always listening")

    def switch_translated(self) -> None:
        """Show or hide what was not read but translated."""
        show = not self.view.show_translated
        self.session.engine.translate = show
        self.view = replace(self.view, show_translated=show)
        self._say(f"translated readings {'shown' if show else 'hidden'}")

    def switch_help(self) -> None:
        """List the keys or not."""
        self.view = replace(self.view, show_help=not self.view.show_help)

    def draw(self, screen: Screen) -> list[Rect]:
        """Bring the window's picture up to date; what was drawn anew."""
        return screen.draw(self._image_rgb, self.state, self.view, self.minute.samples)

    def save(self, screen: Screen) -> None:
        """Keep the window's picture and what was read."""
        # What is said in passing does not belong into the picture.
        plain = replace(self.view, notice=None, show_help=False)
        screen.draw(self._image_rgb, self.state, plain, self.minute.samples)
        try:
            path = save_snapshot(screen.image, self.state, self._folder, datetime.now())
        except OSError as error:
            self._say(f"{self._folder}: cannot write there: {error.strerror or error}")
        else:
            self._say(f"saved {path.name} and {path.with_suffix('.json').name}")

    @property
    def picture_px(self) -> tuple[int, int]:
        """Width and height of the camera's picture, or what is kept free for it."""
        if self.frame is None:
            return NO_PICTURE_PX
        height, width = self.frame.image_rgb.shape[:2]
        return width, height

    @property
    def _image_rgb(self) -> NDArray[np.uint8] | None:
        return None if self.frame is None else self.frame.image_rgb

    def _say(self, words: str) -> None:
        self._notice_until_s = self.session.clock() + _NOTICE_S
        self.view = replace(self.view, notice=words)
