"""What crosses the pipe: it comes back whole, and nonsense is refused before memory is taken."""

from __future__ import annotations

import contextlib
import io
import math
import os
import struct
import threading
from io import BufferedReader, FileIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.guard import wire
from emoscope.media import Frame, Sound


class Pipe(io.BytesIO):
    """Gives and takes little by little, as pipes do."""

    def write(self, data):
        return super().write(bytes(data)[:7])

    def readinto(self, view):
        return super().readinto(memoryview(view)[:5])


def there_and_back(message: wire.Message, max_pixels: int = 100) -> wire.Message:
    pipe = Pipe()
    wire.send(pipe, message)
    pipe.seek(0)
    found = wire.receive(pipe, max_pixels=max_pixels)
    assert pipe.read() == b""
    return found


@pytest.mark.parametrize(
    "message",
    [
        wire.Ready(),
        wire.Done(),
        wire.Step(1.5, None),
        wire.Step(1.5, 3.0),
        wire.Opened("video", 12.5, (640, 480), True, 29.97),
        wire.Opened("audio", None, None, True, None),
        wire.Failed("CorruptMediaError", "it is cut off", None),
        wire.Failed("MediaLimitError", "too long", 60.0),
    ],
)
def test_messages_come_back_whole(message):
    assert there_and_back(message) == message


def test_frames_and_sound_come_back_to_the_bit():
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    frame = there_and_back(Frame(1.25, image[:, ::-1]))
    assert isinstance(frame, Frame)
    assert frame.time_s == 1.25
    assert (frame.image_rgb == image[:, ::-1]).all()
    waveform = np.linspace(-1, 1, 33, dtype=np.float32)
    sound = there_and_back(Sound(0.5, waveform))
    assert isinstance(sound, Sound)
    assert sound.time_s == 0.5
    assert sound.waveform.dtype == np.float32
    assert (sound.waveform == waveform).all()


def test_a_picture_comes_with_its_facts():
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    facts = wire.Opened("image", 0.0, (5, 4), False, None)
    pipe = Pipe()
    wire.send(pipe, facts, wire.Picture(image))
    pipe.seek(0)
    assert wire.receive(pipe, max_pixels=20) == facts
    found = wire.receive(pipe, max_pixels=20)
    assert isinstance(found, wire.Picture)
    assert (found.image_rgb == image).all()
    assert pipe.read() == b""


def test_what_a_pipe_takes_in_parts_arrives_whole():
    image = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    ours, childs = os.pipe()
    with FileIO(childs, "w") as out, BufferedReader(FileIO(ours)) as source:
        sender = threading.Thread(target=wire.send, args=(out, wire.Picture(image), wire.Done()))
        sender.start()
        found = wire.receive(source, max_pixels=image.size)
        assert isinstance(found, wire.Picture)
        assert (found.image_rgb == image).all()
        assert wire.receive(source, max_pixels=1) == wire.Done()
        sender.join()


def text(what: bytes) -> bytes:
    return struct.pack("<I", len(what)) + what


@pytest.mark.parametrize(
    "data",
    [
        b"?",
        b"I" + struct.pack("<II", 2**31, 2**31),
        b"I" + struct.pack("<II", 11, 10),
        b"I" + struct.pack("<II", 0, 10),
        b"F" + struct.pack("<dII", 0.0, 2**31, 2**31),
        b"F" + struct.pack("<dII", 0.0, 11, 10),
        b"F" + struct.pack("<dII", 0.0, 0, 10),
        b"F" + struct.pack("<dII", math.nan, 2, 2),
        b"F" + struct.pack("<dII", -1.0, 2, 2),
        b"S" + struct.pack("<dI", 0.0, 2**32 - 1),
        b"S" + struct.pack("<dI", math.inf, 1) + b"\0" * 4,
        b"S" + struct.pack("<dIf", 0.0, 1, math.nan),
        b"P" + struct.pack("<dd", math.inf, 1.0),
        b"O" + struct.pack("<I", 2**32 - 1),
        b"O" + text(b"[]"),
        b"O" + text(b"{"),
        b"O" + text(b"[" * 60_000),
        b"O" + text(b'{"kind": "image"}'),
        b"O" + text(b'{"kind": "film", "has_sound": true}'),
        b"O" + text(b'{"kind": "video", "has_sound": true, "size_px": [1, -1]}'),
        b"O" + text(b'{"kind": "video", "has_sound": true, "size_px": "ab"}'),
        b"O" + text(b'{"kind": "video", "has_sound": true, "duration_s": NaN}'),
        b"E" + text(b'{"error": 1, "problem": "x"}'),
        b"E" + text(b'{"error": "x", "problem": "x", "limit": "y"}'),
        b"O\x02\0\0\0\xff\xff",
    ],
)
def test_nonsense_is_refused(data):
    with pytest.raises(wire.WireError):
        wire.receive(Pipe(data), max_pixels=100)


@given(st.binary(max_size=200))
def test_any_bytes_at_all_give_a_message_or_a_refusal(data):
    with contextlib.suppress(wire.WireError, EOFError):
        wire.receive(Pipe(data), max_pixels=100)


def test_problems_are_one_plain_line():
    sent = b'{"error": "x", "problem": "a\\n\\u001b[31mb' + b"c" * 2000 + b'"}'
    found = wire.receive(Pipe(b"E" + text(sent)), max_pixels=1)
    assert isinstance(found, wire.Failed)
    assert found.problem.startswith("a �[31mb")
    assert len(found.problem) == 500
    assert found.problem.isprintable()


def test_requests_end_with_the_parent():
    pipe = Pipe()
    wire.request(pipe, {"do": "read", "path": "/tmp/ä"})
    pipe.seek(0)
    assert wire.next_request(pipe) == {"do": "read", "path": "/tmp/ä"}
    assert wire.next_request(pipe) is None


def test_bytes_go_with_their_request():
    pipe = Pipe()
    wire.request(pipe, {"do": "read"}, b"0123456789")
    wire.request(pipe, {"do": "close"})
    pipe.seek(0)
    assert wire.next_request(pipe) == {"do": "read", "data": b"0123456789"}
    assert wire.next_request(pipe) == {"do": "close"}
