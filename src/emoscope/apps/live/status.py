"""The line above the picture: what is open, and how fast it goes."""

from __future__ import annotations

from dataclasses import dataclass

from emoscope.apps.live.layout import Layout
from emoscope.apps.live.shapes import draw_dot, draw_text_to
from emoscope.apps.live.theme import FAINT, RED, SOFT, TEXT
from emoscope.apps.live.view import Device, View
from emoscope.export.canvas import Canvas
from emoscope.export.glyphs import text_width
from emoscope.live.state import LiveState


@dataclass(frozen=True)
class StatusLine:
    """What the line says.

    Attributes:
        devices: name of each with whether it is off, open or neither.
        rates: what is said on the right, longest first; the first that fits is shown.
    """

    devices: tuple[tuple[str, Device], ...]
    rates: tuple[str, ...]

    @classmethod
    def of(cls, state: LiveState, view: View) -> StatusLine:
        shown = "–" if view.frames_per_s is None else f"{view.frames_per_s:.0f}"
        late = "–" if view.delay_s is None else f"{view.delay_s * 1000:.0f}"
        read = f"{state.readings_per_s:.0f}"
        rates = (
            f"{shown} frames/s · {read} readings/s · delay {late} ms",
            f"{shown} fps · {read} readings/s · {late} ms",
            f"{shown} fps · {late} ms",
        )
        return cls((("camera", view.camera), ("microphone", view.microphone)), rates)

    def draw(self, canvas: Canvas, layout: Layout) -> None:
        rect, sizes = layout.status, layout.sizes
        middle = (rect.y1 + rect.y2) / 2
        dot = max(6, round(0.66 * sizes.text))
        x = rect.x1 + 0.2 * sizes.text
        for name, device in self.devices:
            colour = RED if device.open else FAINT
            draw_dot(canvas, x, middle, dot, colour)
            x += dot + 0.4 * sizes.text
            said = name if device.name is not None else f"{name} off"
            canvas.text(x, middle, said, sizes.note, TEXT if device.open else FAINT)
            x += text_width(said, sizes.note) + 1.1 * sizes.text
        for said in self.rates:
            if text_width(said, sizes.note) <= rect.x2 - x:
                draw_text_to(canvas, rect.x2 - 2, middle, said, sizes.note, SOFT)
                return
