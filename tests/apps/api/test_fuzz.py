"""Thousands of broken media through the real service: a result or a refusal, and it lives on."""

from __future__ import annotations

import io
import itertools
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import httpx
import numpy as np
import pytest

from emoscope.apps.api.background import serve_in_background

KEY = "correct-horse-battery"
MUTATIONS = 2400
MEMORY = 512 << 20
# Container and codecs of video and sound, by ending; what this PyAV cannot write is left out.
MOVING = {
    "mp4": ("mp4", "libx264", "aac"),
    "mov": ("mov", "mpeg4", "pcm_s16le"),
    "3gp": ("3gp", "mpeg4", "aac"),
    "mkv": ("matroska", "mpeg4", "libmp3lame"),
    "webm": ("webm", "libvpx", "libopus"),
    "avi": ("avi", "mjpeg", "pcm_s16le"),
    "ts": ("mpegts", "mpeg2video", "mp2"),
    "mpg": ("mpeg", "mpeg1video", "mp2"),
    "flv": ("flv", "flv", "libmp3lame"),
    "wmv": ("asf", "wmv2", "wmav2"),
}
SOUND = {
    "wav": ("wav", "pcm_s16le"),
    "aiff": ("aiff", "pcm_s16be"),
    "flac": ("flac", "flac"),
    "mp3": ("mp3", "libmp3lame"),
    "m4a": ("ipod", "aac"),
    "aac": ("adts", "aac"),
    "ogg": ("ogg", "libvorbis"),
    "opus": ("ogg", "libopus"),
    "wma": ("asf", "wmav2"),
    "ac3": ("ac3", "ac3"),
    "au": ("au", "pcm_s16be"),
    "caf": ("caf", "pcm_s16le"),
    "wv": ("wv", "wavpack"),
    "tta": ("tta", "tta"),
    "w64": ("w64", "pcm_s16le"),
}
PICTURES = ("jpg", "png", "webp", "bmp", "gif", "tiff", "avif")


def picture(ending: str) -> bytes:
    """A small picture."""
    image = np.arange(24 * 32 * 3, dtype=np.uint32).reshape(24, 32, 3).astype(np.uint8)
    done, data = cv2.imencode(f".{ending}", image)
    assert done
    return data.tobytes()


def stream(container: str, video: str | None, sound: str) -> bytes:
    """A third of a second of a film or a recording."""
    rate = 48_000 if sound == "libopus" else 44_100
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        if video is not None:
            moving: Any = file.add_stream(video, rate=25)
            moving.width, moving.height = 48, 32
            moving.pix_fmt = "yuvj420p" if video == "mjpeg" else "yuv420p"
        heard: Any = file.add_stream(sound, rate=rate, layout="mono")
        if video is not None:
            for index in range(8):
                image = np.full((32, 48, 3), 20 * index, dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                file.mux(moving.encode(frame))
            file.mux(moving.encode(None))
        tone = (0.3 * np.sin(np.arange(rate // 3) / 9)).astype(np.float32).reshape(1, -1)
        block = av.AudioFrame.from_ndarray(tone, format="flt", layout="mono")
        block.sample_rate, block.pts, block.time_base = rate, 0, Fraction(1, rate)
        file.mux(heard.encode(block))
        file.mux(heard.encode(None))
    return out.getvalue()


@pytest.fixture(scope="module")
def seeds() -> dict[str, bytes]:
    """A small whole medium of each kind that can be written here."""
    makers: dict[str, Callable[[], bytes]] = {
        **{end: lambda e=end: picture(e) for end in PICTURES},
        **{end: lambda m=made: stream(m[0], m[1], m[2]) for end, made in MOVING.items()},
        **{end: lambda m=made: stream(m[0], None, m[1]) for end, made in SOUND.items()},
    }
    found: dict[str, bytes] = {}
    for ending, make in makers.items():
        try:
            found[ending] = make()
        except (av.error.FFmpegError, ValueError, cv2.error, AssertionError):
            continue
    assert len(found) >= 28, sorted(found)
    return found


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bombs() -> dict[str, bytes]:
    """Small files that promise, or unpack to, far too much."""
    head = b"\x89PNG\r\n\x1a\n"
    rows = zlib.compress(b"\0" * 30_000_000, 9)
    wide = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    honest = struct.pack(">IIBBBBB", 100, 100, 8, 2, 0, 0, 0)
    frame = b"\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0"
    wav = b"RIFF" + struct.pack("<I", 2**32 - 1) + b"WAVEfmt " + struct.pack("<I", 16)
    mp4 = b"\0\0\0\x18ftypisom\0\0\0\0isommp42"
    return {
        "pixels.png": head + chunk(b"IHDR", wide) + chunk(b"IDAT", rows) + chunk(b"IEND", b""),
        "rows.png": head + chunk(b"IHDR", honest) + chunk(b"IDAT", rows) + chunk(b"IEND", b""),
        "text.png": head + chunk(b"IHDR", honest) + chunk(b"zTXt", b"a\0\0" + rows),
        "frames.gif": b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff" + frame * 20_000 + b";",
        "size.bmp": b"BM"
        + struct.pack("<IIIIiiHHI", 54, 0, 54, 40, 2**30, 2**30, 1, 24, 0)
        + b"\0" * 20,
        "rate.wav": wav
        + struct.pack("<HHIIHH", 1, 65_535, 2**32 - 1, 2**32 - 1, 1, 8)
        + b"data"
        + b"\xff" * 500,
        "length.wav": wav
        + struct.pack("<HHIIHH", 1, 1, 1, 1, 1, 8)
        + b"data"
        + struct.pack("<I", 2**32 - 1)
        + b"\x80" * 900_000,
        "nested.mp4": mp4
        + b"".join(struct.pack(">I", 8 * (900 - i)) + b"moov" for i in range(900)),
        "box.mp4": mp4 + struct.pack(">I", 1) + b"moov" + struct.pack(">Q", 2**62),
        "zeros.mp3": b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + b"\0" * 500_000,
        "pages.ogg": (b"OggS\0\0" + b"\0" * 20 + b"\xff" + b"\xff" * 255) * 3000,
        "ebml.mkv": b"\x1aE\xdf\xa3" + b"\x01\xff\xff\xff\xff\xff\xff\xff" * 1000,
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://127.0.0.1:9/'/></svg>",
        "list.m3u8": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    }


def mutated(rng: np.random.Generator, seeds: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Endless damaged media with names."""
    endings = sorted(seeds)
    for count in itertools.count():
        ending = endings[count % len(endings)]
        data = bytearray(seeds[ending])
        # The structure is mostly at the beginning.
        reach = int(rng.choice([min(len(data), 64), min(len(data), 600), len(data)]))
        match count // len(endings) % 6:
            case 0:
                data = data[: int(rng.integers(1, len(data)))]
            case 1:
                for _ in range(int(rng.integers(1, 20))):
                    data[int(rng.integers(reach))] ^= 1 << int(rng.integers(8))
            case 2:
                at = int(rng.integers(reach))
                piece = rng.integers(0, 256, int(rng.integers(1, 16))).astype(np.uint8).tobytes()
                data[at : at + len(piece)] = piece
            case 3:
                other = seeds[endings[int(rng.integers(len(endings)))]]
                data[int(rng.integers(reach)) :] = other[int(rng.integers(len(other))) :]
            case 4:
                at = int(rng.integers(max(1, reach - 4)))
                value = int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
                data[at : at + 4] = struct.pack(str(rng.choice(["<I", ">I"])), value)
            case 5:
                at, end = sorted(int(one) for one in rng.integers(0, len(data), 2))
                data[at:at] = data[at:end] * int(rng.integers(1, 30))
        name = ending if rng.random() < 0.7 else endings[int(rng.integers(len(endings)))]
        yield f"fuzz.{name}", bytes(data)


def child_peak(service: Any) -> int:
    """The most memory that a present decoding process has held, bytes; 0 where nobody says."""
    peaks = [0]
    for process in [*service.pool._busy, *(one for one in service.pool._free if one)]:
        status = Path(f"/proc/{process.pid}/status")
        if status.exists():
            rows = dict(row.split(":", 1) for row in status.read_text().splitlines())
            peaks.append(int(rows.get("VmHWM", "0 kB").split()[0]) * 1024)
    return max(peaks)


@pytest.mark.slow
def test_broken_media_cost_one_request_each(make_settings, seeds):
    running = serve_in_background(
        make_settings(
            api_key=KEY, workers=2, decode_memory_bytes=MEMORY, decode_timeout_s=20.0, waiting=8
        )
    )
    service = running._server.config.app.state.service
    rng = np.random.default_rng(8)
    media = [(f"whole.{end}", data) for end, data in seeds.items()]
    media += list(bombs().items())
    media += itertools.islice(mutated(rng, seeds), MUTATIONS)
    slowest, statuses, odd = 0.0, Counter[int](), []
    peak = 0
    try:
        with (
            httpx.Client(base_url=running.url, headers={"X-API-Key": KEY}, timeout=90) as client,
            ThreadPoolExecutor(2) as clients,
        ):

            def send(medium: tuple[str, bytes]) -> tuple[str, httpx.Response, float]:
                name, data = medium
                begun = time.monotonic()
                answer = client.post("/v1/analyze", files={"file": (name, data)})
                return name, answer, time.monotonic() - begun

            for count, (name, answer, took_s) in enumerate(clients.map(send, media)):
                statuses[answer.status_code] += 1
                slowest = max(slowest, took_s)
                if answer.status_code not in (200, 413, 415, 422):
                    odd.append((name, answer.status_code, answer.text[:200]))
                if answer.status_code != 200:
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert "\n" not in answer.json()["detail"]
                if name.startswith("whole."):
                    assert answer.status_code == 200, (name, answer.text)
                if count % 50 == 0:
                    peak = max(peak, child_peak(service))
            whole = client.post("/v1/analyze", content=seeds["png"])
            assert whole.status_code == 200
            assert client.get("/readyz").status_code == 200
    finally:
        running.stop()
    print(  # noqa: T201 - the figures of docs/benchmarks.md
        f"{sum(statuses.values())} media of {len(seeds)} kinds: {dict(statuses)}, slowest "
        f"{slowest:.1f} s, decoder at most {peak / 2**20:.0f} MiB, {service.pool.restarts} restarts"
    )
    assert odd == []
    assert sum(statuses.values()) >= 2000
    assert slowest < 30
    assert peak < 400 * 2**20 + MEMORY
    assert statuses[200] > 100
