"""Contenders in turns: A B C, A B C, ... so that a slow minute of the machine meets all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import geometric_mean, median
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parent
OURS, LIMIT = "emoscope", "bare limit"


def usable_cores() -> int:
    """That this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Contender:
    """A process that reads items on demand; see :mod:`benchmarks.worker`.

    Args:
        name: for the table.
        script: in ``contenders/``.
        python: interpreter of its virtual environment.
        threads: for numerical libraries; None: as they like.
        choice: what the script is to do of what it can do, an environment variable for it.
    """

    def __init__(
        self,
        name: str,
        script: str,
        python: str = sys.executable,
        threads: int | None = None,
        choice: str = "",
    ) -> None:
        self.name = name
        env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", BENCHMARK_CHOICE=choice)
        env["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, [os.getenv("PYTHONPATH")])])
        if threads is not None:
            env |= {
                name: str(threads)
                for name in (
                    "OMP_NUM_THREADS",
                    "OPENBLAS_NUM_THREADS",
                    "TF_NUM_INTRAOP_THREADS",
                    "TF_NUM_INTEROP_THREADS",
                    "BENCHMARK_THREADS",
                )
            }
        self._process = subprocess.Popen(
            [python, str(HERE / "contenders" / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )
        self.ready_s = float(self._answer()["ready_s"])

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def read(self, item: str) -> dict[str, Any]:
        """Seconds (``s``, ``cpu_s``), ``result`` and ``peak_mb`` of one item."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(item) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self._process.wait()}")
        return dict(json.loads(line))


@dataclass
class Outcome:
    """Seconds per item and contender, in order of the rounds."""

    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)

    def median_s(self, item: str, name: str) -> float:
        """Of the rounds."""
        return median(self.seconds[item][name])

    def ratio(self, name: str, other: str, item: str | None = None) -> float:
        """How many times as long ``other`` takes as ``name``.

        Median over the rounds of one sitting, geometric mean over the items.
        """
        items = list(self.seconds) if item is None else [item]
        return geometric_mean(
            median(
                theirs / ours
                for ours, theirs in zip(
                    self.seconds[one][name], self.seconds[one][other], strict=True
                )
            )
            for one in items
        )

    def to_dict(self) -> dict[str, Any]:
        """For the file."""
        names = list(self.peak_mb)
        return {
            "median_s": {
                item: {name: round(self.median_s(item, name), 5) for name in found}
                for item, found in self.seconds.items()
            },
            "results": self.results,
            "peak_mb": {name: round(mb) for name, mb in self.peak_mb.items()},
            "times_as_long_as_emoscope": {
                name: round(self.ratio(OURS, name), 3) for name in names if name != OURS
            },
        }


def contest(contenders: Sequence[Contender], items: dict[str, str], rounds: int) -> Outcome:
    """Every contender reads every item in every round, after one round that is not counted."""
    outcome = Outcome()
    for item, path in items.items():
        times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
        for count in range(rounds + 1):
            for contender in contenders:
                found = contender.read(path)
                if count:
                    times[contender.name].append(float(found["s"]))
                outcome.results.setdefault(item, {})[contender.name] = found["result"]
                outcome.peak_mb[contender.name] = found["peak_mb"]
        outcome.seconds[item] = times
    return outcome
