"""The window: shows the newest frame with what was read, and takes keys.

It runs in the main thread; a slow model makes readings rare, never pictures.
"""

from __future__ import annotations

import math
import os
import sys
import time
from types import ModuleType
from typing import Any

from emoscope._closing import Closing
from emoscope._optional import require
from emoscope.apps.live.screen import Screen
from emoscope.apps.live.showing import Showing
from emoscope.errors import EmoscopeError

_SIZE = (1280, 720)
_USUAL, _MOST = 2 / 3, 0.9  # of the desktop
_IDLE_S = 1 / 30  # how long to wait for a frame before meters are drawn without one
_SHORTEST_S = 1 / 60  # no display shows more
_DRIVER, _INVISIBLE = "SDL_VIDEODRIVER", ("offscreen", "dummy")
_BY_OPENGL = "SDL_FRAMEBUFFER_ACCELERATION"


class Window(Closing):
    """An open window; a context manager.

    Args:
        size: width and height in pixels; None: as suits the desktop.

    Attributes:
        screen: its picture.

    Raises:
        MissingExtraError: pygame is not installed.
        EmoscopeError: there is no display.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "emoscope")  # how desktops group windows
        self._pygame: ModuleType = require("pygame", extra="live")
        if not _has_display():
            raise _no_window("there is no display")
        try:
            self._pygame.display.init()
            # SDL makes do with no screen at all, unless it was asked to.
            if self._pygame.display.get_driver() in _INVISIBLE and not os.environ.get(_DRIVER):
                raise self._pygame.error("the display does not answer")
            if self._pygame.display.get_driver() == "x11":
                # Else SDL opens it twice to draw by OpenGL: ten times as slow without a GPU.
                os.environ.setdefault(_BY_OPENGL, "0")
            self._size = size or _fitting(self._pygame.display.get_desktop_sizes())
            self._surface = self._open()
        except self._pygame.error as error:
            self._pygame.quit()
            raise _no_window(str(error)) from error
        self.screen = Screen(self._size)
        self._source: Any = None  # the screen's picture as pygame sees it

    def _open(self) -> Any:
        pygame = self._pygame
        pygame.display.set_caption("emoscope")
        surface = pygame.display.set_mode(self._size, pygame.RESIZABLE)
        pygame.key.set_repeat()  # a key that is held down counts once
        return surface

    def run(self, showing: Showing, *, seconds: float | None = None) -> None:
        """Show a session until the window is closed, ``q`` is pressed or the time is up.

        Args:
            showing: what is shown; its session is not closed.
            seconds: how long; None: until somebody quits.

        Raises:
            EmoscopeError: what ended the reading, for example a model that cannot be had.
        """
        ends_s = math.inf if seconds is None else seconds
        while showing.session.clock() < ends_s and self.step(showing):
            pass

    def step(self, showing: Showing) -> bool:
        """Show what is new, at most sixty times a second; False where somebody quits.

        Raises:
            EmoscopeError: as for :meth:`run`.
        """
        began_s = time.monotonic()
        new = showing.wait(_IDLE_S)
        if not self._take_events(showing):
            return False
        showing.read()
        self._show(showing)
        if new:
            showing.shown()
        time.sleep(max(0.0, _SHORTEST_S - (time.monotonic() - began_s)))
        return True

    def close(self) -> None:
        """Close the window; may be called again."""
        self._source = None
        self._pygame.quit()

    def _take_events(self, showing: Showing) -> bool:
        """Answer keys; False when somebody quits."""
        pygame = self._pygame
        keys = {
            pygame.K_a: showing.record,
            pygame.K_s: lambda: showing.save(self.screen),
            pygame.K_SPACE: showing.pause,
            pygame.K_v: showing.switch_voice,
            pygame.K_t: showing.switch_translated,
            pygame.K_h: showing.switch_help,
        }
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                return False
            if event.type == pygame.KEYDOWN:
                if event.key in (pygame.K_q, pygame.K_ESCAPE):
                    return False
                keys.get(event.key, _nothing)()
            elif event.type in (pygame.WINDOWSIZECHANGED, pygame.WINDOWEXPOSED):
                self._surface = pygame.display.get_surface()
                self._size = self._surface.get_size()
                self._source = None
        return True

    def _show(self, showing: Showing) -> None:
        screen = self.screen
        if (screen.size, screen.picture_px) != (self._size, showing.picture_px):
            screen = self.screen = Screen(self._size, showing.picture_px)
            self._source = None
        changed = showing.draw(screen)
        if self._source is None:
            width, height = screen.layout.size
            self._source = self._pygame.image.frombuffer(screen.image, (width, height), "RGB")
            self._surface.blit(self._source, (0, 0))
            self._pygame.display.flip()
            return
        areas = [(r.x1, r.y1, r.width, r.height) for r in changed if r.width > 0 and r.height > 0]
        for area in areas:
            self._surface.blit(self._source, area[:2], area)
        self._pygame.display.update(areas)


def _fitting(desktops: list[tuple[int, int]]) -> tuple[int, int]:
    """The usual size; larger on a large desktop, smaller on a small one."""
    if not desktops:
        return _SIZE
    width, height = desktops[0]
    fits = min(width / _SIZE[0], height / _SIZE[1])
    scale = max(_USUAL * fits, min(1.0, _MOST * fits))
    return round(_SIZE[0] * scale), round(_SIZE[1] * scale)


def _has_display() -> bool:
    """Whether it is worth trying; without this SDL itself complains, and goes on unseen."""
    named = (_DRIVER, "DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in named)


def _no_window(reason: str) -> EmoscopeError:
    return EmoscopeError(f"no window can be opened: {reason}; use --no-window, or start a display")


def _nothing() -> None:
    """What other keys do."""
