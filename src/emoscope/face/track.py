"""Gives each face the same number through a video.

Detections are matched to the places where known faces should be by now (centre distance and size,
an optimal assignment), so that a face keeps its number through jitter, short misses and crossings.
It compares boxes only, never who somebody is: a face that leaves and comes back is a new one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.face.detect import Detection
from emoscope.results import Box

HOLD_S = 1.0  # how long a face that is not detected is still believed to be there
FORGET_S = 5.0  # after a gap of this length between updates nothing is matched
CONFIRM_S = 0.2  # how long a new face must have been seen before it gets a number
_REACH = 0.8  # how far, in face sides, a detection may lie from where its face should be ...
_REACH_PER_S = 1.0  # ... and how much farther per second since it was seen, up to one second
_VELOCITY_S = 0.15  # over which time the velocity is averaged
_COAST_S = 0.3  # over which time a face that is not seen comes to rest
_EPS_S = 1e-6  # times of frames are sums of fractions


@dataclass(frozen=True)
class Track:
    """One face at one moment.

    Attributes:
        track_id: its number, from 0; never used again for another face.
        box_xyxy: where it is, in pixels: the detector's own box, or a predicted one.
        score: the detector's certainty when the face was last detected.
        held: the box is predicted, not detected at this moment.
    """

    track_id: int
    box_xyxy: Box
    score: float
    held: bool

    def in_view(self, width: int, height: int) -> bool:
        """Whether the centre of the box lies inside a picture of so many pixels."""
        x1, y1, x2, y2 = self.box_xyxy
        return 0 <= (x1 + x2) / 2 < width and 0 <= (y1 + y2) / 2 < height


class _Face:
    """What is known of one face; centre and size in pixels, velocity in pixels per second."""

    def __init__(self, time_s: float, detection: Detection) -> None:
        self.track_id: int | None = None
        self.centre, self.size = _centre_and_size(detection.box_xyxy)
        self.velocity = np.zeros(2)
        self.score = detection.score
        self.first_s = self.seen_s = time_s
        self.hits = self.chances = 1
        self.settled = False  # once seen for long enough, and more often than not

    def centre_at(self, time_s: float) -> NDArray[np.float64]:
        elapsed = max(time_s - self.seen_s, 0.0)
        return self.centre + self.velocity * _COAST_S * -math.expm1(-elapsed / _COAST_S)

    def box_at(self, time_s: float) -> Box:
        (x, y), (width, height) = self.centre_at(time_s), self.size
        return (
            float(x - width / 2),
            float(y - height / 2),
            float(x + width / 2),
            float(y + height / 2),
        )

    def see(self, time_s: float, detection: Detection) -> None:
        centre, self.size = _centre_and_size(detection.box_xyxy)
        elapsed = time_s - self.seen_s
        if elapsed > 0:
            share = -math.expm1(-elapsed / _VELOCITY_S)
            self.velocity += share * ((centre - self.centre) / elapsed - self.velocity)
        self.centre = centre
        self.score = detection.score
        self.seen_s = time_s
        self.hits += 1
        long_enough = time_s - self.first_s >= CONFIRM_S - _EPS_S
        self.settled |= long_enough and 2 * self.hits > self.chances

    def is_lost(self, time_s: float) -> bool:
        patience = HOLD_S if self.settled else CONFIRM_S
        return time_s - self.seen_s > patience + _EPS_S


class FaceTracker:
    """Stable numbers for faces: a pure function of the times and detections it is given.

    A face found in the very first update, thus every face of a picture, has its number at once.
    One that turns up later must have been seen for 0.2 s, at least twice and in more than half of
    the updates: a false detection of one frame gets none. Faces numbered in the same update are
    numbered from left to right. A face that is not detected is held for 1 s (0.2 s while it is
    new) and not reported while a detected face covers most of it.
    """

    def __init__(self) -> None:
        self._faces: list[_Face] = []
        self._next_id = 0
        self._time_s: float | None = None

    def update(self, time_s: float, detections: Sequence[Detection]) -> list[Track]:
        """Take in what was detected in the frame at ``time_s``.

        Args:
            time_s: seconds from the start; never less than in the update before.
            detections: in any order; the order does not matter.

        Returns:
            The faces in view, detected or held, by number.

        Raises:
            ValueError: time is not finite or runs backwards.
        """
        self._check_time(time_s)
        first = self._time_s is None
        self._time_s = time_s
        ordered = sorted(detections, key=_left_to_right)
        known = [face for face in self._faces if time_s - face.seen_s <= FORGET_S]
        found: dict[int, Detection] = {}  # position in `faces` -> what was detected
        for face in known:
            face.chances += 1
        pairs = dict(_match(known, time_s, ordered))
        for index, detection_index in pairs.items():
            known[index].see(time_s, ordered[detection_index])
            found[index] = ordered[detection_index]
        taken = set(pairs.values())
        faces = list(known)
        for detection_index, detection in enumerate(ordered):
            if detection_index not in taken:
                found[len(faces)] = detection
                faces.append(_Face(time_s, detection))
        for index in sorted(found, key=lambda i: _left_to_right(found[i])):
            face = faces[index]
            if face.track_id is None and (first or face.settled):
                face.track_id = self._next_id
                self._next_id += 1
        boxes = {id(faces[index]): found[index].box_xyxy for index in found}
        self._faces = [face for face in faces if not face.is_lost(time_s)]
        return self._report(time_s, boxes)

    def predict(self, time_s: float) -> list[Track]:
        """Where the faces should be at ``time_s``, between detections; changes nothing.

        Raises:
            ValueError: time is not finite or lies before the last update.
        """
        self._check_time(time_s)
        return self._report(time_s, {})

    def _report(self, time_s: float, boxes: dict[int, Box]) -> list[Track]:
        tracks = []
        for face in self._faces:
            if face.track_id is None or face.is_lost(time_s):
                continue
            box = boxes.get(id(face))
            held = box is None
            if box is None:
                box = face.box_at(time_s)
                if any(_covers(other, box) for other in boxes.values()):
                    continue
            tracks.append(Track(face.track_id, box, face.score, held))
        return sorted(tracks, key=lambda track: track.track_id)

    def _check_time(self, time_s: float) -> None:
        if not math.isfinite(time_s) or (
            self._time_s is not None and time_s < self._time_s - _EPS_S
        ):
            last = "any" if self._time_s is None else f"at least {self._time_s}"
            raise ValueError(f"expected a finite time_s, {last}; got {time_s}")


def _centre_and_size(box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x1, y1, x2, y2 = box
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2]), np.array([x2 - x1, y2 - y1])


def _left_to_right(detection: Detection) -> tuple[float, ...]:
    x1, y1, x2, y2 = detection.box_xyxy
    return (x1 + x2, y1 + y2, x1, y1, -detection.score)


def _covers(front: Box, box: Box) -> bool:
    """Whether ``front`` lies over more than half of ``box``."""
    width = min(front[2], box[2]) - max(front[0], box[0])
    height = min(front[3], box[3]) - max(front[1], box[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return width > 0 and height > 0 and 2 * width * height > area


def _match(
    faces: Sequence[_Face], time_s: float, detections: Sequence[Detection]
) -> list[tuple[int, int]]:
    """Pairs (face, detection) of the least total cost; too distant ones stay alone.

    The cost of a pair is 1 at the edge of a face's reach. A pair may cost no more than leaving
    both alone, so that one face that is gone does not push all the others along a row.
    """
    if not faces or not detections:
        return []
    cost = np.ones((len(faces), len(detections)))
    for row, face in enumerate(faces):
        expected = face.centre_at(time_s)
        reach = _REACH + _REACH_PER_S * min(time_s - face.seen_s, 1.0)
        for column, detection in enumerate(detections):
            centre, size = _centre_and_size(detection.box_xyxy)
            side = math.sqrt(math.sqrt(float(np.prod(face.size) * np.prod(size))))
            growth = abs(math.log(float(np.prod(size) / np.prod(face.size)))) / 2
            apart = float(np.hypot(*(centre - expected))) / side
            # Twice the side, or half of it, is as far as the edge of the reach. A face without a
            # number yields to one that has it.
            new = 0.05 if face.track_id is None else 0.0
            cost[row, column] = min(math.hypot(apart / reach, growth / math.log(2)) + new, 1.0)
    return [(row, column) for row, column in _assign(cost) if cost[row, column] < 1.0]


def _assign(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The assignment of least total cost (Kuhn, 1955; by shortest augmenting paths)."""
    if cost.shape[0] > cost.shape[1]:
        return sorted((row, column) for column, row in _assign(cost.T))
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows + 1), np.zeros(columns + 1)
    owner = np.zeros(columns + 1, dtype=np.intp)  # row of each column, both from 1; 0: none
    for row in range(1, rows + 1):
        owner[0] = row
        column = 0
        least = np.full(columns + 1, np.inf)
        before = np.zeros(columns + 1, dtype=np.intp)
        used = np.zeros(columns + 1, dtype=bool)
        while owner[column] != 0:
            used[column] = True
            current = owner[column]
            slack = cost[current - 1] - row_price[current] - column_price[1:]
            better = ~used[1:] & (slack < least[1:])
            least[1:][better] = slack[better]
            before[1:][better] = column
            following = 1 + int(np.argmin(np.where(used[1:], np.inf, least[1:])))
            step = least[following]
            row_price[owner[used]] += step
            column_price[used] -= step
            least[~used] -= step
            column = following
        while column:
            owner[column] = owner[before[column]]
            column = int(before[column])
    return sorted((int(owner[c]) - 1, c - 1) for c in range(1, columns + 1) if owner[c])
