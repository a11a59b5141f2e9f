"""What goes over a live socket is checked to the last byte."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")

from emoscope.apps.api.live_messages import (
    FRAME,
    HEADER,
    SOUND,
    Config,
    Jpeg,
    LiveLimits,
    LiveProtocolError,
    Record,
    hello,
    moment,
    parse_binary,
    parse_text,
)
from emoscope.labels import COLOURS, SHARED
from emoscope.live import LiveState
from emoscope.media import Sound

LIMITS = LiveLimits(frame_bytes=100, sound_bytes=100, text_bytes=200)


def binary(kind: int, time_s: float, body: bytes, protocol: int = 1, zero: int = 0) -> bytes:
    return HEADER.pack(kind, protocol, zero, time_s) + body


def text(**fields: Any) -> str:
    return json.dumps(fields)


def test_the_header_has_twelve_bytes() -> None:
    assert HEADER.size == 12
    assert binary(FRAME, 1.5, b"")[:12] == bytes.fromhex("01010000000000000000f83f")


def test_frames_and_sound() -> None:
    assert parse_binary(binary(FRAME, 2.25, b"\xff\xd8\xff\xe0"), LIMITS) == Jpeg(
        2.25, b"\xff\xd8\xff\xe0"
    )
    samples = np.array([0, 16384, -32768], "<i2")
    sound = parse_binary(binary(SOUND, 0.5, samples.tobytes()), LIMITS)
    assert isinstance(sound, Sound)
    assert sound.time_s == 0.5
    assert sound.waveform.dtype == np.float32
    assert sound.waveform.tolist() == [0.0, 0.5, -1.0]


def test_config_and_record() -> None:
    full = text(type="config", protocol=1, voice="key", translate=False, detect_every=3, smooth_s=0)
    assert parse_text(full, LIMITS) == Config(
        voice="key", translate=False, detect_every=3, smooth_s=0.0
    )
    assert parse_text('{"type": "config"}', LIMITS) == Config()
    assert parse_text('{"type": "record"}', LIMITS) == Record(2.0)
    assert parse_text('{"type": "record", "seconds": 1.5}', LIMITS) == Record(1.5)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "bad-message"),
        ("[]", "bad-message"),
        ("[" * 150, "bad-message"),
        ("{}", "bad-message"),
        ('{"type": "moment"}', "bad-message"),
        ('{"type": ["config"]}', "bad-message"),
        ('{"type": "config", "protocol": 2}', "protocol"),
        ('{"type": "config", "voice": "always"}', "bad-config"),
        ('{"type": "config", "voice": ["auto"]}', "bad-config"),
        ('{"type": "config", "translate": 1}', "bad-config"),
        ('{"type": "config", "detect_every": 0}', "bad-config"),
        ('{"type": "config", "detect_every": true}', "bad-config"),
        ('{"type": "config", "smooth_s": NaN}', "bad-config"),
        ('{"type": "config", "smooth_s": "1"}', "bad-config"),
        ('{"type": "config", "path": "/etc"}', "bad-config"),
        ('{"type": "record", "seconds": 1e9}', "bad-config"),
        ('{"type": "record", "more": 1}', "bad-config"),
        ("x" * 201, "message-too-large"),
    ],
)
def test_texts_that_are_refused(message: str, code: str) -> None:
    with pytest.raises(LiveProtocolError) as caught:
        parse_text(message, LIMITS)
    assert caught.value.code == code
    assert json.loads(caught.value.to_json())["code"] == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", "bad-message"),
        (b"\x01\x01\x00", "bad-message"),
        (binary(3, 0.0, b"ab"), "bad-message"),
        (binary(FRAME, 0.0, b"\xff\xd8\xff", protocol=2), "bad-message"),
        (binary(FRAME, 0.0, b"\xff\xd8\xff", zero=1), "bad-message"),
        (binary(FRAME, -1.0, b"\xff\xd8\xff"), "bad-message"),
        (binary(FRAME, float("nan"), b"\xff\xd8\xff"), "bad-message"),
        (binary(SOUND, 1e300, b"ab"), "bad-message"),
        (binary(FRAME, 0.0, b""), "bad-frame"),
        (binary(FRAME, 0.0, b"\x89PNG\r\n\x1a\n"), "bad-frame"),
        (binary(FRAME, 0.0, b"\xff\xd8\xff" + bytes(98)), "frame-too-large"),
        (binary(SOUND, 0.0, b""), "bad-sound"),
        (binary(SOUND, 0.0, b"abc"), "bad-sound"),
        (binary(SOUND, 0.0, bytes(102)), "sound-too-large"),
    ],
)
def test_bytes_that_are_refused(message: bytes, code: str) -> None:
    with pytest.raises(LiveProtocolError) as caught:
        parse_binary(message, LIMITS)
    assert caught.value.code == code
    assert "\n" not in caught.value.message


def test_hello_says_all_that_a_client_needs() -> None:
    said = json.loads(hello({"face": "f@1"}, LIMITS))
    assert (said["type"], said["protocol"], said["models"]) == ("hello", 1, {"face": "f@1"})
    assert said["labels"] == list(SHARED)
    assert said["colours"] == dict(COLOURS)
    assert said["limits"]["frame_bytes"] == 100
    assert said["sample_rate"] == 16_000


def test_a_moment_is_the_state() -> None:
    said = json.loads(moment(LiveState(time_s=1.25), 7))
    assert said.pop("type") == "moment"
    assert said.pop("number") == 7
    assert said == LiveState(time_s=1.25).to_dict()
