"""What the decoding process and its parent say to each other.

The child has parsed hostile bytes, so nothing it sends is unpickled or trusted: each message is a
letter and a head of fixed layout, and every size in it is checked before memory is taken.

======  =========  ====================================================  =========================
letter  message    head, little-endian                                   then
======  =========  ====================================================  =========================
``R``   Ready
``O``   Opened     length of the text (uint32)                           JSON
``I``   Picture    height, width (uint32)                                RGB bytes
``F``   Frame      time_s (float64), height, width (uint32)              RGB bytes
``S``   Sound      time_s (float64), samples (uint32)                    float32 samples
``P``   Step       done, total (float64; NaN: not known)
``Z``   Done
``E``   Failed     length of the text (uint32)                           JSON
======  =========  ====================================================  =========================

Requests go the other way as a length (uint32) and JSON. Where that says ``size``, so many bytes of
a medium follow.
"""

from __future__ import annotations

import json
import math
import os
import struct
from dataclasses import dataclass
from io import BufferedIOBase, FileIO, RawIOBase
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from emoscope.media import Frame, Sound
from emoscope.results import Kind

_LENGTH = struct.Struct("<I")
_PICTURE = struct.Struct("<II")
_FRAME = struct.Struct("<dII")
_SOUND = struct.Struct("<dI")
_STEP = struct.Struct("<dd")
_MOST_TEXT = 64 * 1024
_MOST_SAMPLES = 1 << 24
_MOST_PROBLEM = 500  # characters


class WireError(Exception):
    """The child sent something that no child of ours sends."""


@dataclass(frozen=True)
class Ready:
    """The child waits for requests."""


@dataclass(frozen=True)
class Opened:
    """A medium is open; see :class:`emoscope.media.Media`."""

    kind: Kind
    duration_s: float | None
    size_px: tuple[int, int] | None
    has_sound: bool
    frame_rate: float | None


@dataclass(frozen=True, eq=False)
class Picture:
    """The one frame of a picture; the request is finished with it."""

    image_rgb: NDArray[np.uint8]


@dataclass(frozen=True)
class Step:
    """How far the work is; ``total`` None: not known."""

    done: float
    total: float | None


@dataclass(frozen=True)
class Done:
    """The request is finished."""


@dataclass(frozen=True)
class Failed:
    """The request has failed: which kind of error, what was wrong, in one line."""

    error: str
    problem: str
    limit: float | None = None


Message = Ready | Opened | Picture | Frame | Sound | Step | Done | Failed


def send(out: RawIOBase, *messages: Message) -> None:
    """Write messages of the child, all at once: the parent wakes up once for them.

    Raises:
        OSError: the parent has gone.
    """
    _write(out, [part for message in messages for part in _parts(message)])


def _parts(message: Message) -> list[bytes | memoryview]:
    match message:
        case Ready():
            return [b"R"]
        case Opened(kind, duration_s, size_px, has_sound, frame_rate):
            facts = {
                "kind": kind,
                "duration_s": duration_s,
                "size_px": size_px,
                "has_sound": has_sound,
                "frame_rate": frame_rate,
            }
            return [b"O" + _text(facts)]
        case Picture(image_rgb):
            return [b"I" + _PICTURE.pack(*image_rgb.shape[:2]), _bytes_of(image_rgb)]
        case Frame(time_s, image_rgb):
            return [b"F" + _FRAME.pack(time_s, *image_rgb.shape[:2]), _bytes_of(image_rgb)]
        case Sound(time_s, waveform):
            samples = waveform.astype("<f4", copy=False)
            return [b"S" + _SOUND.pack(time_s, len(waveform)), _bytes_of(samples)]
        case Step(done, total):
            return [b"P" + _STEP.pack(done, math.nan if total is None else total)]
        case Done():
            return [b"Z"]
        case Failed(error, problem, limit):
            what = {"error": error, "problem": problem[:_MOST_PROBLEM], "limit": limit}
            return [b"E" + _text(what)]


def receive(source: BufferedIOBase, *, max_pixels: int) -> Message:
    """Read one message of a child.

    Args:
        source: the child's answers.
        max_pixels: the largest frame that it may send.

    Raises:
        EOFError: the child has gone.
        WireError: no child of ours sends this.
    """
    letter = bytes(_exactly(source, 1))
    match letter:
        case b"R":
            return Ready()
        case b"O":
            return _opened(_json(source))
        case b"I":
            height, width = _PICTURE.unpack(_exactly(source, _PICTURE.size))
            return Picture(_pixels(source, height, width, max_pixels))
        case b"F":
            return _frame(source, max_pixels)
        case b"S":
            return _sound(source)
        case b"P":
            done, total = _STEP.unpack(_exactly(source, _STEP.size))
            if not math.isfinite(done) or math.isinf(total):
                raise WireError("progress that is no number")
            return Step(done, None if math.isnan(total) else total)
        case b"Z":
            return Done()
        case b"E":
            return _failed(_json(source))
        case _:
            raise WireError(f"an unknown letter {letter!r}")


def request(out: RawIOBase, what: dict[str, Any], data: bytes | None = None) -> None:
    """Write one request of the parent.

    Args:
        out: the child's requests.
        what: is asked for.
        data: of the medium, where it is in memory.

    Raises:
        OSError: the child has gone.
    """
    if data is None:
        _write(out, [_text(what)])
    else:
        _write(out, [_text({**what, "size": len(data)}), data])


def next_request(source: BufferedIOBase) -> dict[str, Any] | None:
    """Read the next request; None when the parent has gone or wants no more.

    Bytes that follow it are its ``data``.
    """
    try:
        (length,) = _LENGTH.unpack(_exactly(source, _LENGTH.size))
        found: dict[str, Any] = json.loads(bytes(_exactly(source, length)))
        if "size" in found:
            found["data"] = bytes(_exactly(source, found.pop("size")))
    except EOFError:
        return None
    return found


def _text(what: dict[str, Any]) -> bytes:
    data = json.dumps(what).encode()
    return _LENGTH.pack(len(data)) + data


def _bytes_of(values: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(values).data.cast("B")


def _write(out: RawIOBase, parts: list[bytes | memoryview]) -> None:
    rest = [memoryview(part) for part in parts]
    while rest:
        if hasattr(os, "writev") and isinstance(out, FileIO):
            written = os.writev(out.fileno(), rest)
        else:
            written = out.write(rest[0]) or 0
        while rest and written >= len(rest[0]):
            written -= len(rest.pop(0))
        if rest:
            rest[0] = rest[0][written:]


def _exactly(source: BufferedIOBase, size: int) -> bytearray:
    data = bytearray(size)
    _fill(source, memoryview(data))
    return data


def _fill(source: BufferedIOBase, view: memoryview) -> None:
    while view:
        got = source.readinto(view)
        if not got:
            raise EOFError
        view = view[got:]


def _json(source: BufferedIOBase) -> dict[str, Any]:
    (length,) = _LENGTH.unpack(_exactly(source, _LENGTH.size))
    if length > _MOST_TEXT:
        raise WireError(f"a text of {length} bytes")
    try:
        found = json.loads(bytes(_exactly(source, length)))
    except (ValueError, RecursionError) as error:
        raise WireError("a text that is no JSON") from error
    if not isinstance(found, dict):
        raise WireError("a text that is no JSON object")
    return found


def _frame(source: BufferedIOBase, max_pixels: int) -> Frame:
    time_s, height, width = _FRAME.unpack(_exactly(source, _FRAME.size))
    if not _is_time(time_s):
        raise WireError(f"a frame at {time_s}")
    return Frame(time_s, _pixels(source, height, width, max_pixels))


def _pixels(source: BufferedIOBase, height: int, width: int, max_pixels: int) -> NDArray[np.uint8]:
    if not 0 < height * width <= max_pixels:
        raise WireError(f"a frame of {width} x {height}")
    image: NDArray[np.uint8] = np.empty((height, width, 3), dtype=np.uint8)
    _fill(source, image.data.cast("B"))
    return image


def _sound(source: BufferedIOBase) -> Sound:
    time_s, samples = _SOUND.unpack(_exactly(source, _SOUND.size))
    if not _is_time(time_s) or not 0 < samples <= _MOST_SAMPLES:
        raise WireError(f"{samples} samples at {time_s}")
    waveform = np.empty(samples, dtype="<f4")
    _fill(source, waveform.data.cast("B"))
    if not np.isfinite(waveform).all():
        raise WireError("samples that are no numbers")
    return Sound(time_s, waveform.astype(np.float32, copy=False))


def _opened(facts: dict[str, Any]) -> Opened:
    kind, size = facts.get("kind"), facts.get("size_px")
    duration_s, frame_rate = facts.get("duration_s"), facts.get("frame_rate")
    has_sound = facts.get("has_sound")
    whole = kind in get_args(Kind) and isinstance(has_sound, bool)
    whole &= all(v is None or _is_number(v) for v in (duration_s, frame_rate))
    if size is not None:
        whole &= isinstance(size, list) and len(size) == 2
        whole = whole and all(type(side) is int and 0 < side < 2**31 for side in size)
    if not whole:
        raise WireError("a medium that is described badly")
    size_px = None if size is None else (size[0], size[1])
    return Opened(kind, duration_s, size_px, has_sound, frame_rate)  # type: ignore[arg-type]


def _failed(facts: dict[str, Any]) -> Failed:
    error, problem, limit = facts.get("error"), facts.get("problem"), facts.get("limit")
    if not (limit is None or _is_number(limit)):
        raise WireError("a limit that is no number")
    if not isinstance(error, str) or not isinstance(problem, str):
        raise WireError("a failure that is described badly")
    line = " ".join(problem.split())
    plain = "".join(c if c.isprintable() else "�" for c in line)
    return Failed(error, plain[:_MOST_PROBLEM], limit)


def _is_time(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and _is_time(value)  # type: ignore[arg-type]
