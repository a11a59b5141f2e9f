"""From an uploaded file to everything that a page shows of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.apps.dashboard.gather import Gathered, jpeg
from emoscope.errors import AnalysisCancelledError
from emoscope.export import Format
from emoscope.media import Frame, Limits, Sound
from emoscope.results import Analysis, FaceEmotion, Kind, Scores, mean_scores

PICTURES = ("jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "gif")
SOUNDS = ("wav", "mp3", "m4a", "flac", "ogg", "opus", "aac", "wma", "aiff", "amr")
VIDEOS = ("mp4", "mov", "webm", "mkv", "avi", "m4v", "3gp", "mpg", "mpeg")

LIMITS = Limits(max_duration_s=2 * 3600, max_bytes=2 * 1024**3)
SHOWN_PX = 2400

# What browsers play as it is; anything else is given to them as WAV, if it is not too long.
_PLAYED = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
}
_LONGEST_WAV_S = 20 * 60
_FPS = 10.0  # as videos are read

Progress = Callable[[float], None]
Step = Callable[[float, float | None], None]


class Medium(Protocol):
    """What is decoded: :class:`emoscope.media.Media` or its guarded twin."""

    @property
    def kind(self) -> Kind: ...

    @property
    def duration_s(self) -> float | None: ...

    def read(self, fps: float | None = None) -> Iterator[Frame | Sound]: ...


class Reader(Protocol):
    """Reads, opens and annotates files; the errors are those of :func:`read`."""

    def analyze(
        self, path: Path, name: str, progress: Step, cancelled: Callable[[], bool]
    ) -> Analysis: ...

    def open(
        self, path: Path, name: str, cancelled: Callable[[], bool]
    ) -> AbstractContextManager[Medium]: ...

    def annotate(
        self,
        path: Path,
        analysis: Analysis,
        out: Path,
        progress: Step,
        cancelled: Callable[[], bool],
    ) -> None: ...


@dataclass(frozen=True)
class FaceView:
    """One face of a picture or video.

    Attributes:
        track_id: its number.
        jpeg: a square cut-out in colour.
        scores: its reading; of a video, the mean over time.
        start_s: when it was first seen.
        end_s: when it was last seen.
    """

    track_id: int
    jpeg: bytes
    scores: Scores
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Shown:
    """A picture for a page: JPEG of at most :data:`SHOWN_PX` on its longer side."""

    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Reading:
    """One file, read.

    Attributes:
        analysis: what was read; its source is the name that the user gave.
        annotated: the picture or video with what was read in it, of a recording its time line.
        shown: the annotated picture as a page shows it; None for recordings and videos.
        faces: the first :data:`emoscope.apps.dashboard.gather.MOST_FACES`.
        peaks: ``(n, 2)`` least and greatest samples, None without sound.
        sound: what a browser can play of a recording, with its media type.
    """

    analysis: Analysis
    annotated: bytes
    shown: Shown | None
    faces: tuple[FaceView, ...]
    peaks: NDArray[np.float32] | None
    sound: tuple[bytes, str] | None


def read(
    name: str, data: bytes, reader: Reader, progress: Progress, cancelled: Callable[[], bool]
) -> Reading:
    """Read one upload; what it writes to disk is gone when it returns, however it ends.

    Args:
        name: as the user called the file.
        data: its content.
        reader: reads it.
        progress: called with the share that is done, within [0, 1].
        cancelled: whether to stop.

    Raises:
        MediaError: it cannot be read.
        ModelError: a model cannot be had.
        AnalysisCancelledError: ``cancelled`` said so.
    """
    with tempfile.TemporaryDirectory(prefix="emoscope-") as folder:
        path = Path(folder) / f"upload{_suffix(name)}"
        path.write_bytes(data)
        return _read(path, name, data, reader, _Steps(progress, cancelled))


@dataclass
class _Steps:
    """Shares of the whole that one step after the other takes; they never go back."""

    report: Progress
    cancelled: Callable[[], bool]
    done: float = 0.0

    def part(self, start: float, end: float) -> Step:
        def step(done: float, total: float | None) -> None:
            if self.cancelled():
                raise AnalysisCancelledError("stopped")
            share = start + (end - start) * min(done / total, 1.0) if total else start
            self.done = max(self.done, share)
            self.report(self.done)

        step(0.0, None)
        return step


def _read(path: Path, name: str, data: bytes, reader: Reader, steps: _Steps) -> Reading:
    analysis = reader.analyze(path, name, steps.part(0.0, 0.5), steps.cancelled)
    played = _PLAYED.get(PurePath(name).suffix.lower()[1:])
    made = played is None and analysis.kind == "audio" and analysis.duration_s <= _LONGEST_WAV_S
    gathered = Gathered(analysis, keep_sound=made)
    step = steps.part(0.5, 0.6)
    with reader.open(path, name, steps.cancelled) as medium:
        for item in medium.read(_FPS if analysis.faces else 0.001):
            gathered.push(item)
            step(item.time_s, medium.duration_s)
    annotated = path.with_name(f"annotated{Format.ANNOTATED.ending(analysis)}")
    reader.annotate(path, analysis, annotated, steps.part(0.6, 1.0), steps.cancelled)
    sound: tuple[bytes, str] | None = None
    if analysis.kind == "audio" and played is not None:
        sound = data, played
    elif made:
        sound = gathered.wav, "audio/wav"
    return Reading(
        analysis=analysis,
        annotated=annotated.read_bytes(),
        shown=_shown(annotated) if analysis.kind == "image" else None,
        faces=_faces(analysis, gathered),
        peaks=gathered.peaks,
        sound=sound,
    )


def _suffix(name: str) -> str:
    """The name's ending where it is a harmless one."""
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix[1:] in (*PICTURES, *SOUNDS, *VIDEOS) else ""


def _faces(analysis: Analysis, gathered: Gathered) -> tuple[FaceView, ...]:
    tracks: dict[int, list[FaceEmotion]] = {}
    for face in analysis.faces:
        tracks.setdefault(face.track_id, []).append(face)
    return tuple(
        FaceView(
            track,
            gathered.faces[track],
            mean_scores([face.scores for face in seen], [1.0] * len(seen)),
            seen[0].time_s,
            seen[-1].time_s,
        )
        for track, seen in tracks.items()
        if track in gathered.faces
    )


def _shown(annotated: Path) -> Shown:
    """From our own file, not from the visitor's."""
    image = cv2.imdecode(np.frombuffer(annotated.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    height, width = image.shape[:2]
    scale = min(SHOWN_PX / max(width, height), 1.0)
    if scale < 1:
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return Shown(jpeg(np.asarray(image, dtype=np.uint8)), image.shape[1], image.shape[0])
