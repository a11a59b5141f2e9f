"""One picture from bytes to RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.errors import CorruptMediaError, UnsupportedMediaError
from emoscope.media.alpha import over_white
from emoscope.media.animation import decode_gif
from emoscope.media.limits import Limits
from emoscope.media.orientation import upright
from emoscope.media.picture_header import PictureHeader, read_header
from emoscope.media.quiet import quiet_decoders
from emoscope.media.sniff import sniff

_DAMAGED = "the {format} data is damaged or cut short; get a complete copy of the file"


def decode_image(data: bytes, source: str, limits: Limits | None = None) -> NDArray[np.uint8]:
    """Decode a picture, whatever its name says.

    JPEG, PNG, WebP, BMP, GIF and TIFF, AVIF where OpenCV has it. Only the first frame or page is
    read, the EXIF orientation is applied, transparency is laid over white, 16 bits become 8.

    Args:
        data: the whole file.
        source: what to call it in errors.
        limits: the default limits where None; the size in the header is checked before decoding.

    Returns:
        (height, width, 3) uint8 RGB, contiguous.

    Raises:
        UnsupportedMediaError: not a picture that can be read.
        CorruptMediaError: empty, truncated or damaged.
        MediaLimitError: more pixels than allowed.
    """
    limits = limits or Limits()
    found = sniff(data[:65_536], source)
    if found.family != "picture":
        raise UnsupportedMediaError(source, f"{found.name} is not a picture; give a picture")
    return decode_picture(data, source, read_header(data, found.name, source, limits))


def decode_picture(data: bytes, source: str, header: PictureHeader) -> NDArray[np.uint8]:
    """Decode a picture whose header has been read and found within the limits."""
    pixels = decode_gif(data) if header.format == "GIF" else _decode_opencv(data, header)
    if pixels is None:
        raise CorruptMediaError(source, _DAMAGED.format(format=header.format))
    if header.format == "TIFF" and _turned_by_opencv(pixels, header):
        return pixels
    return upright(pixels, header.orientation)


def _turned_by_opencv(pixels: NDArray[np.uint8], header: PictureHeader) -> bool:
    """OpenCV turns a TIFF upright whatever it is told; only a quarter turn left out shows."""
    return header.orientation < 5 or pixels.shape[1::-1] == header.size_px


def _decode_opencv(data: bytes, header: PictureHeader) -> NDArray[np.uint8] | None:
    # OpenCV's own EXIF handling differs between formats and versions: turned off, save for TIFF,
    # where it knows no way.
    flags = cv2.IMREAD_IGNORE_ORIENTATION
    flags = flags | cv2.IMREAD_COLOR_RGB if header.format == "JPEG" else cv2.IMREAD_UNCHANGED
    try:
        with quiet_decoders():
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        if pixels is None or pixels.size == 0:
            return None
        if header.format == "JPEG":
            return np.ascontiguousarray(pixels)
        return _to_rgb(_to_uint8(pixels))
    except (cv2.error, MemoryError, ValueError):
        return None


def _to_uint8(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    if pixels.dtype == np.uint16:
        return np.asarray((pixels.astype(np.uint32) + 128) // 257, dtype=np.uint8)
    values = np.nan_to_num(pixels.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    if not np.issubdtype(pixels.dtype, np.floating):
        # Signed or wide integers have no agreed white: stretch what is there.
        low, high = float(values.min()), float(values.max())
        values = (values - low) / max(high - low, 1.0)
    return np.asarray(np.clip(values, 0.0, 1.0) * 255 + 0.5, dtype=np.uint8)


def _to_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    channels = pixels.shape[2]
    if channels == 2:
        grey = np.repeat(pixels[:, :, :1], 3, axis=2)
        return over_white(grey, pixels[:, :, 1])
    bgr = np.ascontiguousarray(pixels[:, :, :3])
    rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    return over_white(rgb, pixels[:, :, 3]) if channels == 4 else rgb
