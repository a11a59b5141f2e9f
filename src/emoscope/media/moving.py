"""Decoded video frames to upright RGB at a steady rate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from emoscope.media.orientation import Orientation, of_display_matrix, upright


class FrameGrid:
    """Chooses frames: the first, then the first at or after each next multiple of ``1 / fps``.

    The grid is anchored at the first frame, so the choice depends on time stamps alone and does
    not drift, however irregular they are.
    """

    def __init__(self, fps: float | None) -> None:
        if fps is not None and not (math.isfinite(fps) and fps > 0):
            raise ValueError(f"expected fps > 0 or None, got {fps}")
        self._fps = fps
        self._first_s: float | None = None
        self._next_step = 0

    def takes(self, time_s: float) -> bool:
        """Whether the frame at this time is wanted; call once per frame, in order."""
        if self._fps is None:
            return True
        if self._first_s is None:
            self._first_s = time_s
        # Time stamps are rounded (to 1 ms in Matroska): a hair too early is on time.
        step = math.floor((time_s - self._first_s + 0.001) * self._fps)
        if step < self._next_step:
            return False
        self._next_step = step + 1
        return True


class RgbConverter:
    """Turns decoded frames into upright RGB, keeping the scaler between frames."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._turned: tuple[int, Orientation] | None = None

    def convert(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Give (height, width, 3) uint8, contiguous, as a player shows it."""
        rgb = self._reformatter.reformat(frame, format="rgb24")
        pixels = np.asarray(rgb.to_ndarray(), dtype=np.uint8)
        # PyAV ties a frame whose side data were looked at to itself: its picture would stay until
        # the garbage collector comes by, some hundred frames later.
        if self._turned is None or self._turned[0] != frame.rotation:
            self._turned = (frame.rotation, frame_orientation(frame))
        return upright(np.ascontiguousarray(pixels), self._turned[1])


def frame_orientation(frame: VideoFrame) -> Orientation:
    """How a frame must be turned, from the display matrix that came with it."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    return 1 if matrix is None else of_display_matrix(bytes(matrix))
