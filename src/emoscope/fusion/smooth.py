"""Steadier answers over time: means, hysteresis, hold, abstention; functions of time stamps only.

Nothing here reads a clock. Times are seconds and never run backwards; probabilities are tuples over
the same labels.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

Row = tuple[float, ...]
T = TypeVar("T")


class Smoother(Protocol):
    """Takes rows of probabilities as they come, gives steadier ones."""

    def push(self, time_s: float, row: Sequence[float]) -> Row:
        """The steadier row at ``time_s``.

        Raises:
            ValueError: time runs backwards, or the row has another length than those before.
        """
        ...


class _Forward:
    """Refuses times that run backwards and rows that change their length."""

    def __init__(self) -> None:
        self._time_s: float | None = None
        self._width: int | None = None

    def check(self, time_s: float, row: Sequence[float] | None = None) -> float:
        """Seconds since the time before, 0 at the first."""
        last = time_s if self._time_s is None else self._time_s
        if not math.isfinite(time_s) or time_s < last:
            raise ValueError(f"time runs backwards: {time_s} after {last}")
        if row is not None:
            if self._width not in (None, len(row)):
                raise ValueError(f"expected {self._width} values, got {len(row)}")
            self._width = len(row)
        self._time_s = time_s
        return time_s - last


class RollingMean:
    """The mean of the rows of the last ``window_s`` seconds, the newest among them.

    A row that is just ``window_s`` old no longer counts.

    Raises:
        ValueError: ``window_s`` is not positive.
    """

    def __init__(self, window_s: float) -> None:
        if not (math.isfinite(window_s) and window_s > 0):
            raise ValueError(f"expected window_s > 0, got {window_s}")
        self._window_s = window_s
        self._rows: deque[tuple[float, Row]] = deque()
        self._forward = _Forward()

    def push(self, time_s: float, row: Sequence[float]) -> Row:
        self._forward.check(time_s, row)
        self._rows.append((time_s, tuple(row)))
        while time_s - self._rows[0][0] >= self._window_s:
            self._rows.popleft()
        count = len(self._rows)
        return tuple(math.fsum(column) / count for column in zip(*self._values(), strict=True))

    def _values(self) -> list[Row]:
        return [row for _, row in self._rows]


class ExponentialMean:
    """A mean that forgets with a time constant: after ``time_constant_s`` 1/e of it is left.

    Each row holds since the one before it, so that pushing a row twice on the way, or at another
    rate, gives the same.

    Raises:
        ValueError: ``time_constant_s`` is not positive.
    """

    def __init__(self, time_constant_s: float) -> None:
        if not (math.isfinite(time_constant_s) and time_constant_s > 0):
            raise ValueError(f"expected time_constant_s > 0, got {time_constant_s}")
        self._constant_s = time_constant_s
        self._mean: Row | None = None
        self._forward = _Forward()

    def push(self, time_s: float, row: Sequence[float]) -> Row:
        passed_s = self._forward.check(time_s, row)
        if self._mean is None:
            self._mean = tuple(row)
        else:
            new = -math.expm1(-passed_s / self._constant_s)
            self._mean = tuple(m + new * (x - m) for m, x in zip(self._mean, row, strict=True))
        return self._mean


class LabelHysteresis:
    """A label that does not flicker.

    Another label takes over when it leads by ``margin`` in probability, or when it has been the
    best one without a break for ``dwell_s`` seconds.

    Raises:
        ValueError: ``margin`` or ``dwell_s`` is negative.
    """

    def __init__(self, margin: float = 0.1, dwell_s: float = 0.5) -> None:
        if not (margin >= 0 and dwell_s >= 0):
            raise ValueError(f"expected margin, dwell_s >= 0, got {margin}, {dwell_s}")
        self._margin, self._dwell_s = margin, dwell_s
        self._label: int | None = None
        self._rival: tuple[int, float] | None = None  # label, and since when it leads
        self._forward = _Forward()

    def push(self, time_s: float, row: Sequence[float]) -> int:
        """The number of the label that holds at ``time_s``.

        Raises:
            ValueError: as for :meth:`Smoother.push`, or an empty row.
        """
        self._forward.check(time_s, row)
        best = max(range(len(row)), key=row.__getitem__)
        if self._label is None or row[best] <= row[self._label]:
            self._label, self._rival = best if self._label is None else self._label, None
            return self._label
        if self._rival is None or self._rival[0] != best:
            self._rival = (best, time_s)
        leads = row[best] - row[self._label] >= self._margin
        if leads or time_s - self._rival[1] >= self._dwell_s:
            self._label, self._rival = best, None
        return self._label


class Hold(Generic[T]):
    """What was seen last, for ``hold_s`` seconds after it was seen.

    Raises:
        ValueError: ``hold_s`` is negative.
    """

    def __init__(self, hold_s: float) -> None:
        if not hold_s >= 0:
            raise ValueError(f"expected hold_s >= 0, got {hold_s}")
        self._hold_s = hold_s
        self._last: tuple[float, T] | None = None
        self._forward = _Forward()

    def push(self, time_s: float, value: T | None) -> T | None:
        """The value, or where it is None the one before, if that is not too old.

        Raises:
            ValueError: time runs backwards.
        """
        self._forward.check(time_s)
        if value is not None:
            self._last = (time_s, value)
        if self._last is None or time_s - self._last[0] > self._hold_s:
            self._last = None
            return None
        return self._last[1]


def certain(label: int, row: Sequence[float], min_confidence: float) -> int | None:
    """``label``, or None where its probability is below ``min_confidence``: it abstains."""
    return label if row[label] >= min_confidence else None
