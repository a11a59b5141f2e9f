"""The same work on a Ray cluster, as a pool: Ray Data hands out the files and brings back rows.

What is to be read, what was read and the table of results stay with the run, so that resuming works
as it does on one machine. Ray retries what a lost node was reading; a file that crashes or hangs is
recorded by the pool of one worker that each Ray actor keeps, as on one machine.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from emoscope._optional import require
from emoscope.batch.pool import LocalPool, usable_cores
from emoscope.batch.task import Outcome, Task
from emoscope.batch.work import Settings
from emoscope.errors import BatchError, EmoscopeError

_PER_CORE = 2000  # files handed to the cluster at a time: long enough that starting costs little
_BLOCK = 64  # files that Ray reads again when a node is lost, at most
_BATCH = 8
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}


class RayPool:
    """Reads files on a Ray cluster.

    Args:
        settings: how files are read.
        address: of a running cluster, ``auto``, or ``local`` to start one on this machine for as
            long as the pool lives.
        workers: the most that read at a time; None: as many as the cluster has cores.

    Raises:
        MissingExtraError: Ray is not installed.
        BatchError: there is no such cluster.
    """

    def __init__(self, settings: Settings, address: str, workers: int | None = None) -> None:
        os.environ.update({name: os.environ.get(name, value) for name, value in _QUIET.items()})
        self._ray = require("ray", extra="batch")
        self._data = require("ray.data", extra="batch")
        self._arrow = require("pyarrow", extra="batch")
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._settings = settings
        self._ours = not self._ray.is_initialized()
        if self._ours:
            self._connect(address, workers)
        cores = int(self._ray.cluster_resources().get("CPU", 1))
        self._workers = max(1, min(workers or cores, cores))

    def outcomes(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        """Read the files; what came of each, in no order.

        Raises:
            BatchError: the cluster failed, or a model cannot be had there.
        """
        while some := list(islice(tasks, _PER_CORE * self._workers)):
            waiting = {task.number for task in some}
            try:
                for batch in self._read(some).iter_batches(batch_size=None, batch_format="pyarrow"):
                    for outcome in _outcomes_of(batch):
                        # A block that was read twice, because a node was lost, counts once.
                        if outcome.number in waiting:
                            waiting.remove(outcome.number)
                            yield outcome
            except self._ray.exceptions.RayError as error:
                raise BatchError(
                    f"the Ray cluster failed: {str(error).strip().splitlines()[-1]}; "
                    "go on with --resume"
                ) from error
            if waiting:
                raise BatchError(
                    f"the Ray cluster gave no answer for {len(waiting)} files; go on with --resume"
                )

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._ours:
            self._ray.shutdown()

    def _connect(self, address: str, workers: int | None) -> None:
        here: dict[str, Any] = {
            "num_cpus": workers or usable_cores(),
            "include_dashboard": False,
        }
        try:
            with _quiet_start():
                self._ray.init(
                    **(here if address == "local" else {"address": address}),
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
        except Exception as error:
            line = " ".join(str(error).split())[:300]
            raise BatchError(f"{address}: no Ray cluster can be reached there: {line}") from error

    def _read(self, some: list[Task]) -> Any:
        self._data.DataContext.get_current().enable_progress_bars = False
        blocks = [some[first : first + _BLOCK] for first in range(0, len(some), _BLOCK)]
        tables = [
            self._arrow.table({"task": [json.dumps(task.to_dict()) for task in block]})
            for block in blocks
        ]
        return self._data.from_arrow(tables).map_batches(
            ReadFiles,
            fn_constructor_args=(self._settings, str(Path.cwd())),
            batch_size=_BATCH,
            batch_format="pyarrow",
            compute=self._data.ActorPoolStrategy(size=min(self._workers, len(blocks))),
            num_cpus=1,
        )


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Ray's native part says on standard error how quiet it was told to be."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


class ReadFiles:
    """What each Ray actor does: a pool of one worker, kept from block to block.

    Args:
        settings: how files are read.
        folder: what relative paths start from, where the node has it.
    """

    def __init__(self, settings: Settings, folder: str) -> None:
        start = Path(folder) if Path(folder).is_dir() else None
        self._pool = LocalPool(settings, None, workers=1, threads=1, start_in=start)

    def __call__(self, batch: Any) -> Any:
        """Answers for a table of tasks: their outcomes as JSON, and the rows of each."""
        arrow = require("pyarrow", extra="batch")
        tasks = [Task(**json.loads(text)) for text in batch.column("task").to_pylist()]
        told: list[str] = []
        rows: list[bytes] = []
        try:
            for outcome in self._pool.outcomes(iter(tasks)):
                told.append(json.dumps(outcome.to_dict()))
                rows.append(outcome.rows)
        except EmoscopeError as error:
            told.append(json.dumps({"fatal": str(error)}))
            rows.append(b"")
        return arrow.table({"outcome": told, "rows": arrow.array(rows, arrow.binary())})


def _outcomes_of(batch: Any) -> Iterator[Outcome]:
    for text, rows in zip(
        batch.column("outcome").to_pylist(), batch.column("rows").to_pylist(), strict=True
    ):
        message = json.loads(text)
        if "fatal" in message:
            raise BatchError(message["fatal"])
        yield Outcome(**message, rows=rows)
