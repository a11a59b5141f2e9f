"""Reads uploads with models that stay here and decoders that may die elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.apps.dashboard.reading import LIMITS, Medium, Step
from emoscope.guard import GuardedAnalyzer
from emoscope.results import Analysis

if TYPE_CHECKING:
    from emoscope.analyzer import Analyzer

WITHIN_S = 30 * 60.0
MEMORY_BYTES = 2 * 1024**3
ANNOTATED_BYTES = 2 * 1024**3
AT_A_TIME = 3  # visitors whose files are decoded at the same moment


class GuardedReader:
    """The :class:`emoscope.apps.dashboard.reading.Reader` of the dashboard; thread-safe."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._guarded = GuardedAnalyzer(
            analyzer,
            limits=LIMITS,
            memory_bytes=MEMORY_BYTES,
            timeout_s=WITHIN_S,
            children=AT_A_TIME,
        )

    def analyze(
        self, path: Path, name: str, progress: Step, cancelled: Callable[[], bool]
    ) -> Analysis:
        """What is in a file."""
        return self._guarded.analyze(path, name=name, progress=progress, cancelled=cancelled)

    def open(
        self, path: Path, name: str, cancelled: Callable[[], bool]
    ) -> AbstractContextManager[Medium]:
        """Its frames and sound."""
        return self._guarded.pool.open(path, name=name, cancelled=cancelled)

    def annotate(
        self,
        path: Path,
        analysis: Analysis,
        out: Path,
        progress: Step,
        cancelled: Callable[[], bool],
    ) -> None:
        """Write it again with what was read drawn in."""
        self._guarded.pool.annotate(
            path,
            analysis,
            out,
            out_bytes=ANNOTATED_BYTES,
            name=analysis.source,
            progress=progress,
            cancelled=cancelled,
        )

    def close(self) -> None:
        """End the decoding processes."""
        self._guarded.close()
