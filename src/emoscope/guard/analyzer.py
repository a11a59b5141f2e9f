"""Analyses of media from strangers: decoded apart, read here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emoscope._closing import Closing
from emoscope.analyzer import Analyzer
from emoscope.guard.pool import DecodePool
from emoscope.media import Limits
from emoscope.results import Analysis

Progress = Callable[[float, float | None], None]


class GuardedAnalyzer(Closing):
    """An analyzer whose media are decoded in processes that may die; a context manager.

    The models stay in this process and are shared. What comes out is what
    :meth:`emoscope.analyzer.Analyzer.analyze` gives.

    Args:
        analyzer: reads what is decoded; its own limits do not count.
        limits: of the media.
        memory_bytes: what a decoding process may take beyond what it starts with; kept where the
            system can (Linux).
        timeout_s: how long decoding one medium may keep us waiting in all.
        children: media that can be decoded at a time.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        *,
        limits: Limits,
        memory_bytes: int,
        timeout_s: float,
        children: int = 1,
    ) -> None:
        self._analyzer = analyzer
        self.pool = DecodePool(
            limits=limits, memory_bytes=memory_bytes, timeout_s=timeout_s, children=children
        )

    def analyze(
        self,
        source: Path,
        *,
        name: str | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Analysis:
        """Read one picture, recording or video; from any thread.

        Args:
            source: path of a local file.
            name: what it is called in the result and in errors; the path where None.
            progress: called with the seconds read so far and the length of the medium, None where
                the file does not say.
            cancelled: asked now and then, from any thread; True ends the reading.

        Raises:
            MediaError: the file cannot be read, or its decoder crashed, hung or took too much.
            AnalysisCancelledError: ``cancelled`` said so, or this was closed meanwhile.
            ModelError: a model cannot be had.
            EmoscopeError: no decoding process can be started.
        """
        with self.pool.open(source, name=name, cancelled=cancelled) as media:
            return self._analyzer.analyze_media(media, progress=progress)

    def close(self) -> None:
        """End the decoding processes."""
        self.pool.close()
