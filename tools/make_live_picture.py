"""Takes the picture of the live window for the README; what it shows was read and measured.

For a good minute the clip that ships with the package plays slowly before the window, with the
recording that ships. It takes so long, and should have the machine for itself::

    python tools/make_live_picture.py docs/images/live.png
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.analyzer import Analyzer
from emoscope.apps.live.session import Session
from emoscope.apps.live.showing import Showing
from emoscope.apps.live.window import Window
from emoscope.live.cameras import IterableCamera
from emoscope.live.microphones import IterableMicrophone
from emoscope.live.pace import Pace
from emoscope.media import SAMPLE_RATE, Frame, Sound, open_media

SECONDS = 72.4  # a moment that smiles
FPS, EACH = 30, 5  # each frame of the clip stands for so many: a quarter of its pace


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()

    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    media = Path(str(files("emoscope.apps.cli") / "demo_media"))
    with open_media(media / "clip.mp4") as clip:
        frames = [item for item in clip.read() if isinstance(item, Frame)]
    with open_media(media / "speech.flac") as recording:
        sounds = [item for item in recording.read() if isinstance(item, Sound)]
    waveform = np.concatenate([sound.waveform for sound in sounds])
    camera = IterableCamera(shown(frames), "clip.mp4", Pace())
    microphone = IterableMicrophone(heard(waveform), "speech.flac", Pace())
    with Window((1280, 720)) as window, Session(Analyzer(), camera, microphone) as session:
        window.run(Showing(session, Path()), seconds=options.seconds)
        image = window.screen.image
    cv2.imwrite(str(options.out), image[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def shown(frames: list[Frame]) -> Iterator[Frame]:
    for number in itertools.count():
        yield Frame(number / FPS, frames[number // EACH % len(frames)].image_rgb)


def heard(waveform: NDArray[np.float32]) -> Iterator[Sound]:
    size = round(0.05 * SAMPLE_RATE)
    for number in itertools.count():
        start = number * size % len(waveform)
        yield Sound(number * size / SAMPLE_RATE, np.resize(waveform[start : start + size], size))


if __name__ == "__main__":
    main()
