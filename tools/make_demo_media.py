"""Make the media that ``emoscope demo`` reads: mean faces, synthesised speech, a video of both.

    python tools/make_demo_media.py --fer2013 DIR --out src/emoscope/apps/cli/demo_media

Needs what emoscope needs, FER2013 with the FER+ votes (``train/<label>/*.png`` and
``fer2013new.csv``), YuNet (``emoscope models fetch yunet``, or ``--yunet FILE``), and the commands
``espeak-ng`` and ``sox``. No recording and no picture of a person goes into the media: only means
of more than 50 people's pictures, and a synthesiser.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from mean_faces import (
    VOTE_COLUMNS,
    WIDTH,
    Image,
    MeanFace,
    mean_face,
    oval,
    sample,
    smooth_flow,
)
from numpy.typing import NDArray

from emoscope.labels import COLOURS
from emoscope.models import store

SAMPLE_RATE = 16_000

# The order of the picture, row by row, and of the video.
PICTURE_ROWS = (("angry", "disgust", "fear", "happy"), ("sad", "surprise", "neutral"))
# Seconds that each face is held in the video.
VIDEO_ORDER = {"neutral": 0.8, "happy": 1.2, "surprise": 1.2, "sad": 2.5}

# What is said, with espeak-ng's voice, words a minute, pitch and range of the pitch.
SENTENCES = (
    ("Oh, wow! You did it, that is wonderful!", "en-us+f4", 190, 72, "x-high"),
    ("The train leaves at nine in the morning.", "en-us+m7", 165, 42, "medium"),
    ("I am so sorry. It is all over now.", "en-us+m3", 120, 20, "x-low"),
)
SILENCE_S = 0.9
EDGE_S = 0.5
# The video's sound: which sentence starts when, over the happy and over the sad face.
VIDEO_SPEECH = {0: 0.9, 2: 4.1}

FRAME_RATE = 25
VIDEO_SIZE = (640, 360)
CHANGE_S = 0.6

# Dark, middle and light tone of the portraits; red, green, blue.
TONES = np.array([[24, 20, 30], [128, 108, 102], [250, 236, 220]], np.float32)
PAPER = np.array([[58, 60, 74], [26, 28, 38]], np.float32)  # the background, middle and corners
CELL = (264, 304)
PICTURE_MARGIN = 36


def main() -> None:
    """Make all media and say what was made."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--fer2013", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--out", type=Path, required=True, help="folder for the media")
    parser.add_argument("--yunet", type=Path, help="yunet_n_640_640.onnx; default: the store's")
    parser.add_argument("--at-most", type=int, default=300, help="pictures per emotion")
    options = parser.parse_args()
    for command in ("espeak-ng", "sox"):
        if shutil.which(command) is None:
            parser.error(
                f"the command {command} is missing; install it, e.g. apt-get install {command}"
            )
    yunet = options.yunet or store.path_of("yunet")
    options.out.mkdir(parents=True, exist_ok=True)

    sentences = [_spoken(*sentence) for sentence in SENTENCES]
    _write_flac(_with_silence(sentences), options.out / "speech.flac")

    faces: dict[str, MeanFace] = {}
    for label in VOTE_COLUMNS:
        faces[label] = mean_face(options.fer2013, label, yunet, options.at_most)
        _say(f"{label}: {faces[label].people} pictures")
    picture = faces_picture(faces)
    cv2.imwrite(
        str(options.out / "faces.png"),
        cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_PNG_COMPRESSION, 9],
    )
    frames = list(video_frames(faces))
    speech = {start_s: sentences[place] for place, start_s in VIDEO_SPEECH.items()}
    _write_video(frames, _in_quiet(speech, len(frames) / FRAME_RATE), options.out / "clip.mp4")
    for file in sorted(options.out.iterdir()):
        _say(f"{file.name}: {file.stat().st_size} bytes")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# Pictures


def faces_picture(faces: dict[str, MeanFace]) -> NDArray[np.uint8]:
    """The seven mean faces on one sheet, RGB uint8."""
    cell_width, cell_height = CELL
    width = cell_width * max(map(len, PICTURE_ROWS)) + 2 * PICTURE_MARGIN
    height = cell_height * len(PICTURE_ROWS) + 2 * PICTURE_MARGIN
    sheet = _paper(width, height)
    for row, labels in enumerate(PICTURE_ROWS):
        centre_y = PICTURE_MARGIN + (row + 0.5) * cell_height
        first = width / 2 - (len(labels) - 1) / 2 * cell_width
        for column, label in enumerate(labels):
            face = faces[label].grey
            _lay(sheet, face, first + column * cell_width, centre_y, 1.0, _rgb(label))
    return _bytes(sheet)


def video_frames(faces: dict[str, MeanFace]) -> Iterator[NDArray[np.uint8]]:
    """One mean face changing into the next, RGB uint8, swaying slightly like a living head."""
    change = round(CHANGE_S * FRAME_RATE)
    order = list(VIDEO_ORDER)
    shown: list[tuple[Image, NDArray[np.float32]]] = []
    for place, label in enumerate(order):
        face, colour = faces[label].grey, _rgb(label)
        shown += [(face, colour)] * round(VIDEO_ORDER[label] * FRAME_RATE)
        if place + 1 < len(order):
            following = order[place + 1]
            for step in range(1, change + 1):
                part = 0.5 - 0.5 * np.cos(np.pi * step / (change + 1))
                mixed = (1 - part) * colour + part * _rgb(following)
                shown.append((morph(face, faces[following].grey, float(part)), mixed))
    width, height = VIDEO_SIZE
    paper = _paper(width, height)
    for number, (face, colour) in enumerate(shown):
        turn = 2 * np.pi * number / (4.0 * FRAME_RATE)
        sheet = paper.copy()
        middle = (width / 2 + 6 * np.sin(turn), height / 2 + 2 * np.sin(1.7 * turn))
        _lay(sheet, face, *middle, 1.08 + 0.012 * np.sin(0.8 * turn), colour)
        yield _bytes(sheet)


def morph(first: Image, second: Image, part: float) -> Image:
    """``part`` of the way from one face to another: both move towards each other and dissolve."""
    there, back = _even(smooth_flow(first, second, 7.0)), _even(smooth_flow(second, first, 7.0))
    inside = oval(0.9, 1.2)[..., np.newaxis]
    moved = sample(first, back * inside * part), sample(second, there * inside * (1 - part))
    mixed: Image = (1 - part) * moved[0] + part * moved[1]
    return mixed


def _even(flow: Image) -> Image:
    """The flow made the same on both sides, as the mean faces are."""
    return (flow + flow[:, ::-1] * np.array([-1, 1], np.float32)) / 2


def _lay(
    sheet: NDArray[np.float32],
    face: Image,
    centre_x: float,
    centre_y: float,
    scale: float,
    colour: NDArray[np.float32],
) -> None:
    """Lay a face on the sheet: a toned oval, with a glow of the emotion's colour behind it."""
    height, width = sheet.shape[:2]
    place = np.array(
        [
            [scale, 0, centre_x - scale * (WIDTH - 1) / 2],
            [0, scale, centre_y - scale * 150],
        ]
    )
    tones = np.stack([np.interp(face, (0, 0.5, 1), TONES[:, band]) for band in range(3)], axis=-1)

    def moved(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return cv2.warpAffine(
            image.astype(np.float32), place, (width, height), flags=cv2.INTER_AREA
        )

    rows, columns = np.indices((height, width), dtype=np.float32)
    radius = np.hypot((columns - centre_x) / (112 * scale), (rows - centre_y) / (140 * scale))[
        ..., np.newaxis
    ]
    glow = 0.42 * np.exp(-((radius / 0.82) ** 4))
    sheet[:] = (1 - glow) * sheet + glow * colour
    matte = moved(oval(0.84, 1.24))[..., np.newaxis]
    sheet[:] = (1 - matte) * sheet + matte * moved(tones)


def _paper(width: int, height: int) -> NDArray[np.float32]:
    rows, columns = np.indices((height, width), dtype=np.float32)
    far = np.hypot(columns / width - 0.5, rows / height - 0.5)[..., np.newaxis] / np.sqrt(0.5)
    return ((1 - far) * PAPER[0] + far * PAPER[1]).astype(np.float32)


def _rgb(label: str) -> NDArray[np.float32]:
    return np.array([int(COLOURS[label][place : place + 2], 16) for place in (1, 3, 5)], np.float32)


def _bytes(sheet: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(sheet), 0, 255).astype(np.uint8)


# Speech


def _spoken(text: str, voice: str, rate: int, pitch: int, pitch_range: str) -> NDArray[np.int16]:
    """A sentence by espeak-ng, ``(time,)`` int16 at 16 kHz, the silence at its ends cut off."""
    speech = f'<speak><prosody range="{pitch_range}">{text}</prosody></speak>'
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        how = f"-v {voice} -s {rate} -p {pitch} -w {spoken}"
        subprocess.run(["espeak-ng", "-m", *how.split(), speech], check=True)
        raw_mono = "-t raw -e signed -b 16 -c 1 -"
        quiet_start = "silence 1 0.02 0.3%"
        effects = f"rate -v {SAMPLE_RATE} {quiet_start} reverse {quiet_start} reverse norm -4"
        raw = subprocess.run(
            ["sox", "-D", str(spoken), *raw_mono.split(), *effects.split()],
            check=True,
            capture_output=True,
        ).stdout
    return np.frombuffer(raw, dtype="<i2")


def _with_silence(sentences: list[NDArray[np.int16]]) -> NDArray[np.int16]:
    """The sentences one after another; between them a faint noise, as in a quiet room."""
    gap = round(SILENCE_S * SAMPLE_RATE)
    edge = np.zeros(round(EDGE_S * SAMPLE_RATE), np.int16)
    parts = [edge]
    for place, sentence in enumerate(sentences):
        parts += [sentence, edge if place + 1 == len(sentences) else np.zeros(gap, np.int16)]
    sound = np.concatenate(parts).astype(np.float64)
    sound += np.random.default_rng(16).normal(0, 4, len(sound))
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


def _in_quiet(speech: dict[float, NDArray[np.int16]], length_s: float) -> NDArray[np.int16]:
    """Sentences by their start in seconds, in a faint noise as of a quiet room."""
    sound = np.random.default_rng(16).normal(0, 4, round(length_s * SAMPLE_RATE))
    for start_s, sentence in speech.items():
        start = round(start_s * SAMPLE_RATE)
        sound[start : start + len(sentence)] += sentence
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


def _sound_frame(sound: NDArray[np.int16]) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(sound[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    frame.time_base = Fraction(1, SAMPLE_RATE)
    frame.pts = 0
    return frame


def _write_flac(sound: NDArray[np.int16], path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono", format="s16")
        stream.options = {"compression_level": "12"}
        for packet in (*stream.encode(_sound_frame(sound)), *stream.encode(None)):
            container.mux(packet)


def _write_video(frames: list[NDArray[np.uint8]], sound: NDArray[np.int16], path: Path) -> None:
    """H.264 and AAC in MP4."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FRAME_RATE)
        video.width, video.height = VIDEO_SIZE
        video.pix_fmt = "yuv420p"
        video.options = {"crf": "20", "preset": "slow", "threads": "1"}
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono", bit_rate=64_000)
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for block in resampler.resample(_sound_frame(sound)):
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))


if __name__ == "__main__":
    main()
