"""Sends a video file to a running service as if it were a camera, and prints what is read.

    emoscope serve &
    python examples/live_client.py film.mp4 [--url ws://127.0.0.1:8000/v1/live] [--key KEY]

Needs PyAV, OpenCV and websockets, which `pip install 'emoscope[api]'` brings. It speaks the
protocol by itself: nothing of emoscope is imported. See docs/live-protocol.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import websockets

FRAME, SOUND = 1, 2
LONGEST_PX = 640
FRAMES_PER_S = 15.0


def packet(kind: int, time_s: float, body: bytes) -> bytes:
    """A binary message: kind, protocol, zero, seconds, then the JPEG or the samples."""
    return struct.pack("<BBHd", kind, 1, 0, time_s) + body


def packets(path: Path) -> Iterator[tuple[float, bytes]]:
    """The messages of a film in order, each with the second at which it is due."""
    to_16k = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    next_frame_s, heard = 0.0, 0
    with av.open(str(path)) as film:
        for frame in film.decode(*film.streams.video[:1], *film.streams.audio[:1]):
            if isinstance(frame, av.VideoFrame):
                if frame.time >= next_frame_s:
                    next_frame_s = frame.time + 1 / FRAMES_PER_S
                    yield frame.time, packet(FRAME, frame.time, jpeg(frame))
                continue
            for part in to_16k.resample(frame):
                samples = part.to_ndarray()[0].tobytes()
                for start in range(0, len(samples), 3200):  # a tenth of a second each
                    body = samples[start : start + 3200]
                    heard_s, heard = heard / 16_000, heard + len(body) // 2
                    yield heard / 16_000, packet(SOUND, heard_s, body)


def jpeg(frame: av.VideoFrame) -> bytes:
    """The picture, no larger than the service looks at."""
    scale = min(1.0, LONGEST_PX / max(frame.width, frame.height))
    size = round(frame.width * scale), round(frame.height * scale)
    picture = cv2.resize(frame.to_ndarray(format="bgr24"), size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


async def send(socket: websockets.ClientConnection, path: Path) -> None:
    """The whole film at its own pace; goodbye two seconds after its end."""
    began = time.monotonic()
    for due_s, message in packets(path):
        await asyncio.sleep(max(0.0, began + due_s - time.monotonic()))
        await socket.send(message)
    await asyncio.sleep(2.0)
    await socket.close()


def line(moment: dict) -> str:
    """One moment in words."""
    faces = ", ".join(
        f"{face['label'] or 'unsure'} {face['confidence']:.0%}" for face in moment["faces"]
    )
    voice = moment["voice"]
    said = f"{voice['label'] or 'unsure'} {voice['confidence']:.0%}" if voice else "-"
    speaking = "speaking" if moment["speaking"] else "silent"
    return f"{moment['time_s']:7.2f} s  face: {faces or '-'}  voice: {said} ({speaking})"


async def main() -> None:
    """Talk to the service."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("film", type=Path)
    options.add_argument("--url", default="ws://127.0.0.1:8000/v1/live")
    options.add_argument("--key", help="where the service asks for one")
    given = options.parse_args()
    headers = {"Authorization": f"Bearer {given.key}"} if given.key else {}
    async with websockets.connect(given.url, additional_headers=headers) as socket:
        hello = json.loads(await socket.recv())
        print("reading with", ", ".join(hello["models"].values()))
        await socket.send(json.dumps({"type": "config", "protocol": 1}))
        sending = asyncio.create_task(send(socket, given.film))
        shown_s = -1.0
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "error":
                print("the service says:", message["message"])
            elif message["time_s"] - shown_s >= 0.5:
                shown_s = message["time_s"]
                print(line(message))
        sending.cancel()


if __name__ == "__main__":
    asyncio.run(main())
