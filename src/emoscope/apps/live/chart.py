"""The last minute as a strip: stacked probabilities of face and all together, the voice's level."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.apps.live.layout import Layout
from emoscope.apps.live.panels import level_share
from emoscope.apps.live.shapes import draw_text_to
from emoscope.apps.live.theme import FAINT, SOFT, TRACK
from emoscope.export.canvas import Canvas, Rect
from emoscope.export.glyphs import text_width
from emoscope.export.palette import Rgb, emotion_colour
from emoscope.labels import SHARED
from emoscope.live.state import LiveState

WINDOW_S = 60.0
_STEP_S = 0.2
_GAP_S = 0.8  # readings further apart are not joined
_MOST = (480, 120)  # columns and rows that are worked out; larger lanes are stretched
_COLOURS = np.array([emotion_colour(name) for name in SHARED], dtype=np.float32)
_GROUND: Rgb = (27, 33, 40)


@dataclass(frozen=True)
class Sample:
    """What held at one time.

    Attributes:
        time_s: when.
        face: probabilities of the leading face over the shared seven; None without a face.
        together: likewise of the fused answer.
        level: of the sound, within [0, 1].
        speaking: somebody spoke.
        voice: label of the voice's last reading; None where there was none.
    """

    time_s: float
    face: tuple[float, ...] | None
    together: tuple[float, ...] | None
    level: float
    speaking: bool
    voice: str | None

    @classmethod
    def of(cls, state: LiveState) -> Sample:
        face = state.leading_face
        return cls(
            state.time_s,
            None if face is None else tuple(face.scores.shared.values()),
            None if state.fused is None else tuple(state.fused.scores.shared.values()),
            level_share(state.level_dbfs),
            state.speaking,
            None if state.voice is None else state.voice.label,
        )


class LastMinute:
    """Samples of the last minute, five in a second; older ones are forgotten."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """In order of time."""
        return tuple(self._samples)

    def push(self, state: LiveState) -> bool:
        """Keep what holds now if the last sample is old enough; whether it was kept."""
        last_s = self._samples[-1].time_s if self._samples else None
        if last_s is not None and state.time_s < last_s:
            self._samples.clear()  # another medium began
        elif last_s is not None and state.time_s - last_s < _STEP_S:
            return False
        self._samples.append(Sample.of(state))
        while self._samples[0].time_s < state.time_s - WINDOW_S - _GAP_S:
            self._samples.popleft()
        return True


def draw_chart(canvas: Canvas, layout: Layout, samples: tuple[Sample, ...]) -> None:
    """Draw into the empty card of the last minute."""
    rect, sizes = layout.chart, layout.sizes
    if rect.width < 4 * sizes.text or rect.height < 2 * sizes.text:
        return
    names = ("face", "voice", "together")
    words = max(text_width(name, sizes.note) for name in names) + 0.7 * sizes.text
    left, right = round(rect.x1 + sizes.pad + words), rect.x2 - sizes.pad
    axis = round(1.5 * sizes.note)
    top, bottom = rect.y1 + round(0.8 * sizes.pad), rect.y2 - axis - round(0.3 * sizes.pad)
    gap = max(2, round(0.3 * sizes.text))
    lane = (bottom - top - 2 * gap) // 3
    if lane < 4 or right - left < 20:
        return
    now_s = samples[-1].time_s if samples else 0.0
    times = np.linspace(now_s - WINDOW_S, now_s, min(right - left, _MOST[0]))
    rows = min(lane, _MOST[1])
    y = top
    for name in names:
        place = Rect(left, y, right, y + lane)
        middle = (place.y1 + place.y2) / 2
        canvas.text(rect.x1 + sizes.pad, middle, name, sizes.note, SOFT)
        if name == "voice":
            picture = _wave(samples, times, rows)
        else:
            values = [s.face if name == "face" else s.together for s in samples]
            picture = _stack([s.time_s for s in samples], values, times, rows)
        size = (place.width, place.height)
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR))
        canvas.image[place.y1 : place.y2, place.x1 : place.x2] = picture
        y += lane + gap
    _draw_axis(canvas, left, right, rect.y2 - 0.25 * sizes.pad - axis / 2, sizes.note, top, bottom)


def _draw_axis(
    canvas: Canvas, left: int, right: int, middle: float, px: float, top: int, bottom: int
) -> None:
    for ago in (60, 45, 30, 15, 0):
        x = round(right - (right - left) * ago / WINDOW_S)
        said = "now" if ago == 0 else f"{ago} s"
        if ago == 0:
            draw_text_to(canvas, right, middle, said, px, FAINT)
            continue
        at = x if ago == 60 else x - text_width(said, px) / 2
        canvas.text(at, middle, said, px, FAINT)
        if ago != 60:
            canvas.rectangle(Rect(x, top, x + 1, bottom), TRACK, 0.5)


def _stack(
    times_s: list[float],
    rows: list[tuple[float, ...] | None],
    columns_s: NDArray[np.float64],
    height: int,
) -> NDArray[np.uint8]:
    """Stacked areas of the seven, (height, columns, 3), with smooth edges."""
    ground = np.full((height, len(columns_s), 3), _GROUND, dtype=np.uint8)
    known = [(time_s, row) for time_s, row in zip(times_s, rows, strict=True) if row is not None]
    if not known:
        return ground
    at = np.array([time_s for time_s, _ in known])
    values = np.array([row for _, row in known])
    shares = np.stack([np.interp(columns_s, at, values[:, k]) for k in range(len(SHARED))])
    ends = np.cumsum(shares, axis=0) * height
    edges = np.concatenate([np.zeros((1, len(columns_s))), ends])
    # How much of each pixel lies below each edge; neighbours' difference is a band's share of it.
    pixels = np.arange(height)[None, :, None]
    below = np.clip(edges[:, None, :] - (height - 1 - pixels), 0.0, 1.0).astype(np.float32)
    picture = np.tensordot(np.diff(below, axis=0), _COLOURS, axes=([0], [0]))
    seen = _near(columns_s, at)
    ground[:, seen] = np.clip(np.rint(picture[:, seen] * 0.94), 0, 255).astype(np.uint8)
    return ground


def _wave(
    samples: tuple[Sample, ...], columns_s: NDArray[np.float64], height: int
) -> NDArray[np.uint8]:
    """The level of the sound about the middle, coloured by what the voice was read as."""
    columns = len(columns_s)
    ground = np.full((height, columns, 3), _GROUND, dtype=np.float32)
    if samples:
        at = np.array([s.time_s for s in samples])
        level = np.interp(columns_s, at, [s.level for s in samples])
        colours = np.array(
            [emotion_colour(s.voice) if s.speaking else (84, 94, 106) for s in samples], np.float32
        )
        nearest = np.clip(np.searchsorted(at, columns_s), 0, len(samples) - 1)
        reach = np.where(_near(columns_s, at), np.maximum(level**1.5 * height, 1.0), 0.0)
        away = np.abs(np.arange(height) + 0.5 - height / 2)[:, None]
        covered = np.where(reach > 0, np.clip(reach / 2 - away + 0.5, 0.0, 1.0), 0.0)
        ground += (colours[nearest][None] - ground) * covered[..., None].astype(np.float32)
    return np.asarray(np.rint(ground), dtype=np.uint8)


def _near(columns_s: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which columns lie between two readings that belong together."""
    after = np.clip(np.searchsorted(at, columns_s), 0, len(at) - 1)
    before = np.clip(after - 1, 0, len(at) - 1)
    within = (columns_s >= at[0] - _STEP_S) & (columns_s <= at[-1] + _STEP_S)
    return np.asarray(within & (at[after] - at[before] <= _GAP_S))
