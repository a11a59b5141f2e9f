"""Faces, outline and sound of a medium, for a page: one pass, once it was read."""

from __future__ import annotations

import wave
from collections.abc import Mapping
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.export.outline import Outline
from emoscope.face.crop import crop_rule
from emoscope.media import SAMPLE_RATE, Frame, Sound
from emoscope.results import Analysis, Box, FaceEmotion

MOST_FACES = 24
PEAKS = 800

_CROP_PX = 160
_CROP_MARGIN = 1.25  # of the square that the face model sees
_JPEG_QUALITY = 90


class Gathered:
    """What the frames and the sound of one medium give.

    Args:
        analysis: what was read from it.
        keep_sound: also keep the sound whole, see :attr:`wav`.

    Attributes:
        faces: JPEG of each of the first :data:`MOST_FACES` faces, by track.
    """

    def __init__(self, analysis: Analysis, *, keep_sound: bool) -> None:
        self.faces: dict[int, bytes] = {}
        self._best = _clearest(analysis)
        self._rule = crop_rule(analysis.models["detector"]) if self._best else None
        self._outline = Outline() if analysis.has_sound else None
        self._kept: list[NDArray[np.float32]] | None = [] if keep_sound else None

    def push(self, item: Frame | Sound) -> None:
        """Take the next frame or stretch of sound."""
        if isinstance(item, Frame):
            self._cut(item)
            return
        if self._outline is not None:
            self._outline.push(item)
        if self._kept is not None:
            self._kept.append(item.waveform)

    @property
    def peaks(self) -> NDArray[np.float32] | None:
        """``(PEAKS, 2)`` least and greatest samples; None without sound."""
        return None if self._outline is None else self._outline.columns(PEAKS)

    @property
    def wav(self) -> bytes:
        """The sound as 16-bit WAV; silence where none was kept."""
        samples = np.concatenate(self._kept) if self._kept else np.zeros(1, dtype=np.float32)
        file = BytesIO()
        with wave.open(file, "wb") as target:
            target.setnchannels(1)
            target.setsampwidth(2)
            target.setframerate(SAMPLE_RATE)
            target.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        return file.getvalue()

    def _cut(self, frame: Frame) -> None:
        for track, face in self._best.items():
            # The frame that was read, or, at another rate, the first one after it.
            if self._rule and track not in self.faces and frame.time_s >= face.time_s - 1e-6:
                self.faces[track] = _crop(frame.image_rgb, self._rule.region(face.box_xyxy))


def jpeg(image_bgr: NDArray[np.uint8]) -> bytes:
    """A picture ``(height, width, 3)`` as JPEG."""
    _, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


def _clearest(analysis: Analysis) -> Mapping[int, FaceEmotion]:
    """Each face where it is largest and surest."""
    best: dict[int, FaceEmotion] = {}
    for face in analysis.faces:
        known = best.get(face.track_id)
        if known is None and len(best) == MOST_FACES:
            continue
        if known is None or _clearness(face) > _clearness(known):
            best[face.track_id] = face
    return best


def _clearness(face: FaceEmotion) -> float:
    x1, y1, x2, y2 = face.box_xyxy
    return face.detection_score * (x2 - x1) * (y2 - y1) * (0.5 if face.box_held else 1.0)


def _crop(image_rgb: NDArray[np.uint8], region: Box) -> bytes:
    x1, y1, x2, y2 = region
    side = (x2 - x1) * _CROP_MARGIN
    left, top = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
    scale = _CROP_PX / side
    place = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    crop = cv2.warpAffine(
        image_rgb,
        place,
        (_CROP_PX, _CROP_PX),
        flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return jpeg(np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), dtype=np.uint8))
