"""The voice of a video: a slim strip along its lower edge."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emoscope.export.annotate import FaceStyle, label_words
from emoscope.export.canvas import Canvas, Rect
from emoscope.export.glyphs import text_width
from emoscope.export.palette import PANEL, PAPER, QUIET, emotion_colour
from emoscope.results import VoiceEmotion


class VoiceStrip:
    """Names the voice that is heard and shows where speech lies in the whole video.

    Args:
        voice: the readings, in order of time.
        duration_s: length of the video.
        size_px: its width and height.
    """

    def __init__(
        self, voice: Sequence[VoiceEmotion], duration_s: float, size_px: tuple[int, int]
    ) -> None:
        self._voice = voice
        self._starts = [reading.start_s for reading in voice]
        self._end_s = max(duration_s, max((v.end_s for v in voice), default=0.0), 1e-6)
        self._px = max(9.0, round(0.78 * FaceStyle.of(size_px, []).text_px * 2) / 2)
        self._bar = max(2, round(0.2 * self._px))

    @property
    def height(self) -> int:
        """Rows that the strip covers."""
        return round(2.1 * self._px) + self._bar

    def at(self, time_s: float) -> VoiceEmotion | None:
        """The reading of the speech heard at a time."""
        index = bisect_right(self._starts, time_s) - 1
        if index < 0 or time_s > self._voice[index].end_s:
            return None
        return self._voice[index]

    def draw(self, image_rgb: NDArray[np.uint8], time_s: float) -> None:
        """Draw the strip of one moment into a frame, (height, width, 3) uint8."""
        canvas, px = Canvas(image_rgb), self._px
        width, height = canvas.size
        canvas.rectangle(Rect(0, height - self.height, width, height), PANEL, 0.68)
        middle = height - self._bar - 1.05 * px
        x = 0.9 * px
        canvas.text(x, middle, "voice", px, QUIET)
        x += text_width("voice", px) + 0.9 * px
        heard = self.at(time_s)
        if heard is None:
            canvas.text(x, middle, "–", px, QUIET)
        else:
            self._name(canvas, heard, x, middle)
        self._draw_speech(canvas, time_s)

    def _name(self, canvas: Canvas, heard: VoiceEmotion, x: float, middle: float) -> None:
        px, (word, share) = self._px, label_words(heard.scores)
        dot = max(4, round(0.62 * px))
        left, top = round(x), round(middle - dot / 2)
        fill = emotion_colour(heard.scores.top)
        canvas.rounded(Rect(left, top, left + dot, top + dot), dot / 2, fill)
        x += dot + 0.45 * px
        canvas.text(x, middle, word, px, PAPER, "bold")
        x += text_width(word, px, "bold") + 0.4 * px
        canvas.text(x, middle, share, px, PAPER)

    def _draw_speech(self, canvas: Canvas, time_s: float) -> None:
        width, height = canvas.size
        top = height - self._bar
        now = round(width * min(max(time_s / self._end_s, 0.0), 1.0))
        for reading in self._voice:
            left = round(width * reading.start_s / self._end_s)
            right = max(left + 1, round(width * reading.end_s / self._end_s))
            fill = emotion_colour(reading.scores.top)
            past = min(max(now, left), right)
            canvas.rectangle(Rect(left, top, past, height), fill)
            canvas.rectangle(Rect(past, top, right, height), fill, 0.4)
        tick = max(2, self._bar // 2)
        left = min(max(now - tick // 2, 0), width - tick)
        canvas.rectangle(Rect(left, top - self._bar, left + tick, height), PAPER)
