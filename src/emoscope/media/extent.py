"""How many bytes a container says it has: a file with fewer has been cut short."""

from __future__ import annotations

import struct
from typing import BinaryIO

# Sizes from here on mean "unknown" in a RIFF header: the program wrote to a pipe.
_RIFF_OPEN_END = 0x7FFF_0000
_MOST_BOXES = 200_000


def declared_bytes(file: BinaryIO, demuxer: str) -> int | None:
    """Where the container's structure ends, by its own account.

    Args:
        file: seekable; its position is changed.
        demuxer: libav's name of the format.

    Returns:
        The number of bytes that an intact file has at least, None where it does not say.
    """
    file.seek(0)
    if demuxer in ("wav", "avi"):
        head = file.read(8)
        size = int.from_bytes(head[4:8], "little")
        return size + 8 if head[:4] == b"RIFF" and 0 < size < _RIFF_OPEN_END else None
    if demuxer == "aiff":
        return int.from_bytes(file.read(8)[4:8], "big") + 8
    if demuxer == "mov":
        return _boxes_end(file)
    if demuxer == "matroska":
        return _segment_end(file)
    return None


def _boxes_end(file: BinaryIO) -> int | None:
    """End of the last top-level box (ISO 14496-12, 4.2)."""
    total = file.seek(0, 2)
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > total:
            break
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1 and len(head) == 16:
            size = struct.unpack(">Q", head[8:])[0]
        if size < 8:
            return None
        at += size
    return at


def _segment_end(file: BinaryIO) -> int | None:
    """End of the first segment (RFC 8794): one element for everything behind the EBML header."""
    head = file.read(4096)
    start = _element_body(head, 0)
    if start is None or start[1] is None:
        return None
    at = start[0] + start[1]
    if head[at : at + 4] != b"\x18\x53\x80\x67":
        return None
    segment = _element_body(head, at)
    return None if segment is None or segment[1] is None else segment[0] + segment[1]


def _element_body(head: bytes, at: int) -> tuple[int, int | None] | None:
    """Where an element with a four-byte name has its content, and how long that is."""
    at += 4
    if at >= len(head) or head[at] == 0:
        return None
    width = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + width], "big") & (1 << 7 * width) - 1
    unknown = value == (1 << 7 * width) - 1
    return at + width, None if unknown else value
