"""A recording as a picture: its outline, the readings along it, and their probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from emoscope.export.annotate import FaceStyle, draw_label, label_words
from emoscope.export.canvas import Canvas, Rect
from emoscope.export.glyphs import shortened, text_width
from emoscope.export.outline import ENVELOPE_COLUMNS, envelope
from emoscope.export.palette import PAPER, QUIET, Rgb, emotion_colour
from emoscope.results import Analysis, VoiceEmotion, clock

__all__ = ["ENVELOPE_COLUMNS", "draw_timeline", "envelope"]

_GROUND: Rgb = (18, 22, 27)
_LANE: Rgb = (26, 31, 38)
_IDLE: Rgb = (92, 101, 112)
_EDGE, _TITLE_Y = 56, 62
_HEIGHT, _HEIGHT_WITHOUT_VOICE = 706, 476
_WAVE = (150, 390)
_AXIS_Y = 412
_STACK = (470, 600)
_LEGEND_Y = 650
_TITLE_PX, _TEXT_PX, _LABEL_PX, _TICK_PX = 30.0, 19.0, 20.0, 17.0
_TICK_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


def draw_timeline(analysis: Analysis, waveform_envelope: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Draw a recording from start to end.

    Args:
        analysis: what was read from it.
        waveform_envelope: (n, 2) least and greatest sample of n equal parts, within [-1, 1]; each
            is one column of pixels.

    Returns:
        (706, n + 112, 3) uint8 RGB, at least 912 wide; 476 high where there is no voice.

    Raises:
        ValueError: the outline has another shape.
    """
    outline = np.asarray(waveform_envelope, dtype=np.float64)
    if outline.ndim != 2 or outline.shape[1] != 2 or not len(outline):
        raise ValueError(f"expected an (n, 2) outline, got {outline.shape}")
    columns = max(800, len(outline))
    height = _HEIGHT if analysis.voice else _HEIGHT_WITHOUT_VOICE
    image = np.full((height, columns + 2 * _EDGE, 3), _GROUND, dtype=np.uint8)
    end_s = max([analysis.duration_s, *(v.end_s for v in analysis.voice), 1e-3])
    lanes = _Lanes(Canvas(image), analysis, end_s, Rect(_EDGE, 0, _EDGE + columns, height))
    lanes.draw_title()
    lanes.draw_wave(outline)
    lanes.draw_axis()
    if analysis.voice:
        lanes.draw_stack()
        lanes.draw_legend()
    return image


@dataclass(frozen=True)
class _Lanes:
    canvas: Canvas
    analysis: Analysis
    end_s: float
    area: Rect

    def _x(self, time_s: float) -> int:
        return self.area.x1 + round(self.area.width * time_s / self.end_s)

    def _span(self, voice: VoiceEmotion, lane: tuple[int, int]) -> Rect:
        """The pixels of a reading, with a hair of space to the next one."""
        left, right = self._x(voice.start_s), self._x(voice.end_s)
        inset = 1 if right - left > 4 else 0
        return Rect(left + inset, lane[0], max(right - inset, left + inset + 1), lane[1])

    def draw_title(self) -> None:
        facts = self._facts()
        room = self.area.width - text_width(facts, _TEXT_PX) - 40
        name = shortened(PurePath(self.analysis.source).name, _TITLE_PX, room, "bold")
        self.canvas.text(self.area.x1, _TITLE_Y, name, _TITLE_PX, PAPER, "bold")
        right = self.area.x2 - text_width(facts, _TEXT_PX)
        self.canvas.text(right, _TITLE_Y, facts, _TEXT_PX, QUIET)

    def _facts(self) -> str:
        voice = self.analysis.voice
        seconds = self.analysis.duration_s
        facts = [f"{seconds:.1f} s" if seconds < 60 else clock(seconds)]
        if voice:
            seconds = sum(v.end_s - v.start_s for v in voice)
            facts.append(f"{seconds:.1f} s of speech")
            facts.append(f"{len(voice)} reading{'s' if len(voice) != 1 else ''}")
        return "  ·  ".join(facts)

    def draw_wave(self, outline: NDArray[np.float64]) -> None:
        lane = Rect(self.area.x1, _WAVE[0], self.area.x2, _WAVE[1])
        self.canvas.rounded(lane, 10, _LANE)
        ink = np.full((self.area.width, 3), _IDLE, dtype=np.uint8)
        for voice in self.analysis.voice:
            span = self._span(voice, _WAVE)
            colour = emotion_colour(voice.scores.top)
            self.canvas.rounded(span, 10, colour, 0.16)
            ink[span.x1 - lane.x1 : span.x2 - lane.x1] = colour
        self._draw_outline(outline, lane, ink)
        for voice in self.analysis.voice:
            self._draw_span_label(voice)
        if not self.analysis.voice:
            words = "no speech found" if self.analysis.has_sound else "no sound"
            width, height = round(text_width(words, _LABEL_PX) + 36), 40
            x, y = (lane.x1 + lane.x2 - width) // 2, (lane.y1 + lane.y2 - height) // 2
            self.canvas.rounded(Rect(x, y, x + width, y + height), 20, _GROUND, 0.85)
            self.canvas.text(x + 18, y + 20, words, _LABEL_PX, QUIET)

    def _draw_outline(
        self, outline: NDArray[np.float64], lane: Rect, ink: NDArray[np.uint8]
    ) -> None:
        """Fill between least and greatest, soft at the edges, as loud as the lane is high."""
        if len(outline) != lane.width:
            at = np.minimum(np.arange(lane.width) * len(outline) // lane.width, len(outline) - 1)
            outline = outline[at]
        # A quiet recording is drawn larger, though not noise as if it were speech.
        loudest = max(float(np.abs(outline).max()), 0.05)
        scaled = np.clip(outline / loudest, -1, 1) * (lane.height / 2 - 22)
        top, bottom = -scaled[:, 1] - 0.75, -scaled[:, 0] + 0.75
        row = np.arange(lane.height)[:, None] + 0.5 - lane.height / 2
        share = np.clip(row - top + 0.5, 0, 1) * np.clip(bottom - row + 0.5, 0, 1)
        target = self.canvas.image[lane.y1 : lane.y2, lane.x1 : lane.x2]
        under = target.astype(np.float32)
        under += (ink[None].astype(np.float32) - under) * share[:, :, None]
        target[:] = (under + 0.5).astype(np.uint8)

    def _draw_span_label(self, voice: VoiceEmotion) -> None:
        """Name a reading above its stretch: in full, the word alone, or not at all."""
        style = FaceStyle(_LABEL_PX)
        span = self._span(voice, _WAVE)
        word, share = label_words(voice.scores)
        for words in ((word, share), (word, "")):
            width, height = style.label_size(*words)
            if width <= span.width:
                top = _WAVE[0] - height - 10
                rect = Rect(span.x1, top, span.x1 + width, top + height)
                draw_label(self.canvas, rect, words, emotion_colour(voice.scores.top), _LABEL_PX)
                return
        marker = Rect(span.x1, _WAVE[0] - 16, span.x2, _WAVE[0] - 10)
        self.canvas.rounded(marker, 3, emotion_colour(voice.scores.top))

    def draw_axis(self) -> None:
        widest = text_width("0:00:00", _TICK_PX) * 2
        step_s = next(
            (s for s in _TICK_STEPS_S if s / self.end_s * self.area.width >= widest),
            _TICK_STEPS_S[-1],
        )
        for index in range(int(self.end_s / step_s + 1e-9) + 1):
            x = self._x(index * step_s)
            self.canvas.rectangle(Rect(x, _AXIS_Y - 12, x + 2, _AXIS_Y - 4), _IDLE)
            words = clock(index * step_s, step_s)
            start = x + 1 - text_width(words, _TICK_PX) / 2
            last = self.area.x2 + _EDGE - 8 - text_width(words, _TICK_PX)
            self.canvas.text(min(start, last), _AXIS_Y + 12, words, _TICK_PX, QUIET)

    def draw_stack(self) -> None:
        """Each reading as a column of its probabilities, in the order of the labels."""
        lane = Rect(self.area.x1, _STACK[0], self.area.x2, _STACK[1])
        self.canvas.rounded(lane, 10, _LANE)
        for voice in self.analysis.voice:
            span = self._span(voice, _STACK)
            edges = np.cumsum([0.0, *voice.scores.probabilities]) / sum(voice.scores.probabilities)
            rows = np.rint(np.clip(edges, 0, 1) * span.height).astype(int)
            column = np.empty((span.height, span.width, 3), dtype=np.uint8)
            for label, upper, lower in zip(voice.scores.labels, rows, rows[1:], strict=False):
                column[upper:lower] = emotion_colour(label)
            self._paste_rounded(column, span, 6)

    def _paste_rounded(self, picture: NDArray[np.uint8], rect: Rect, radius: float) -> None:
        target = self.canvas.image[rect.y1 : rect.y2, rect.x1 : rect.x2]
        under = target.copy()
        target[:] = picture[:, : target.shape[1]]
        cut = Canvas(np.zeros_like(target))
        cut.rounded(Rect(0, 0, target.shape[1], rect.height), radius, PAPER)
        mask = cut.image[:, :, :1].astype(np.float32) / 255
        target[:] = np.rint(target * mask + under * (1 - mask)).astype(np.uint8)

    def draw_legend(self) -> None:
        labels = dict.fromkeys(
            label for voice in self.analysis.voice for label in voice.scores.labels
        )
        x = float(self.area.x1)
        for label in labels:
            top = _LEGEND_Y - 6
            dot = Rect(round(x), top, round(x) + 12, top + 12)
            self.canvas.rounded(dot, 6, emotion_colour(label))
            self.canvas.text(x + 20, _LEGEND_Y, label, _TEXT_PX, QUIET)
            x += 20 + text_width(label, _TEXT_PX) + 30
