"""The whole window as one picture, drawn from values alone."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from emoscope.apps.live.chart import Sample, draw_chart
from emoscope.apps.live.layout import Layout, lay_out
from emoscope.apps.live.overlay import draw_countdown, draw_help, draw_line, draw_paused
from emoscope.apps.live.panels import FaceCard, TogetherCard, VoiceCard
from emoscope.apps.live.picture import FaceLabels, draw_camera, round_corners
from emoscope.apps.live.shapes import draw_card
from emoscope.apps.live.status import StatusLine
from emoscope.apps.live.theme import CARD, FAINT, GROUND
from emoscope.apps.live.view import View
from emoscope.export.canvas import Canvas, Rect
from emoscope.export.glyphs import text_width
from emoscope.live.state import LiveState

NO_PICTURE_PX = (16, 9)
"""The proportions that are kept free while there is no picture."""


class _Card(Protocol):
    def draw(self, canvas: Canvas, layout: Layout) -> None: ...


class Screen:
    """Draws the window; what did not change is not drawn again.

    Args:
        size: width and height of the window in pixels.
        picture_px: width and height of the camera's picture.

    Attributes:
        image: (height, width, 3) uint8 RGB.
        layout: where everything stands.
    """

    def __init__(self, size: tuple[int, int], picture_px: tuple[int, int] = NO_PICTURE_PX) -> None:
        self.layout = lay_out(size, picture_px)
        self.size, self.picture_px = size, picture_px
        width, height = self.layout.size
        self.image: NDArray[np.uint8] = np.full((height, width, 3), GROUND, dtype=np.uint8)
        self._canvas = Canvas(self.image)
        for card in (self.layout.together, self.layout.face, self.layout.voice, self.layout.chart):
            draw_card(self._canvas, card, self.layout.sizes)
        self._empty = self.image.copy()
        self._labels = FaceLabels()
        self._drawn: dict[str, Any] = {}

    def draw(
        self,
        image_rgb: NDArray[np.uint8] | None,
        state: LiveState,
        view: View,
        minute: tuple[Sample, ...] = (),
    ) -> list[Rect]:
        """Bring the picture up to date.

        Args:
            image_rgb: the camera's picture, (height, width, 3) uint8; None: there is none.
            state: what was read.
            view: what else is shown.
            minute: samples of the last minute.

        Returns:
            What was drawn anew.
        """
        layout = self.layout
        changed = [
            self._card("status", layout.status, StatusLine.of(state, view)),
            self._card("together", layout.together, TogetherCard.of(state)),
            self._card("face", layout.face, FaceCard.of(state, view)),
            self._card("voice", layout.voice, VoiceCard.of(state, view)),
        ]
        newest = (len(minute), minute[-1].time_s) if minute else None
        if "chart" not in self._drawn or self._drawn["chart"] != newest:
            self._drawn["chart"] = newest
            self._clear(layout.chart)
            draw_chart(self._canvas, layout, minute)
            changed.append(layout.chart)
        changed.append(self._stage(image_rgb, state, view))
        return [rect for rect in changed if rect is not None]

    def _card(self, name: str, rect: Rect, card: _Card) -> Rect | None:
        if self._drawn.get(name) == card:
            return None
        self._drawn[name] = card
        self._clear(rect)
        card.draw(self._canvas, self.layout)
        return rect

    def _clear(self, rect: Rect) -> None:
        part = np.s_[rect.y1 : rect.y2, rect.x1 : rect.x2]
        self.image[part] = self._empty[part]

    def _stage(self, image_rgb: NDArray[np.uint8] | None, state: LiveState, view: View) -> Rect:
        canvas, stage, sizes = self._canvas, self.layout.stage, self.layout.sizes
        if image_rgb is None:
            canvas.rectangle(stage, CARD)
            said = "camera off" if view.camera.name is None else "waiting for the camera"
            x = (stage.x1 + stage.x2 - text_width(said, sizes.text)) / 2
            canvas.text(x, (stage.y1 + stage.y2) / 2, said, sizes.text, FAINT)
            round_corners(canvas, stage, sizes)
        else:
            picture = self.layout.picture
            if picture != stage:
                canvas.rectangle(stage, GROUND)
            draw_camera(canvas, picture, image_rgb)
            height, width = image_rgb.shape[:2]
            self._labels.draw(canvas, picture, state.faces, state.size_px or (width, height))
            round_corners(canvas, picture, sizes)
        self._over(state, view)
        return stage

    def _over(self, state: LiveState, view: View) -> None:
        canvas, sizes = self._canvas, self.layout.sizes
        # Where the picture is slim, what lies over it may use the whole stage.
        over, corner = self.layout.stage, self.layout.picture
        if corner.width < 0.5 * over.width:
            corner = over
        row = 0
        for device in (view.camera, view.microphone):
            if device.message is not None:
                draw_line(canvas, over, sizes, device.message, row=row, warns=True)
                row += 1
        if view.notice is not None:
            draw_line(canvas, over, sizes, view.notice, row=row)
        if view.show_help:
            draw_help(canvas, over, sizes)
        elif state.recording is not None:
            draw_countdown(canvas, corner, sizes, state.recording)
        elif view.paused:
            draw_paused(canvas, corner, sizes)
