"""How many pictures are shown in a second, and how late."""

from __future__ import annotations

from collections import deque
from statistics import median

_WINDOW_S = 2.0


class Rates:
    """Counts what was shown in the last two seconds."""

    def __init__(self) -> None:
        self._shown: deque[tuple[float, float]] = deque()

    def push(self, now_s: float, delay_s: float) -> None:
        """A new picture is on the screen, so long after it was taken."""
        self._shown.append((now_s, delay_s))
        self._forget(now_s)

    def at(self, now_s: float) -> tuple[float | None, float | None]:
        """Pictures in a second and their median delay; None while nothing is shown."""
        self._forget(now_s)
        if len(self._shown) < 2:
            return None, None
        took_s = self._shown[-1][0] - self._shown[0][0]
        rate = (len(self._shown) - 1) / took_s if took_s > 0 else None
        return rate, median(delay_s for _, delay_s in self._shown)

    def _forget(self, now_s: float) -> None:
        while self._shown and now_s - self._shown[0][0] > _WINDOW_S:
            self._shown.popleft()
