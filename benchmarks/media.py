"""Media for the contests: the shared photographs, and longer or larger ones made from them."""

from __future__ import annotations

import subprocess
from pathlib import Path

PORTRAITS = ("portrait.jpg", "group.jpg", "selfie.jpg")


def pictures(folder: Path) -> dict[str, str]:
    """Name to path."""
    return {Path(name).stem: str(folder / name) for name in PORTRAITS}


def film(folder: Path, out: Path, seconds: float, height: int = 720) -> Path:
    """H.264 with sound: the sample video and speech, repeated. Needs the ffmpeg program.

    What is longer than a minute repeats the minute as it is coded.
    """
    path = out / f"film-{height}-{seconds:g}.mp4"
    if not path.exists() and seconds > 60:
        minute = film(folder, out, 60, height)
        _ffmpeg("-stream_loop", "-1", "-i", minute, "-t", seconds, "-c", "copy", path)
    elif not path.exists():
        _ffmpeg(
            *("-stream_loop", "-1", "-i", folder / "smile.mp4"),
            *("-stream_loop", "-1", "-i", folder / "speech.flac"),
            *("-t", seconds, "-vf", f"scale=-2:{height}", "-r", 30),
            *("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
            path,
        )
    return path


def frames(folder: Path, out: Path, count: int = 12, height: int = 720) -> dict[str, str]:
    """Single frames of the sample video as JPEG, evenly spread."""
    made = out / f"frames-{height}"
    if not made.exists():
        made.mkdir(parents=True)
        _ffmpeg(
            *("-i", folder / "smile.mp4", "-vf", f"fps=1,scale=-2:{height}"),
            *("-frames:v", count, "-q:v", 2, made / "%02d.jpg"),
        )
    return {f"720p frame {path.stem}": str(path) for path in sorted(made.glob("*.jpg"))}


def speech(folder: Path, out: Path, seconds: float) -> Path:
    """The sample recording, repeated, as 128 kbit/s MP3 at 44.1 kHz."""
    path = out / f"speech-{seconds:g}.mp3"
    if not path.exists():
        _ffmpeg(
            *("-stream_loop", "-1", "-i", folder / "speech.flac", "-t", seconds),
            *("-ar", 44_100, "-b:a", "128k", path),
        )
    return path


def crowd(folder: Path, out: Path, faces: int) -> Path:
    """One picture of 1,600 by 1,200 pixels with so many copies of the portrait's face."""
    import cv2
    import numpy as np

    path = out / f"crowd-{faces}.jpg"
    if not path.exists():
        portrait = cv2.imread(str(folder / "portrait.jpg"))
        side = min(portrait.shape[:2])
        face = cv2.resize(portrait[:side, :side], (200, 200), interpolation=cv2.INTER_AREA)
        canvas = np.full((1200, 1600, 3), 90, np.uint8)
        for number in range(faces):
            row, column = divmod(number, 8)
            canvas[row * 200 : row * 200 + 200, column * 200 : column * 200 + 200] = face
        cv2.imwrite(str(path), canvas, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return path


def _ffmpeg(*arguments: object) -> None:
    out = Path(str(arguments[-1]))
    out.parent.mkdir(parents=True, exist_ok=True)
    command = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)
