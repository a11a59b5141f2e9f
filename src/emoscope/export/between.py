"""The faces of a video at any time, between the moments when they were read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from emoscope.results import Box, FaceEmotion, Scores

LONGEST_GAP_S = 0.6
"""A face that was not read for longer than this was not there."""


# What a container rounds must not make a face blink.
_SLACK_S = 0.0005


class FacesBetween:
    """Moves each track's box and scores in straight lines from reading to reading.

    Args:
        faces: the readings, in order of time within each track.
        step_s: seconds between the frames that were looked at. A reading holds for one step where
            no other follows, and a gap is no absence unless it is longer than ``LONGEST_GAP_S``
            and than a step and a half.
    """

    def __init__(self, faces: Sequence[FaceEmotion], step_s: float) -> None:
        self._longest_gap_s = max(LONGEST_GAP_S, 1.5 * step_s)
        self._hold_s = step_s
        self._tracks: dict[int, list[FaceEmotion]] = {}
        for face in faces:
            self._tracks.setdefault(face.track_id, []).append(face)
        self._times = {
            track: [face.time_s for face in seen] for track, seen in self._tracks.items()
        }

    def at(self, time_s: float) -> list[FaceEmotion]:
        """The faces to be seen at a time, by track."""
        found = (self._of(track, time_s) for track in self._tracks)
        return [face for face in found if face is not None]

    def _of(self, track: int, time_s: float) -> FaceEmotion | None:
        seen, times = self._tracks[track], self._times[track]
        after = bisect_right(times, time_s + _SLACK_S)
        if after == 0:
            return None
        earlier = seen[after - 1]
        later = seen[after] if after < len(seen) else None
        if later is None or later.time_s - earlier.time_s > self._longest_gap_s:
            held = time_s <= earlier.time_s + self._hold_s + _SLACK_S
            return earlier if held else None
        share = (time_s - earlier.time_s) / (later.time_s - earlier.time_s)
        return _mixed(earlier, later, min(max(share, 0.0), 1.0), time_s)


def _mixed(first: FaceEmotion, second: FaceEmotion, share: float, time_s: float) -> FaceEmotion:
    box = np.asarray(first.box_xyxy) * (1 - share) + np.asarray(second.box_xyxy) * share
    scores = first.scores
    if scores.labels == second.scores.labels:
        parts = np.asarray(scores.probabilities), np.asarray(second.scores.probabilities)
        mean = parts[0] * (1 - share) + parts[1] * share
        scores = Scores(scores.labels, tuple(mean.tolist()), scores.min_confidence)
    corners: Box = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    return FaceEmotion(time_s, corners, first.detection_score, first.track_id, scores, True)
