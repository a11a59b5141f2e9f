"""Where everything stands in the window. Pure geometry."""

from __future__ import annotations

from dataclasses import dataclass

from emoscope.apps.live.theme import Sizes, is_narrow
from emoscope.export.canvas import Rect

SMALLEST = (480, 360)
"""Width and height below which the window is drawn as if it were so large, and cut off."""

_FACE_ROWS, _VOICE_ROWS = 7, 8
LONGEST_ROW = 2.3
"""Pixels down of a row of bars, of the text's size."""
_SHORTEST_ROW = 1.25


@dataclass(frozen=True)
class Layout:
    """Places in pixels of the window.

    Attributes:
        size: width and height of the window.
        sizes: of text and gaps.
        status: the line with the red mark and the rates.
        stage: what the picture may fill.
        picture: the picture itself, in the proportions of the camera's.
        together: the card of the fused answer; the other cards likewise.
    """

    size: tuple[int, int]
    sizes: Sizes
    status: Rect
    stage: Rect
    picture: Rect
    together: Rect
    face: Rect
    voice: Rect
    chart: Rect


def lay_out(size: tuple[int, int], picture_px: tuple[int, int]) -> Layout:
    """Place everything for a window and a camera's picture, each ``(width, height)``."""
    width, height = max(size[0], SMALLEST[0]), max(size[1], SMALLEST[1])
    if is_narrow(width, height):
        return _below(width, height, picture_px)
    return _beside(width, height, picture_px)


def together_height(sizes: Sizes) -> float:
    """Pixels down of the fused answer's card."""
    return 2 * sizes.pad + 1.3 * sizes.note + 1.5 * sizes.big + 3.1 * sizes.text


def head_height(sizes: Sizes) -> float:
    """Pixels above the bars of a face: its title and its label."""
    return sizes.pad + 2.0 * sizes.text


def voice_head_height(sizes: Sizes) -> float:
    """Pixels above the bars of a voice: the level meter too."""
    return head_height(sizes) + 1.5 * sizes.text


def _beside(width: int, height: int, picture_px: tuple[int, int]) -> Layout:
    sizes = Sizes.of(width, height)
    gap = sizes.gap
    side = round(min(max(0.275 * width, 15.5 * sizes.text), 0.44 * width))
    x1, x2 = width - gap - side, width - gap
    top, bottom = gap, height - gap
    fixed = together_height(sizes) + head_height(sizes) + voice_head_height(sizes)
    row = (bottom - top - fixed - 2 * gap - 2 * sizes.pad) / (_FACE_ROWS + _VOICE_ROWS)
    row = min(max(row, _SHORTEST_ROW * sizes.text), LONGEST_ROW * sizes.text)
    together = Rect(x1, top, x2, top + round(together_height(sizes)))
    face_end = together.y2 + gap + round(head_height(sizes) + _FACE_ROWS * row + sizes.pad)
    face = Rect(x1, together.y2 + gap, x2, min(face_end, bottom))
    voice_end = face.y2 + gap + round(voice_head_height(sizes) + _VOICE_ROWS * row + sizes.pad)
    voice = Rect(x1, min(face.y2 + gap, bottom), x2, min(max(voice_end, face.y2 + gap), bottom))
    status = Rect(gap, top, x1 - gap, top + round(1.7 * sizes.text))
    area = Rect(gap, status.y2 + gap // 2, x1 - gap, bottom)
    least = round(max(6.2 * sizes.text, 0.16 * height))
    stage_height = min(_height_for(area.width, picture_px), area.height - gap - least)
    stage = Rect(area.x1, area.y1, area.x2, area.y1 + stage_height)
    # The chart takes what the picture leaves, up to a size that is still a strip.
    most = round(0.36 * height)
    chart = Rect(area.x1, max(stage.y2 + gap, bottom - most), area.x2, bottom)
    stage = Rect(stage.x1, stage.y1, stage.x2, chart.y1 - gap)
    return Layout(
        (width, height), sizes, status, stage, fitted(stage, picture_px),
        together, face, voice, chart,
    )  # fmt: skip


def _below(width: int, height: int, picture_px: tuple[int, int]) -> Layout:
    sizes = Sizes.of(width, height)
    gap = sizes.gap
    left, right, bottom = gap, width - gap, height - gap
    status = Rect(left, gap, right, gap + round(1.7 * sizes.text))
    chart_height = round(max(6.2 * sizes.text, 0.13 * height))
    together_px = round(together_height(sizes))
    heads = voice_head_height(sizes) + sizes.pad
    room = bottom - status.y2 - gap // 2 - 3 * gap - chart_height - together_px - heads
    least_rows = _VOICE_ROWS * _SHORTEST_ROW * sizes.text
    wanted = _height_for(right - left, picture_px)
    stage_height = round(max(min(wanted, room - least_rows), 0.22 * height))
    stage = Rect(left, status.y2 + gap // 2, right, status.y2 + gap // 2 + stage_height)
    row = (room - stage_height) / _VOICE_ROWS
    row = min(max(row, _SHORTEST_ROW * sizes.text), LONGEST_ROW * sizes.text)
    together = Rect(left, stage.y2 + gap, right, stage.y2 + gap + together_px)
    half = (right - left - gap) // 2
    end = min(together.y2 + gap + round(heads + _VOICE_ROWS * row), bottom)
    face = Rect(left, together.y2 + gap, left + half, end)
    voice = Rect(right - half, face.y1, right, end)
    chart = Rect(left, min(end + gap, bottom), right, bottom)
    return Layout(
        (width, height), sizes, status, stage, fitted(stage, picture_px),
        together, face, voice, chart,
    )  # fmt: skip


def _height_for(width: int, picture_px: tuple[int, int]) -> int:
    return round(width * picture_px[1] / picture_px[0])


def fitted(stage: Rect, picture_px: tuple[int, int]) -> Rect:
    """The largest rectangle of the picture's proportions in the middle of the stage."""
    scale = min(stage.width / picture_px[0], stage.height / picture_px[1])
    width = max(1, min(stage.width, round(picture_px[0] * scale)))
    height = max(1, min(stage.height, round(picture_px[1] * scale)))
    x = stage.x1 + (stage.width - width) // 2
    y = stage.y1 + (stage.height - height) // 2
    return Rect(x, y, x + width, y + height)
