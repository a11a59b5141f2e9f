"""Faces, voices and words on one time line, fused where they meet.

- With frames: one answer for each frame in which a face is seen or somebody speaks, from the face,
  the stretch of voice and the stretch of words that hold then.
- Where no frame falls into a stretch of voice (a recording, sound that outlasts its film): one
  answer for the stretch, with the words that overlap it most; likewise for words without voice.
- Of several faces in view one speaks: that of the track with the greatest sum of size times
  detection score over all its readings so far, so that it does not change from frame to frame.
  People are never averaged.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from emoscope.fusion import model
from emoscope.fusion.model import FusionModel
from emoscope.fusion.pool import Evidence, pool
from emoscope.fusion.quality import count_words, sharpness, signal_to_noise_db
from emoscope.fusion.smooth import ExponentialMean, RollingMean, Smoother
from emoscope.labels import SHARED
from emoscope.results import FaceEmotion, FusedEmotion, Scores, TextEmotion, VoiceEmotion

Smooth = Literal["none", "window", "exponential"]
WINDOW_S = 1.0
TIME_CONSTANT_S = 0.5
HOLD_S = 3.0
T = TypeVar("T")


@dataclass(frozen=True)
class Seen:
    """A face at a moment, and what tells how good the reading is.

    Attributes:
        time_s: when, seconds from the start.
        track_id: of the face.
        prominence: how large it is times how sure the detector is.
        evidence: what it says.
    """

    time_s: float
    track_id: int
    prominence: float
    evidence: Evidence


@dataclass(frozen=True)
class Said:
    """A stretch of voice or words, from ``start_s`` up to ``end_s``."""

    start_s: float
    end_s: float
    evidence: Evidence

    def overlap_s(self, other: Said) -> float:
        """Seconds that both hold."""
        return min(self.end_s, other.end_s) - max(self.start_s, other.start_s)


def seen(face: FaceEmotion, detector: str, size_px: float, sharp: float) -> Seen:
    """A face as evidence.

    Args:
        face: the reading.
        detector: its name, with or without its ``@version``.
        size_px: side of the square that was cut out of the picture.
        sharp: of the crop, see :func:`emoscope.fusion.quality.sharpness`.
    """
    measures = {
        f"{detector.split('@')[0]}_score": face.detection_score,
        "size_px": size_px,
        "sharpness": sharp,
    }
    prominence = size_px * face.detection_score
    return Seen(face.time_s, face.track_id, prominence, _evidence(face.scores, measures))


def heard(voice: VoiceEmotion, snr_db: float) -> Said:
    """A stretch of voice as evidence; ``snr_db``: its signal-to-noise ratio in decibels."""
    measures = {"voiced_s": voice.end_s - voice.start_s, "snr_db": snr_db}
    return Said(voice.start_s, voice.end_s, _evidence(voice.scores, measures))


def written(text: TextEmotion) -> Said | None:
    """Words as evidence; None where their answer is even, as it is where they could not be read."""
    if max(text.scores.probabilities) - min(text.scores.probabilities) < 1e-9:
        return None
    measures = {"words": float(count_words(text.scored_text or text.text))}
    return Said(text.start_s, text.end_s, _evidence(text.scores, measures))


def _evidence(scores: Scores, measures: Mapping[str, float]) -> Evidence:
    return Evidence(tuple(scores.shared.values()), measures)


def fuse(
    fitted: FusionModel,
    time_s: float,
    face: Seen | None,
    voice: Said | None,
    words: Said | None,
    *,
    end_s: float | None = None,
    min_confidence: float = 0.0,
) -> FusedEmotion | None:
    """What there is at one moment, as one answer; None where nothing is.

    Args:
        fitted: weights.
        time_s: the moment.
        face: seen then, if any.
        voice: heard then.
        words: said then.
        end_s: for an answer that holds for a stretch: where it ends.
        min_confidence: below this it abstains.
    """
    there = {"face": face, "voice": voice, "words": words}
    found = pool(fitted, {name: part.evidence for name, part in there.items() if part is not None})
    if found is None:
        return None
    return FusedEmotion(
        time_s=time_s,
        scores=Scores(SHARED, found.probabilities, min_confidence),
        weights=found.weights,
        qualities=found.qualities,
        congruence=found.congruence,
        pairs=found.pairs,
        track_id=None if face is None else face.track_id,
        end_s=end_s,
    )


def leading(faces: Sequence[Seen], prominence: Mapping[int, float]) -> Seen | None:
    """The face that speaks of those in view; None where there is none.

    Args:
        faces: in view at one moment.
        prominence: per track, summed over its readings.
    """
    order = sorted(faces, key=lambda face: (-prominence.get(face.track_id, 0.0), face.track_id))
    return order[0] if order else None


def fuse_all(
    fitted: FusionModel,
    frames_s: Sequence[float],
    faces: Sequence[Seen],
    voices: Iterable[Said],
    words: Iterable[Said],
    *,
    min_confidence: float = 0.0,
) -> tuple[FusedEmotion, ...]:
    """Everything that was read, on one time line; see the head of this module.

    Args:
        fitted: weights.
        frames_s: when frames were looked at, rising.
        faces: by time.
        voices: in any order.
        words: in any order.
        min_confidence: below this an answer abstains.

    Returns:
        By time.
    """
    spoken, texts = _Stretches(voices), _Stretches(words)
    prominence: dict[int, float] = {}
    for face in faces:
        prominence[face.track_id] = prominence.get(face.track_id, 0.0) + face.prominence
    in_view = {
        time_s: leading(list(group), prominence)
        for time_s, group in groupby(faces, key=lambda face: face.time_s)
    }
    found = [
        fuse(
            fitted,
            time_s,
            in_view.get(time_s),
            spoken.at(time_s),
            texts.at(time_s),
            min_confidence=min_confidence,
        )
        for time_s in dict.fromkeys(frames_s)
    ]
    for part in spoken.parts:
        if not _any_within(frames_s, part):
            text = texts.most(part)
            found.append(_stretch(fitted, part, part, text, min_confidence))
    for text in texts.parts:
        if not _any_within(frames_s, text) and spoken.most(text) is None:
            found.append(_stretch(fitted, text, None, text, min_confidence))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.time_s))


def smoothed(fused: Sequence[FusedEmotion], how: Smooth) -> tuple[FusedEmotion, ...]:
    """The same answers with probabilities that change less from moment to moment.

    ``window``: the mean of the last second. ``exponential``: a mean that forgets with half a
    second. Weights and congruence stay those of each moment.

    Raises:
        ValueError: ``how`` is unknown.
    """
    if how == "none":
        return tuple(fused)
    if how not in get_args(Smooth):
        raise ValueError(f"smooth must be one of {get_args(Smooth)}, got {how!r}")
    smoother: Smoother
    smoother = RollingMean(WINDOW_S) if how == "window" else ExponentialMean(TIME_CONSTANT_S)
    return tuple(
        replace(
            one,
            scores=replace(
                one.scores, probabilities=smoother.push(one.time_s, one.scores.probabilities)
            ),
        )
        for one in fused
    )


class TimeLine:
    """Gathers readings with what tells their quality, as a stream finds them.

    Args:
        min_confidence: below this an answer abstains.
        smooth: how the answers of the whole are steadied, see :func:`smoothed`.

    Raises:
        ValueError: ``smooth`` is unknown.
    """

    def __init__(self, min_confidence: float = 0.0, smooth: Smooth = "none") -> None:
        smoothed((), smooth)
        self._min_confidence, self._smooth = min_confidence, smooth
        self._frames_s: list[float] = []
        self._faces: list[Seen] = []
        self._voices: list[Said] = []
        self._passing: Said | None = None
        self._prominence: dict[int, float] = {}

    def add_frame(self, time_s: float) -> None:
        """A frame was looked at; times rise."""
        self._frames_s.append(time_s)

    def add_face(
        self, face: FaceEmotion, crop: NDArray[np.uint8], size_px: float, detector: str
    ) -> None:
        """A face was read; see :func:`seen`. ``crop``: ``(side, side)`` grey."""
        found = seen(face, detector, size_px, sharpness(crop))
        total = self._prominence.get(found.track_id, 0.0) + found.prominence
        self._prominence[found.track_id] = total
        self._faces.append(found)

    def add_voice(
        self, voice: VoiceEmotion, waveform: NDArray[np.float32], *, passing: bool = False
    ) -> None:
        """A stretch of voice was read.

        Args:
            voice: the reading.
            waveform: ``(time,)`` at 16 kHz.
            passing: it counts for :meth:`now` until the next one comes, and no longer.
        """
        said = heard(voice, signal_to_noise_db(waveform))
        self._passing = said if passing else None
        if not passing:
            self._voices.append(said)

    def forget(self, before_s: float) -> None:
        """Drop what ended before a moment, and the weight of faces that were not seen since."""
        drop_before(self._frames_s, before_s, lambda time_s: time_s)
        drop_before(self._voices, before_s, lambda said: said.end_s)
        if drop_before(self._faces, before_s, lambda face: face.time_s):
            left = {face.track_id for face in self._faces}
            self._prominence = {
                track: total for track, total in self._prominence.items() if track in left
            }

    def now(self, time_s: float, in_view: int, words: Sequence[TextEmotion]) -> FusedEmotion | None:
        """What is there at the moment; see :func:`fuse`.

        A voice is read when it pauses: its last reading, and the last words, count for
        :data:`HOLD_S` seconds after they ended.

        Args:
            time_s: the moment.
            in_view: how many of the last faces are in view.
            words: read so far.
        """
        faces = self._faces[-in_view:] if in_view else []
        voice = self._passing or (self._voices[-1] if self._voices else None)
        text = written(words[-1]) if words else None
        return fuse(
            model.load(),
            time_s,
            leading(faces, self._prominence),
            voice if voice is not None and time_s - voice.end_s <= HOLD_S else None,
            text if text is not None and time_s - text.end_s <= HOLD_S else None,
            min_confidence=self._min_confidence,
        )

    def whole(self, words: Sequence[TextEmotion]) -> tuple[FusedEmotion, ...]:
        """All that was read, with these words; see :func:`fuse_all` and :func:`smoothed`."""
        found = fuse_all(
            model.load(),
            self._frames_s,
            self._faces,
            self._voices,
            [text for text in map(written, words) if text is not None],
            min_confidence=self._min_confidence,
        )
        return smoothed(found, self._smooth)


def drop_before(readings: list[T], before_s: float, time_of: Callable[[T], float]) -> bool:
    """Drop the first readings of a list, as long as they lie before a moment; whether any did."""
    count = 0
    while count < len(readings) and time_of(readings[count]) < before_s:
        count += 1
    del readings[:count]
    return count > 0


def models_of(fused: Sequence[FusedEmotion]) -> dict[str, str]:
    """``fusion``: the model's ``name@version``, where it took part: two or more spoke."""
    if any(len(one.modalities) > 1 for one in fused):
        return {"fusion": model.load().at_version}
    return {}


class _Stretches:
    """Stretches by their start; where several hold at once, the one that began last counts."""

    def __init__(self, parts: Iterable[Said]) -> None:
        self.parts = sorted(parts, key=lambda part: part.start_s)
        self._starts = [part.start_s for part in self.parts]

    def at(self, time_s: float) -> Said | None:
        """What holds at a moment, None for silence."""
        place = bisect_right(self._starts, time_s) - 1
        if place < 0 or time_s >= self.parts[place].end_s:
            return None
        return self.parts[place]

    def most(self, other: Said) -> Said | None:
        """What overlaps another stretch for longest, None where nothing does."""
        last = bisect_left(self._starts, other.end_s)
        best: Said | None = None
        # From the last that begins before the other ends, back to the first that ends before it.
        for part in reversed(self.parts[:last]):
            if part.overlap_s(other) <= 0:
                break
            if best is None or part.overlap_s(other) > best.overlap_s(other):
                best = part
        return best


def _stretch(
    fitted: FusionModel, whole: Said, voice: Said | None, words: Said | None, min_confidence: float
) -> FusedEmotion | None:
    return fuse(
        fitted,
        whole.start_s,
        None,
        voice,
        words,
        end_s=whole.end_s,
        min_confidence=min_confidence,
    )


def _any_within(times_s: Sequence[float], part: Said) -> bool:
    place = bisect_left(times_s, part.start_s)
    return place < len(times_s) and times_s[place] < part.end_s
