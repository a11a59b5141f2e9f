"""The outline of a recording, in one pass and constant memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE, Limits, Sound, open_media

ENVELOPE_COLUMNS = 1600

_BUCKETS = 4096
_FIRST_BUCKET = 64


def envelope(
    source_path: str | Path,
    columns: int = ENVELOPE_COLUMNS,
    *,
    limits: Limits | None = None,
    progress: Callable[[float, float | None], None] | None = None,
) -> NDArray[np.float32]:
    """Least and greatest sample of each of ``columns`` equal parts of a sound.

    Args:
        source_path: a recording or a video.
        columns: how many parts.
        limits: of the input; the usual ones where None.
        progress: called with the seconds done and the seconds in all, None where not known.

    Returns:
        (columns, 2) float32 within [-1, 1]; zeros where there is no sound.

    Raises:
        MediaError: the file cannot be read.
        ValueError: ``columns`` is not positive.
    """
    if columns < 1:
        raise ValueError(f"expected at least one column, got {columns}")
    outline = Outline()
    with open_media(source_path, limits or Limits()) as media:
        for item in media.read(fps=0.001):
            if isinstance(item, Sound):
                outline.push(item)
                if progress is not None:
                    progress(item.end_s, media.duration_s)
    return outline.columns(columns)


class Outline:
    """Least and greatest samples in buckets that double in length when they are used up."""

    def __init__(self) -> None:
        self._length = _FIRST_BUCKET
        self._low = np.zeros(_BUCKETS, dtype=np.float32)
        self._high = np.zeros(_BUCKETS, dtype=np.float32)
        self._end = 0

    def push(self, sound: Sound) -> None:
        """Add the next stretch of sound; silence before it stays silence."""
        start = round(sound.time_s * SAMPLE_RATE)
        end = start + len(sound.waveform)
        while end > self._length * _BUCKETS:
            self._double()
        if end > start:
            at = np.arange(start, end) // self._length
            edges = np.flatnonzero(np.diff(at, prepend=at[0] - 1))
            first, last = int(at[0]), int(at[-1]) + 1
            low = np.minimum.reduceat(sound.waveform, edges)
            high = np.maximum.reduceat(sound.waveform, edges)
            np.minimum(self._low[first:last], low, out=self._low[first:last])
            np.maximum(self._high[first:last], high, out=self._high[first:last])
        self._end = max(self._end, end)

    def columns(self, count: int) -> NDArray[np.float32]:
        """The outline in ``count`` equal parts, (count, 2)."""
        used = max(1, -(-self._end // self._length))
        edges = np.linspace(0, max(self._end, 1) / self._length, count + 1)
        found = np.zeros((count, 2), dtype=np.float32)
        for column in range(count):
            first = min(int(edges[column]), used - 1)
            last = min(max(first + 1, int(np.ceil(edges[column + 1] - 1e-9))), used)
            found[column] = self._low[first:last].min(), self._high[first:last].max()
        return found

    def _double(self) -> None:
        for row, join in ((self._low, np.minimum), (self._high, np.maximum)):
            joined = join(row[::2], row[1::2])
            row[:] = 0
            row[: len(joined)] = joined
        self._length *= 2
