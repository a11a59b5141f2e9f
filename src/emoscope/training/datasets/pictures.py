"""One labelled picture from file to pixels, within the limits of any other picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import CorruptMediaError, UnsupportedMediaError
from emoscope.face.crop import crop_regions
from emoscope.media import Frame, open_media


def read_picture(path: Path, side: int | None = None) -> NDArray[np.uint8]:
    """Decode a picture.

    Args:
        path: the file.
        side: width and height that it must have, in pixels; other pictures are not decoded.

    Returns:
        ``(height, width, 3)`` uint8 RGB.

    Raises:
        MediaError: not a picture, damaged, too large, or of another size.
    """
    with open_media(path) as media:
        if media.kind != "image":
            raise UnsupportedMediaError(str(path), "not a picture")
        if side is not None and media.size_px != (side, side):
            size = "×".join(map(str, media.size_px or ()))
            raise UnsupportedMediaError(str(path), f"expected {side}×{side} pixels, found {size}")
        try:
            frame = next(iter(media.read()))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise CorruptMediaError(str(path), f"cannot be read ({reason})") from None
    assert isinstance(frame, Frame)
    return frame.image_rgb


def scaled(crops: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Crops ``(n, side, side)`` at the model's size, scaled as crops are in use."""
    side = crops.shape[1]
    if side == size:
        return crops
    whole = [(0.0, 0.0, float(side), float(side))]
    made = np.empty((len(crops), size, size), np.uint8)
    for row, crop in enumerate(crops):
        made[row] = crop_regions(crop, whole, size)[0]
    return made
