"""The eight ways a camera may have been held, and how to turn a picture upright."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Orientation = Literal[1, 2, 3, 4, 5, 6, 7, 8]
"""EXIF 2.32, tag 0x0112: 1 is upright, 6 must be turned clockwise by 90 degrees, and so on."""

_BY_SIGNS: dict[tuple[int, int, int, int], Orientation] = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}


_TURNS: dict[int, Callable[[NDArray[np.uint8]], Any]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.rotate(cv2.transpose(image), cv2.ROTATE_180),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def upright(image: NDArray[np.uint8], orientation: Orientation) -> NDArray[np.uint8]:
    """Turn and mirror a picture as its orientation asks.

    Args:
        image: (height, width, channels) uint8.
        orientation: EXIF code of the stored picture.

    Returns:
        The picture as shown, contiguous; ``image`` itself where nothing is to be done.
    """
    if orientation == 1:
        return image
    turned = _TURNS[orientation](image)
    return np.ascontiguousarray(turned, dtype=np.uint8)


def shown_size(width: int, height: int, orientation: Orientation) -> tuple[int, int]:
    """Width and height after ``upright``."""
    return (height, width) if orientation >= 5 else (width, height)


def of_display_matrix(matrix: bytes) -> Orientation:
    """Orientation nearest to a video's display matrix.

    Args:
        matrix: nine native-endian int32 as in libavutil's ``display.h``: a point (x, y), y down,
            is shown at (a x + c y, b x + d y).
    """
    if len(matrix) < 36:
        return 1
    a, b, _, c, d = struct.unpack("=9i", matrix[:36])[:5]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        signs = (_sign(a), 0, 0, _sign(d))
    else:
        signs = (0, _sign(b), _sign(c), 0)
    return _BY_SIGNS.get(signs, 1)


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
