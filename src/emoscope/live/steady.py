"""Readings that do not flicker: smoothed scores, labels that hold, boxes over short misses.

Functions of the times they are given; nothing here reads a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from emoscope.fusion.smooth import Hold, LabelHysteresis, Row, certain
from emoscope.live.state import LiveFace
from emoscope.results import Box, FaceEmotion, FusedEmotion, Scores
from emoscope.translated import TranslatedReading

MARGIN = 0.45
"""By how much another label must lead to take over at once (a clear change does in 3 s) ..."""
DWELL = 12.0
"""... and for how many time constants it must lead by less."""
LABEL = 4.0
"""A label is that of so many time constants; the scores follow more closely."""
SAME_PLACE = 0.1
"""IoU from which a new track goes on with what was known of one that broke off there."""
HOLD_S = 0.3
"""How long a face is shown that its tracker no longer reports."""
FORGET_S = 5.0
"""A face that was not seen for so long begins anew."""
# A label that is shown stays until it has half of what it needs to appear.
_STAYS = 0.5
# For how long the first reading counts: there is none before it.
_FIRST_S = 0.1


@dataclass(frozen=True)
class Steady:
    """What is shown of one subject.

    Attributes:
        scores: smoothed.
        label: the one that holds; None: unsure.
        confidence: probability of the label over the time that it stands for; without a label that
            of the best one in ``scores``.
    """

    scores: Scores
    label: str | None
    confidence: float


class SteadyScores:
    """Scores of one subject over time.

    Args:
        smooth_s: time constant of the mean in seconds; 0: nothing is smoothed.

    Raises:
        ValueError: ``smooth_s`` is negative or not finite.
    """

    def __init__(self, smooth_s: float) -> None:
        self._smooth_s = smooth_s
        self._now = _Mean(smooth_s)
        self._lately = _Mean(LABEL * smooth_s)
        self._hysteresis = LabelHysteresis(MARGIN if smooth_s else 0.0, DWELL * smooth_s)
        self._sure = False

    def push(self, time_s: float, scores: Scores) -> Steady:
        """What to show once the reading at ``time_s`` is in.

        Raises:
            ValueError: time runs backwards.
        """
        now = self._now.push(time_s, scores.probabilities)
        lately = self._lately.push(time_s, scores.probabilities)
        stays = self._sure and self._smooth_s > 0
        needed = scores.min_confidence * (_STAYS if stays else 1.0)
        label = certain(self._hysteresis.push(time_s, lately), lately, needed)
        self._sure = label is not None
        shown = replace(scores, probabilities=now)
        if label is None:
            return Steady(shown, None, shown.confidence)
        return Steady(shown, scores.labels[label], lately[label])


class _Mean:
    """A mean that forgets with a time constant, without clinging to its first row.

    Each row holds since the one before it, the first for :data:`_FIRST_S`.
    """

    def __init__(self, time_constant_s: float) -> None:
        self._constant_s = time_constant_s
        self._time_s = 0.0
        self._weight = 0.0
        self._mean: Row = ()

    def push(self, time_s: float, row: Row) -> Row:
        if self._constant_s == 0:
            return row
        first = not self._mean
        passed_s = _FIRST_S if first else time_s - self._time_s
        new = -math.expm1(-passed_s / self._constant_s)
        self._time_s = time_s
        self._weight = self._weight * (1 - new) + new
        if first:
            self._mean = row
        share = new / self._weight
        self._mean = tuple(m + share * (x - m) for m, x in zip(self._mean, row, strict=True))
        return self._mean


class _SteadyFace:
    def __init__(self, smooth_s: float, detect_every: int) -> None:
        self._scores = SteadyScores(smooth_s)
        self._detect_every = detect_every
        self._unseen = 0  # readings since it was detected
        self._held: Hold[LiveFace] = Hold(HOLD_S)
        self.seen_s = 0.0
        self.box_xyxy: Box = (0.0, 0.0, 0.0, 0.0)

    def see(self, face: FaceEmotion) -> LiveFace:
        self.seen_s = face.time_s
        if not face.box_held:  # a prediction may drift off
            self.box_xyxy = face.box_xyxy
        self._unseen = self._unseen + 1 if face.box_held else 0
        # Between detections boxes are predicted; only after a detection that failed is one missed.
        missed = self._unseen >= self._detect_every
        last = self._held.push(face.time_s, None) if missed else None
        if last is not None:
            # What a missed face's box now shows may be no face: its scores stay as they were.
            shown = replace(last, box_xyxy=face.box_xyxy, held=True)
        else:
            steady = self._scores.push(face.time_s, face.scores)
            shown = LiveFace(
                face.track_id,
                face.box_xyxy,
                steady.scores,
                steady.label,
                missed,
                steady.confidence,
            )
        self._held.push(face.time_s, shown)
        return shown

    def miss(self, time_s: float) -> LiveFace | None:
        last = self._held.push(time_s, None)
        return None if last is None else replace(last, held=True)


class SteadyFaces:
    """The faces in view, each steadied for itself.

    Args:
        smooth_s: as for :class:`SteadyScores`.
        detect_every: faces are searched in every so many frames.
    """

    def __init__(self, smooth_s: float, detect_every: int = 1) -> None:
        self._smooth_s, self._detect_every = smooth_s, detect_every
        self._known: dict[int, _SteadyFace] = {}

    def push(self, time_s: float, faces: Sequence[FaceEmotion]) -> tuple[LiveFace, ...]:
        """Take what was read in the frame at ``time_s``; the faces to show, by ``track_id``.

        Raises:
            ValueError: time runs backwards.
        """
        shown = {}
        detected = {face.track_id for face in faces if not face.box_held}
        for face in faces:
            if face.track_id not in self._known and not face.box_held:
                self._known[face.track_id] = self._successor(face, detected)
        for face in faces:
            if face.track_id not in self._known:
                continue  # only predicted, and another has taken its place
            shown[face.track_id] = self._known[face.track_id].see(face)
        for track_id, known in list(self._known.items()):
            if track_id in shown:
                continue
            held = known.miss(time_s)
            if held is not None:
                shown[track_id] = held
            elif time_s - known.seen_s > FORGET_S:
                del self._known[track_id]
        return tuple(shown[track_id] for track_id in sorted(shown))

    def _successor(self, face: FaceEmotion, detected: set[int]) -> _SteadyFace:
        """What was known of the face in the same place, if its track broke off; else a new one."""
        gone = {
            track_id: _overlap(known.box_xyxy, face.box_xyxy)
            for track_id, known in self._known.items()
            if track_id not in detected
        }
        nearest = max(gone, key=gone.__getitem__, default=None)
        if nearest is None or gone[nearest] < SAME_PLACE:
            return _SteadyFace(self._smooth_s, self._detect_every)
        return self._known.pop(nearest)


class SteadyTogether:
    """What is fused, and what is translated, steadied; begins anew where it was interrupted."""

    def __init__(self, smooth_s: float) -> None:
        self._smooth_s = smooth_s
        self._fused: SteadyScores | None = None
        self._translated: tuple[str, SteadyScores] | None = None

    def fused(self, time_s: float, fused: FusedEmotion | None) -> Steady | None:
        """What to show of the fused answer; None where there is none."""
        if fused is None:
            self._fused = None
            return None
        if self._fused is None:
            self._fused = SteadyScores(self._smooth_s)
        return self._fused.push(time_s, fused.scores)

    def translated(
        self, time_s: float, reading: TranslatedReading | None
    ) -> TranslatedReading | None:
        """The translation with smoothed scores."""
        if reading is None:
            self._translated = None
            return None
        if self._translated is None or self._translated[0] != reading.to:
            self._translated = (reading.to, SteadyScores(self._smooth_s))
        return replace(reading, scores=self._translated[1].push(time_s, reading.scores).scores)


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (a, b)]
    return both / (sum(areas) - both)
