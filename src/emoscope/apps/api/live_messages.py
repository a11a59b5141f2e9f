"""What goes over a live socket: protocol 1, as docs/live-protocol.md describes it.

Nothing here knows of sockets: messages are parsed, checked and made.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope import __version__
from emoscope.labels import COLOURS, SHARED
from emoscope.live.reading import VoiceMode
from emoscope.live.state import LiveState
from emoscope.media import SAMPLE_RATE, Sound

PROTOCOL = 1
HEADER = struct.Struct("<BBHd")
"""Kind (1: frame, 2: sound), protocol, zero, seconds on the client's clock."""
FRAME, SOUND = 1, 2
_JPEG = b"\xff\xd8\xff"
_LATEST_S = 7 * 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class LiveLimits:
    """What one socket, and all together, may take.

    Attributes:
        sockets: sessions at a time.
        frame_bytes: of one JPEG.
        frame_pixels: width times height of one frame.
        frames_per_s: on average; twice as many in one second.
        sound_bytes: of one message.
        text_bytes: of one JSON message.
        ahead_s: how many seconds of sound may come faster than they pass.
        config_s: how long the first message may take.
        idle_s: how long nothing may come.
        session_s: how long a session lasts.
        send_s: how long a client may take to receive a moment.
    """

    sockets: int = 8
    frame_bytes: int = 2**20
    frame_pixels: int = 1920 * 1088
    frames_per_s: float = 60.0
    sound_bytes: int = 2 * SAMPLE_RATE
    text_bytes: int = 4096
    ahead_s: float = 10.0
    config_s: float = 10.0
    idle_s: float = 30.0
    session_s: float = 3600.0
    send_s: float = 10.0


class LiveProtocolError(Exception):
    """A message, or a session, that is against the protocol.

    Attributes:
        code: a word for programs.
        message: one line for people.
        status: that the socket is closed with, see RFC 6455, 7.4.1.
    """

    def __init__(self, code: str, message: str, status: int = 1008) -> None:
        self.code, self.message, self.status = code, message, status
        super().__init__(f"{code}: {message}")

    def to_json(self) -> str:
        """The ``error`` message."""
        return json.dumps({"type": "error", "code": self.code, "message": self.message})


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a client wants; None: as it was.

    Attributes:
        voice: ``auto`` or ``key``.
        translate: translate the side that is missing.
        paused: read nothing of what comes.
        detect_every: faces are searched in every so many frames; in the first message only.
        smooth_s: time constant of the smoothing; in the first message only.
    """

    voice: VoiceMode | None = None
    translate: bool | None = None
    paused: bool | None = None
    detect_every: int | None = None
    smooth_s: float | None = None


@dataclass(frozen=True)
class Record:
    """Read the seconds of voice that follow as one."""

    seconds: float


@dataclass(frozen=True)
class Jpeg:
    """A frame that is not decoded yet; ``time_s`` on the client's clock."""

    time_s: float
    data: bytes


def parse_text(text: str, limits: LiveLimits) -> Config | Record:
    """A JSON message.

    Raises:
        LiveProtocolError: it is no message of this protocol.
    """
    if len(text) > limits.text_bytes:
        raise LiveProtocolError(
            "message-too-large", f"text messages have at most {limits.text_bytes} characters", 1009
        )
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise LiveProtocolError("bad-message", "a text message must be JSON", 1007) from None
    if not isinstance(found, dict):
        raise LiveProtocolError("bad-message", "a text message must be a JSON object", 1007)
    kind = found.pop("type", None)
    if kind == "config":
        return _config(found)
    if kind == "record":
        seconds = found.pop("seconds", 2.0)
        _no_more(found, "record")
        return Record(_number(seconds, "seconds", 0.25, 20.0))
    raise LiveProtocolError("bad-message", "the type of a message is config or record")


def _config(found: dict[str, Any]) -> Config:
    protocol = found.pop("protocol", PROTOCOL)
    if protocol != PROTOCOL:
        raise LiveProtocolError(
            "protocol", f"this service speaks protocol {PROTOCOL}; use a client that does"
        )
    known = {field.name for field in fields(Config)}
    values = {name: found.pop(name) for name in list(found) if name in known}
    _no_more(found, "config")
    if values.get("voice") not in (None, "auto", "key"):
        raise LiveProtocolError("bad-config", "voice is auto or key")
    for name in ("translate", "paused"):
        if not isinstance(values.get(name), bool | None):
            raise LiveProtocolError("bad-config", f"{name} is true or false")
    if values.get("detect_every") is not None:
        values["detect_every"] = round(_number(values["detect_every"], "detect_every", 1, 100))
    if values.get("smooth_s") is not None:
        values["smooth_s"] = _number(values["smooth_s"], "smooth_s", 0.0, 10.0)
    return Config(**values)


def _no_more(found: dict[str, Any], kind: str) -> None:
    if found:
        name = str(next(iter(found)))[:40]
        raise LiveProtocolError("bad-config", f"{kind} has no field {name!r}")


def _number(value: object, name: str, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise LiveProtocolError("bad-config", f"{name} is a number from {least:g} to {most:g}")
    return float(value)


def parse_binary(data: bytes, limits: LiveLimits) -> Jpeg | Sound:
    """A frame or a stretch of sound; times as the client sent them.

    Raises:
        LiveProtocolError: it is neither, or too large.
    """
    if len(data) < HEADER.size:
        raise LiveProtocolError("bad-message", f"a binary message begins with {HEADER.size} bytes")
    kind, protocol, zero, time_s = HEADER.unpack_from(data)
    if protocol != PROTOCOL or zero != 0:
        raise LiveProtocolError(
            "bad-message", f"the header of protocol {PROTOCOL} is kind, 1, 0, 0"
        )
    if not (math.isfinite(time_s) and 0 <= time_s <= _LATEST_S):
        raise LiveProtocolError("bad-message", "a time is in seconds from 0, of this week")
    body = data[HEADER.size :]
    if kind == FRAME:
        if len(body) > limits.frame_bytes:
            raise LiveProtocolError(
                "frame-too-large", f"a frame has at most {limits.frame_bytes} bytes", 1009
            )
        if not body.startswith(_JPEG):
            raise LiveProtocolError("bad-frame", "a frame is a JPEG picture")
        return Jpeg(time_s, body)
    if kind == SOUND:
        if len(body) > limits.sound_bytes:
            raise LiveProtocolError(
                "sound-too-large",
                f"a stretch of sound has at most {limits.sound_bytes} bytes",
                1009,
            )
        if not body or len(body) % 2:
            raise LiveProtocolError("bad-sound", "sound is s16le at 16 kHz, one channel")
        return Sound(time_s, _waveform(body))
    raise LiveProtocolError("bad-message", f"kind {kind} is neither a frame (1) nor sound (2)")


def _waveform(body: bytes) -> NDArray[np.float32]:
    return np.frombuffer(body, "<i2").astype(np.float32) / np.float32(32768)


def hello(models: dict[str, str], limits: LiveLimits) -> str:
    """The first message of the service."""
    return json.dumps(
        {
            "type": "hello",
            "protocol": PROTOCOL,
            "program": f"emoscope {__version__}",
            "models": models,
            "labels": list(SHARED),
            "colours": dict(COLOURS),
            "sample_rate": SAMPLE_RATE,
            "limits": {field.name: getattr(limits, field.name) for field in fields(limits)},
        }
    )


def moment(state: LiveState, number: int) -> str:
    """What holds now, the ``number``-th message of its kind."""
    return json.dumps({"type": "moment", "number": number, **state.to_dict()})
