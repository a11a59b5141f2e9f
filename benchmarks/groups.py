"""What is measured: faces, voices, a cold start, the whole, and how cost grows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import media
from benchmarks.contest import HERE, LIMIT, OURS, Contender, contest


@dataclass(frozen=True)
class Setting:
    """Where the media are, where made ones go, and how much is done.

    Attributes:
        folder: with the shared media.
        made: for media that are made.
        peers: interpreter of the peers' environment, None: only ours and the limit.
        faces: a folder of FER2013 pictures, a folder for each label; None: no accuracy.
        quick: fewer rounds, shorter media.
    """

    folder: Path
    made: Path
    peers: str | None
    faces: Path | None
    quick: bool

    @property
    def rounds(self) -> int:
        return 5 if self.quick else 9


def faces(setting: Setting) -> dict[str, Any]:
    """Pictures per second from a path to a result."""
    items = media.pictures(setting.folder)
    if not setting.quick:
        items |= media.frames(setting.folder, setting.made, 4)
    with ExitStack() as open_ones:
        ours = [Contender(OURS, "emoscope_faces.py"), Contender(LIMIT, "bare_faces.py")]
        if setting.peers:
            ours += [
                Contender("fer, Haar", "fer_faces.py", setting.peers),
                *_with_mtcnn(setting.peers),
                Contender("classic script", "classic_faces.py", setting.peers),
            ]
        contenders = [open_ones.enter_context(one) for one in ours]
        outcome = contest(contenders, items, setting.rounds)
        found = outcome.to_dict()
        found["ready_s"] = {one.name: round(one.ready_s, 2) for one in contenders}
    return found


def _with_mtcnn(peers: str) -> list[Contender]:
    """``fer`` with its other detector, where the peers' environment has it."""
    if subprocess.run([peers, "-c", "import facenet_pytorch"], capture_output=True).returncode:
        return []
    return [Contender("fer, MTCNN", "fer_faces.py", peers, choice="mtcnn")]


def voices(setting: Setting) -> dict[str, Any]:
    """Real-time factors on one core: seconds of work for a second of sound."""
    seconds = 60 if setting.quick else 600
    items = {
        "11 s clip": str(setting.folder / "speech.flac"),
        f"{seconds} s MP3": str(media.speech(setting.folder, setting.made, seconds)),
    }
    with ExitStack() as open_ones:
        ours = [
            Contender(OURS, "emoscope_voice.py", threads=1),
            Contender(LIMIT, "bare_voice.py", threads=1),
        ]
        if setting.peers:
            ours += [
                Contender("MFCC + Keras CNN", "mfcc_keras.py", setting.peers, threads=1),
                Contender("MFCC + pitch + SVC", "mfcc_svc.py", setting.peers, threads=1),
            ]
        contenders = [open_ones.enter_context(one) for one in ours]
        return contest(contenders, items, 3 if setting.quick else 5).to_dict()


def accuracy(setting: Setting) -> dict[str, Any]:
    """Share of labels that each names right on the same pictures, and milliseconds a picture."""
    if setting.faces is None:
        return {}
    scripts = [(OURS, "emoscope_labels.py", sys.executable)]
    if setting.peers:
        scripts.append(("fer", "fer_labels.py", setting.peers))
    found: dict[str, Any] = {}
    for name, script, python in scripts:
        with Contender(name, script, python) as contender:
            answer = contender.read(str(setting.faces))
        right, n = answer["result"]["right"], answer["result"]["n"]
        low, high = interval(right, n)
        found[name] = {
            "accuracy": round(right / n, 4),
            "95% interval": f"{low:.3f} to {high:.3f}",
            "n": n,
            "ms a picture": round(1000 * float(answer["s"]) / n, 2),
        }
    return {"labels": found}


def interval(right: int, n: int) -> tuple[float, float]:
    """Wilson's score interval at 95%."""
    z = 1.959964
    share = right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * ((share * (1 - share) + z * z / (4 * n)) / n) ** 0.5
    return centre - half, centre + half


_IMPORT = "import emoscope"
_COMMAND = "from emoscope.apps.cli import main; main()"
_PICTURE = "import sys, emoscope; emoscope.analyze(sys.argv[1])"
_FER = """
import sys, cv2
try:
    from fer.fer import FER
except ImportError:
    from fer import FER
FER().detect_emotions(cv2.imread(sys.argv[1]))
"""


def cold(setting: Setting) -> dict[str, Any]:
    """A fresh process until the first result, in turns."""
    picture = str(setting.folder / "portrait.jpg")
    commands = {
        "import": [sys.executable, "-c", _IMPORT],
        OURS: [sys.executable, "-c", _PICTURE, picture],
        "command line": [sys.executable, "-c", _COMMAND, "analyze", picture, "--json"],
    }
    if setting.peers:
        commands["fer, Haar"] = [setting.peers, "-c", _FER, picture]
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for count in range(1 + setting.rounds):
        for name, command in commands.items():
            begin = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            if count:  # the first reads the files from the disk
                seconds[name].append(time.perf_counter() - begin)
    found: dict[str, Any] = {
        "median_s": {name: round(median(times), 3) for name, times in seconds.items()}
    }
    if setting.peers:
        ratios = [b / a for a, b in zip(seconds[OURS], seconds["fer, Haar"], strict=True)]
        found["times_as_long_as_emoscope"] = {"fer, Haar": round(median(ratios), 2)}
        found["installed_mb"] = {"peers' environment": _installed_mb(setting.peers)}
    installed = found.setdefault("installed_mb", {})
    installed["this environment"] = _installed_mb(sys.executable)
    if not setting.quick:
        fresh = setting.made / "base"
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(fresh)], check=True)
        python = str(fresh / "bin" / "python")
        without = _installed_mb(python)
        install = [python, "-m", "pip", "install", "-q", str(HERE.parent)]
        subprocess.run(install, check=True, capture_output=True)
        installed["emoscope's base"] = _installed_mb(python) - without
    return found


def whole(setting: Setting) -> dict[str, Any]:
    """A 720p film with sound end to end, and how memory grows with its length."""
    lengths = (15, 60) if setting.quick else (60, 600, 3600)
    found: dict[str, Any] = {"times_real_time": {}, "peak_mb": {}}
    for seconds in lengths:
        path = str(media.film(setting.folder, setting.made, seconds))
        # A fresh process each, so that the peak is this film's.
        with Contender(OURS, "emoscope_faces.py") as ours:
            answer = ours.read(path)
        found["times_real_time"][f"{seconds} s"] = round(seconds / float(answer["s"]), 2)
        found["peak_mb"][f"{seconds} s"] = round(float(answer["peak_mb"]))
    return found


def growth(setting: Setting) -> dict[str, Any]:
    """Log-log slopes: 1 is linear, 0 costs nothing more."""
    slopes: dict[str, float] = {}
    with Contender(OURS, "emoscope_faces.py") as ours:

        def slope(paths: dict[float, str]) -> float:
            times = {}
            for size, path in paths.items():
                ours.read(path)
                times[size] = median(float(ours.read(path)["s"]) for _ in range(setting.rounds))
            low, high = min(times), max(times)
            return round(log(times[high] / times[low]) / log(high / low), 2)

        counts = (1, 8, 48)
        slopes["faces in a picture"] = slope(
            {n: str(media.crowd(setting.folder, setting.made, n)) for n in counts}
        )
        lengths = (15.0, 60.0)
        slopes["length of a film"] = slope(
            {n: str(media.film(setting.folder, setting.made, n)) for n in lengths}
        )
        if not setting.quick:
            heights = {h: str(media.film(setting.folder, setting.made, 15, h)) for h in (360, 1080)}
            slopes["pixels of a film"] = slope({h * h: path for h, path in heights.items()})
    return {"slope": slopes}


def _installed_mb(python: str) -> int:
    """Size of an environment's packages."""
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    place = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    total = sum(
        (Path(folder) / name).stat().st_size
        for folder, _, names in os.walk(place)
        for name in names
        if (Path(folder) / name).is_file()
    )
    return round(total / 1e6)


GROUPS = {
    "faces": faces,
    "accuracy": accuracy,
    "voices": voices,
    "cold": cold,
    "whole": whole,
    "growth": growth,
}
