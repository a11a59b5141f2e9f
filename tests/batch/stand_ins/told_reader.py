"""A reader that does what is written in the file, for the tests of what goes wrong."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

from emoscope.errors import CorruptMediaError, MediaNotFoundError, ModelError, UnknownModelError
from emoscope.labels import SHARED
from emoscope.results import Analysis, FaceEmotion, Scores, VoiceEmotion


class Told:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def analyze(self, source: str, /) -> Analysis:
        try:
            text = Path(source).read_text()
        except FileNotFoundError:
            raise MediaNotFoundError(source, "no such file; check the path") from None
        word, _, number = text.partition(" ")
        if "log" in self.options:
            with Path(self.options["log"]).open("a") as log:
                log.write(f"{source}\n")
        match word:
            case "damaged":
                raise CorruptMediaError(source, "cannot be decoded")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "leave":
                os._exit(7)
            case "hang":
                threading.Event().wait()
            case "bug":
                raise ZeroDivisionError("division by zero")
            case "model":
                raise ModelError("the model failed")
            case "unknown":
                raise UnknownModelError("no model is called 'x'")
            case "print":
                os.write(1, b"what a library has to say")
            case "slow":
                threading.Event().wait(float(number))
        return _made(source, int(number) if word == "read" else 0, self.options.get("rows", 2))


def reader(options: dict[str, Any], threads: int) -> Told:
    return Told(options)


def _made(source: str, number: int, rows: int) -> Analysis:
    top = SHARED[number % len(SHARED)]
    scores = Scores(SHARED, tuple(0.7 if name == top else 0.05 for name in SHARED), 0.3)
    faces = tuple(
        FaceEmotion(float(t), (0.0, 0.0, 10.0, 10.0), 0.9, 0, scores) for t in range(rows)
    )
    voice = (VoiceEmotion(0.0, 1.5, scores),)
    return Analysis(
        source, "video", float(rows), (64, 48), True, rows, {"face": "told@1"}, faces, voice
    )
