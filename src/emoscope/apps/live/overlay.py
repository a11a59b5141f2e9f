"""What lies over the picture: the keys, the countdown, messages."""

from __future__ import annotations

from emoscope.apps.live.shapes import ring_mask
from emoscope.apps.live.theme import AMBER, GROUND, RED, SOFT, TEXT, Sizes
from emoscope.export.canvas import Canvas, Rect
from emoscope.export.glyphs import shortened, text_width
from emoscope.export.palette import Rgb

KEYS: tuple[tuple[str, str], ...] = (
    ("a", "record two seconds and read them"),
    ("v", "voice: always listen, or only on a"),
    ("t", "show or hide translated readings"),
    ("space", "pause"),
    ("s", "save a picture and its JSON"),
    ("h", "show or hide these keys"),
    ("q, Esc", "quit"),
)
RECORD_S = 2.0
_RING_STEPS = 90


def draw_help(canvas: Canvas, stage: Rect, sizes: Sizes) -> None:
    """List the keys in the middle of the stage."""
    px = sizes.text
    for _ in range(4):
        names = max(text_width(key, px, "bold") for key, _ in KEYS) + 1.3 * px
        width = names + max(text_width(said, px) for _, said in KEYS) + 2.6 * px
        height = (1.55 * len(KEYS) + 1.4) * px
        if width <= stage.width and height <= stage.height:
            break
        px = max(7.0, px * 0.98 * min(stage.width / width, stage.height / height))
    x = round((stage.x1 + stage.x2 - width) / 2)
    y = round((stage.y1 + stage.y2 - height) / 2)
    canvas.rounded(Rect(x, y, round(x + width), round(y + height)), sizes.radius, GROUND, 0.88)
    for row, (key, said) in enumerate(KEYS):
        middle = y + 0.7 * px + 1.55 * px * (row + 0.5)
        canvas.text(x + 1.3 * px, middle, key, px, TEXT, "bold")
        canvas.text(x + 1.3 * px + names, middle, said, px, SOFT)


def draw_countdown(canvas: Canvas, stage: Rect, sizes: Sizes, share: float) -> None:
    """A ring that closes while the voice is recorded, with the seconds that are left.

    It stands in a corner: nobody wants a mark on the nose.
    """
    radius = _corner_radius(stage, sizes)
    stroke = max(3, round(0.14 * radius))
    x, y = stage.x2 - sizes.gap - 2 * radius, stage.y1 + sizes.gap
    canvas.rounded(Rect(x, y, x + 2 * radius, y + 2 * radius), radius, GROUND, 0.78)
    canvas.blend(x, y, ring_mask(radius, stroke, _RING_STEPS, _RING_STEPS), (70, 76, 86))
    done = min(max(round(share * _RING_STEPS), 0), _RING_STEPS)
    if done:
        canvas.blend(x, y, ring_mask(radius, stroke, done, _RING_STEPS), RED)
    said = f"{max(0.0, (1 - share) * RECORD_S):.1f}"
    px = 0.62 * radius
    canvas.text(x + radius - text_width(said, px, "bold") / 2, y + radius, said, px, TEXT, "bold")


def draw_line(
    canvas: Canvas, stage: Rect, sizes: Sizes, words: str, *, row: int = 0, warns: bool = False
) -> None:
    """One line at the lower edge of the stage; ``row`` 1 stands above row 0."""
    px = sizes.text
    words = shortened(words, px, stage.width - 3 * px)
    width, height = round(text_width(words, px) + 1.8 * px), round(2.0 * px)
    x = (stage.x1 + stage.x2 - width) // 2
    y = stage.y2 - round(0.8 * px) - height - row * round(1.25 * height)
    canvas.rounded(Rect(x, y, x + width, y + height), height / 2, GROUND, 0.82)
    colour: Rgb = AMBER if warns else TEXT
    canvas.text(x + 0.9 * px, y + height / 2, words, px, colour)


def draw_paused(canvas: Canvas, stage: Rect, sizes: Sizes) -> None:
    """Two bars in a disc, as players have them."""
    radius = _corner_radius(stage, sizes)
    x, y = stage.x2 - sizes.gap - radius, stage.y1 + sizes.gap + radius
    disc = Rect(x - radius, y - radius, x + radius, y + radius)
    canvas.rounded(disc, radius, GROUND, 0.78)
    thick, tall, apart = round(0.24 * radius), round(0.45 * radius), round(0.14 * radius)
    for left in (x - apart - thick, x + apart):
        bar = Rect(left, y - tall, left + thick, y + tall)
        canvas.rounded(bar, 0.08 * radius, TEXT)


def _corner_radius(stage: Rect, sizes: Sizes) -> int:
    return max(4, round(min(2.8 * sizes.text, 0.22 * min(stage.width, stage.height))))
