"""Size and orientation of a picture from its header, before anything is decoded."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from emoscope.errors import CorruptMediaError, MediaLimitError
from emoscope.media.limits import Limits
from emoscope.media.orientation import Orientation, shown_size

_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_JPEG_SIZE = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# In coded data 0xFF is followed by 0x00 or a restart marker; anything else ends the scan.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_TIFF_TYPE_BYTES = {1: 1, 3: 2, 4: 4, 16: 8}


class _BrokenHeader(Exception):  # noqa: N818 - never leaves this module
    """The header ends early or contradicts itself; the message says how."""


@dataclass(frozen=True)
class PictureHeader:
    """What a picture says of itself.

    Attributes:
        format: ``JPEG``, ``PNG``, ``WebP``, ``BMP``, ``GIF``, ``TIFF`` or ``AVIF``.
        width: stored pixels per row.
        height: stored rows.
        orientation: EXIF orientation, 1 where there is none.
    """

    format: str
    width: int
    height: int
    orientation: Orientation = 1

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height as shown."""
        return shown_size(self.width, self.height, self.orientation)


def read_header(data: bytes, format: str, source: str, limits: Limits) -> PictureHeader:  # noqa: A002
    """Read size and orientation and hold them against the limits.

    Args:
        data: the whole file.
        format: what ``sniff`` found.
        source: what to call the picture in errors.
        limits: the largest number of pixels.

    Raises:
        CorruptMediaError: the header is damaged, or a JPEG or PNG ends early.
        MediaLimitError: more pixels than allowed.
    """
    try:
        width, height, orientation = _READERS[format](data)
    except (_BrokenHeader, struct.error, IndexError) as error:
        detail = str(error) if isinstance(error, _BrokenHeader) else "its header is cut short"
        raise CorruptMediaError(
            source, f"damaged or truncated {format}: {detail}; get a complete copy of the file"
        ) from None
    check_pixels(width, height, source, limits)
    return PictureHeader(format, width, height, orientation)


def check_pixels(width: int, height: int, source: str, limits: Limits) -> None:
    """Raise where a picture or frame is larger than allowed.

    Raises:
        MediaLimitError: more pixels than allowed.
    """
    if width * height > limits.max_pixels:
        raise MediaLimitError(
            source,
            f"{width} x {height} pixels are more than the {limits.max_pixels:,} allowed; "
            "raise the pixel limit or make it smaller",
            limits.max_pixels,
        )


def _positive(width: int, height: int) -> tuple[int, int]:
    if width <= 0 or height <= 0:
        raise _BrokenHeader(f"it says {width} x {height} pixels")
    return width, height


def _jpeg(data: bytes) -> tuple[int, int, Orientation]:
    size: tuple[int, int] | None = None
    orientation: Orientation = 1
    at = 2
    while True:
        found = _JPEG_MARKER.search(data, at)
        if found is None:
            raise _BrokenHeader("it ends before the end of the picture")
        marker, at = data[found.start() + 1], found.end()
        if marker == 0xD9:
            if size is None:
                raise _BrokenHeader("it holds no picture")
            return *size, orientation
        if marker in _JPEG_STANDALONE:
            continue
        length = struct.unpack_from(">H", data, at)[0]
        if marker in _JPEG_SIZE:
            height, width = struct.unpack_from(">HH", data, at + 3)
            first = size or (0, 0)
            size = _positive(max(width, first[0]), max(height, first[1]))
        elif marker == 0xE1 and data[at + 2 : at + 8] == b"Exif\0\0" and orientation == 1:
            orientation = _exif_orientation(data[at + 8 : at + length])
        at += max(length, 2)


def _png(data: bytes) -> tuple[int, int, Orientation]:
    orientation: Orientation = 1
    if data[12:16] != b"IHDR":
        raise _BrokenHeader("its header is missing")
    width, height = _positive(*struct.unpack_from(">II", data, 16))
    at = 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise _BrokenHeader("it ends before the end of the picture")
        if kind == b"IEND":
            return width, height, orientation
        if kind == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length])
        at += 12 + length


def _webp(data: bytes) -> tuple[int, int, Orientation]:
    width = height = 0
    orientation: Orientation = 1
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise _BrokenHeader("it ends before the end of the picture")
    at = 12
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        body = at + 8
        if kind == b"VP8X":
            packed = int.from_bytes(data[body + 4 : body + 10], "little")
            found = (packed & 0xFFFFFF) + 1, (packed >> 24) + 1
        elif kind == b"VP8 ":
            w, h = struct.unpack_from("<HH", data, body + 6)
            found = w & 0x3FFF, h & 0x3FFF
        elif kind == b"VP8L":
            bits = struct.unpack_from("<I", data, body + 1)[0]
            found = (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
        else:
            found = 0, 0
            if kind == b"EXIF":
                block = data[body : body + length]
                orientation = _exif_orientation(block.removeprefix(b"Exif\0\0"))
        width, height = max(width, found[0]), max(height, found[1])
        at = body + length + (length & 1)
    return *_positive(width, height), orientation


def _bmp(data: bytes) -> tuple[int, int, Orientation]:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return *_positive(width, abs(height)), 1


def _gif(data: bytes) -> tuple[int, int, Orientation]:
    size = _positive(*struct.unpack_from("<HH", data, 6))
    at = 13 + _gif_table_bytes(data[10])
    # Walk to the end of the first frame: libav fills what is missing with grey.
    while True:
        kind = data[at]
        if kind == 0x2C:
            width, height = struct.unpack_from("<HH", data, at + 5)
            _gif_blocks_end(data, at + 11 + _gif_table_bytes(data[at + 9]))
            return max(size[0], width), max(size[1], height), 1
        if kind != 0x21:
            raise _BrokenHeader("it holds no picture")
        at = _gif_blocks_end(data, at + 2)


def _gif_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks_end(data: bytes, at: int) -> int:
    while length := data[at]:
        at += 1 + length
    return at + 1


def _tiff(data: bytes) -> tuple[int, int, Orientation]:
    tags = _tiff_tags(data)
    if 256 not in tags or 257 not in tags:
        raise _BrokenHeader("it does not say its size")
    orientation = tags.get(274, 1)
    return *_positive(tags[256], tags[257]), _orientation(orientation)


def _avif(data: bytes) -> tuple[int, int, Orientation]:
    # Every image's extent stands in an `ispe` property; the largest is the one to fear.
    sizes = []
    at = data.find(b"ispe")
    while at >= 0:
        sizes.append(struct.unpack_from(">II", data, at + 8))
        at = data.find(b"ispe", at + 4)
    if not sizes:
        raise _BrokenHeader("it does not say its size")
    return *_positive(*max(sizes, key=lambda size: size[0] * size[1])), 1


def _exif_orientation(block: bytes) -> Orientation:
    try:
        return _orientation(_tiff_tags(block).get(274, 1))
    except (_BrokenHeader, struct.error, IndexError):
        return 1


def _orientation(value: int) -> Orientation:
    return value if value in (1, 2, 3, 4, 5, 6, 7, 8) else 1  # type: ignore[return-value]


def _tiff_tags(block: bytes) -> dict[int, int]:
    """First value of each whole-number tag of the first directory (TIFF 6.0 and BigTIFF)."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        raise _BrokenHeader("its byte order mark is wrong")
    version = struct.unpack_from(order + "H", block, 2)[0]
    if version == 43:
        start = struct.unpack_from(order + "Q", block, 8)[0]
        count, start = struct.unpack_from(order + "Q", block, start)[0], start + 8
        entry, value_at = 20, 12
    else:
        start = struct.unpack_from(order + "I", block, 4)[0]
        count, start = struct.unpack_from(order + "H", block, start)[0], start + 2
        entry, value_at = 12, 8
    tags: dict[int, int] = {}
    for index in range(min(count, 4096)):
        at = start + entry * index
        tag, kind = struct.unpack_from(order + "HH", block, at)
        if kind in _TIFF_TYPE_BYTES and tag not in tags:
            letter = {1: "B", 2: "H", 4: "I", 8: "Q"}[_TIFF_TYPE_BYTES[kind]]
            if value_at + _TIFF_TYPE_BYTES[kind] <= entry:
                tags[tag] = struct.unpack_from(order + letter, block, at + value_at)[0]
    return tags


_READERS = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WebP": _webp,
    "BMP": _bmp,
    "GIF": _gif,
    "TIFF": _tiff,
    "AVIF": _avif,
}
