"""Builders of small media that are odd in one way each."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def tone() -> Callable[..., NDArray[np.float32]]:
    """Builder: ``tone(seconds, rate=16_000, hz=440.0, level=0.5)``."""

    def build(
        seconds: float, rate: int = 16_000, hz: float = 440.0, level: float = 0.5
    ) -> NDArray[np.float32]:
        time_s = np.arange(round(seconds * rate)) / rate
        return (level * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)

    return build


@pytest.fixture
def four_corners() -> NDArray[np.uint8]:
    """A picture, 96 wide and 64 high, whose corners tell how it was turned.

    Top left red, top right green, bottom left blue, bottom right white.
    """
    image = np.zeros((64, 96, 3), dtype=np.uint8)
    image[:32, :48] = (255, 0, 0)
    image[:32, 48:] = (0, 255, 0)
    image[32:, :48] = (0, 0, 255)
    image[32:, 48:] = (255, 255, 255)
    return image


@pytest.fixture
def corner_names() -> Callable[[NDArray[np.uint8]], str]:
    """Reads the corners of a turned ``four_corners``: top left, top right, bottom left, right."""
    names = {"R": (255, 0, 0), "G": (0, 255, 0), "B": (0, 0, 255), "W": (255, 255, 255)}

    def read(image: NDArray[np.uint8]) -> str:
        height, width = image.shape[:2]
        picked = ""
        for y in (height // 4, 3 * height // 4):
            for x in (width // 4, 3 * width // 4):
                pixel = image[y, x].astype(int)
                picked += min(names, key=lambda n: float(np.abs(pixel - names[n]).sum()))
        return picked

    return read


@pytest.fixture
def make_audio() -> Callable[..., Path]:
    """Builder: ``make_audio(path, waveform, rate, codec, options=None)`` through PyAV.

    The container follows the suffix. ``start`` moves the time stamps, in samples.
    """

    def build(
        path: Path,
        waveform: NDArray[Any],
        rate: int,
        codec: str,
        *,
        layout: str = "",
        start: int = 0,
        holes: tuple[int, ...] = (),
    ) -> Path:
        import av

        samples = np.asarray(waveform, dtype=np.float32).reshape(len(waveform), -1)
        layout = layout or ("stereo" if samples.shape[1] == 2 else "mono")
        with av.open(str(path), "w") as container:
            track: Any = container.add_stream(codec, rate=rate, layout=layout)
            if codec.startswith("wma"):
                track.bit_rate = 128_000
            step = 1024
            for at in range(0, len(samples), step):
                if at // step in holes:
                    continue
                piece = np.ascontiguousarray(samples[at : at + step].reshape(1, -1))
                frame = av.AudioFrame.from_ndarray(piece, format="flt", layout=layout)
                frame.sample_rate = rate
                frame.time_base = Fraction(1, rate)
                frame.pts = start + at
                container.mux(track.encode(frame))
            container.mux(track.encode(None))
        return path

    return build


@pytest.fixture
def set_display_matrix() -> Callable[[Path, tuple[int, int, int, int]], None]:
    """Writes the matrix (a, b, c, d) of the first track into an MP4, as a phone would."""

    def write(path: Path, abcd: tuple[int, int, int, int]) -> None:
        data = bytearray(path.read_bytes())
        box = data.index(b"tkhd")
        assert data[box + 4] == 0, "only version 0 boxes are built here"
        a, b, c, d = abcd
        one = 1 << 16
        values = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
        data[box + 44 : box + 80] = struct.pack(">9i", *values)
        path.write_bytes(bytes(data))

    return write


@pytest.fixture
def with_exif() -> Callable[[bytes, int, str], bytes]:
    """Puts an EXIF block with an orientation into encoded JPEG, PNG or WebP bytes."""

    def insert(data: bytes, orientation: int, order: str = "<") -> bytes:
        import zlib

        mark = b"II" if order == "<" else b"MM"
        tiff = mark + struct.pack(order + "HIH", 42, 8, 1)
        tiff += struct.pack(order + "HHIHHI", 0x0112, 3, 1, orientation, 0, 0)
        if data[:2] == b"\xff\xd8":
            body = b"Exif\0\0" + tiff
            return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
        if data[:4] == b"\x89PNG":
            chunk = b"eXIf" + tiff
            whole = struct.pack(">I", len(tiff)) + chunk + struct.pack(">I", zlib.crc32(chunk))
            return data[:33] + whole + data[33:]
        assert data[8:12] == b"WEBP"
        chunks = data[12:] + b"EXIF" + struct.pack("<I", len(tiff)) + tiff
        return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks

    return insert
