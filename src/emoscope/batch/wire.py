"""How a run and its workers talk: JSON with bytes after it, over pipes; nothing is unpickled."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

_HEAD = struct.Struct(">IQ")


def send(pipe: BinaryIO, message: dict[str, Any], blob: bytes = b"") -> None:
    """Write one message; raises ``OSError`` where nobody reads it."""
    # Plain ASCII: a file name that is no text passes as \udc80 and comes out as it was.
    text = json.dumps(message).encode("ascii")
    pipe.write(_HEAD.pack(len(text), len(blob)) + text + blob)
    pipe.flush()


def receive(pipe: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next message, or None where the other side has gone, also in the middle of one."""
    head = _exactly(pipe, _HEAD.size)
    if head is None:
        return None
    length, extra = _HEAD.unpack(head)
    text, blob = _exactly(pipe, length), _exactly(pipe, extra)
    if text is None or blob is None:
        return None
    message: dict[str, Any] = json.loads(text)
    return message, blob


def _exactly(pipe: BinaryIO, size: int) -> bytes | None:
    data = pipe.read(size)
    return data if len(data) == size else None
