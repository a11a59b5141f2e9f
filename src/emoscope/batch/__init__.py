"""Many files: a pool of processes on this machine or a cluster, and a table of what was found.

:func:`~emoscope.batch.run.run` reads, :mod:`emoscope.batch.report` looks at what was read.
"""

from __future__ import annotations

from emoscope.batch.run import Stopped, Summary, run
from emoscope.batch.work import Settings

__all__ = ["Settings", "Stopped", "Summary", "run"]
