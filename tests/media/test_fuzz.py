"""Whatever the bytes are: a result or one of our errors, nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emoscope.errors import MediaError
from emoscope.media import SAMPLE_RATE, Frame, Limits, open_media

LIMITS = Limits(max_pixels=1_000_000, max_duration_s=60, max_bytes=10_000_000)
NAMES = ["jpg", "png", "webp", "bmp", "gif", "tiff", "wav", "flac", "mp3", "m4a", "opus"]
NAMES += ["mp4", "mkv", "webm", "avi", "ts"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture
def seed(folder: Path, make_audio, make_video, tone) -> Callable[[str], bytes]:
    """A tiny valid medium of each kind, made once."""
    codecs = {"flac": "flac", "mp3": "libmp3lame", "m4a": "aac", "opus": "libopus"}

    def give(name: str) -> bytes:
        path = folder / f"seed.{name}"
        if path.exists():
            return path.read_bytes()
        if name in NAMES[:6]:
            ok, data = cv2.imencode(f".{name}", np.arange(720, dtype=np.uint8).reshape(12, 20, 3))
            assert ok
            path.write_bytes(data.tobytes())
        elif name in codecs:
            make_audio(path, tone(0.3, 48_000), 48_000, codecs[name])
        elif name == "wav":
            make_audio(path, tone(0.3), 16_000, "pcm_s16le")
        else:
            codec = {"webm": "libvpx", "mp4": "libx264"}.get(name, "mpeg4")
            make_video(path, 0.5, size=(32, 32), sound=tone(0.5, 48_000), rate=48_000, codec=codec)
        return path.read_bytes()

    return give


def check(path: Path) -> None:
    """Read at most so much of a medium; only our own errors may come out."""
    problem = None
    try:
        with open_media(path, LIMITS) as media:
            for item in itertools.islice(media.read(), 300):
                assert item.time_s >= 0
                if isinstance(item, Frame):
                    height, width, channels = item.image_rgb.shape
                    assert channels == 3
                    assert height * width <= LIMITS.max_pixels
                else:
                    assert np.abs(item.waveform).max() <= 1
                    assert item.end_s <= LIMITS.max_duration_s + 1 / SAMPLE_RATE
    except MediaError as error:
        problem = error
    if problem is not None:
        assert str(problem).startswith(str(path))
        assert "\n" not in str(problem)
        assert len(problem.problem) > 10


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_media_raise_only_our_errors(name, data, seed, folder):
    content = bytearray(seed(name))
    size = len(content)
    for _ in range(data.draw(st.integers(0, 4), label="changes")):
        # The structure is mostly at the beginning.
        reach = data.draw(st.sampled_from([min(size, 64), min(size, 600), size]))
        at = data.draw(st.integers(0, reach - 1))
        piece = data.draw(st.binary(min_size=1, max_size=8))
        content[at : at + len(piece)] = piece
    if data.draw(st.booleans(), label="cut"):
        content = content[: data.draw(st.integers(0, size))]
    path = folder / f"damaged.{name}"
    path.write_bytes(bytes(content))
    check(path)


@pytest.mark.parametrize("name", NAMES)
def test_every_seed_is_whole(name, seed, folder):
    seed(name)
    with open_media(folder / f"seed.{name}") as media:
        items = list(media.read())
    assert items


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    head=st.sampled_from(
        [
            b"",
            b"RIFF",
            b"\xff\xd8\xff",
            b"ID3",
            b"OggS",
            b"\0\0\0\x20ftypisom",
            b"II*\0",
            b"BM",
            b"GIF89a",
            b"\x1aE\xdf\xa3",
            b"FLV\x01",
            b"fLaC",
        ]
    ),
    rest=st.binary(max_size=400),
)
def test_any_bytes_at_all(head, rest, folder):
    path = folder / "anything.bin"
    path.write_bytes(head + rest)
    check(path)
