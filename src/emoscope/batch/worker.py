"""A worker: a process with models of its own that reads one file after the other.

    python -P -m emoscope.batch.worker

It is told on standard input what to do, answers on what was its standard output, and ends when
standard input does, also in the middle of a file: then the run has gone.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from emoscope.batch import wire
from emoscope.batch.task import Task
from emoscope.batch.work import OutputError, Settings, failure, prepare, read
from emoscope.errors import EmoscopeError, ModelError, UnknownModelError


def main() -> None:
    """Serve until there is nobody to serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run sees to it
    answers = os.fdopen(os.dup(1), "wb")
    # What libraries print must not get between the answers.
    os.dup2(2, 1)
    tasks: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, tasks), daemon=True).start()
    first = tasks.get()
    settings = Settings(**first["settings"])
    folder = None if first["folder"] is None else Path(first["folder"])
    try:
        prepare(folder)
        reader = settings.reader(first["threads"])
    except (EmoscopeError, ValueError, ImportError) as error:
        _give_up(answers, error)
        return
    wire.send(answers, {"ready": True})
    # From here on all that matters is in the answers; what libraries print would tear the bar.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    proven = False
    while True:
        task = Task(**tasks.get())
        try:
            outcome = read(reader, task, folder)
        except OutputError as error:
            _give_up(answers, error)
            continue
        except EmoscopeError as error:
            # A model that has worked before fails on this file alone.
            if not (proven and type(error) is ModelError):
                _give_up(answers, error)
                continue
            outcome = failure({"number": task.number, "path": task.path}, error, 0.0)
        proven = proven or outcome.status == "done"
        wire.send(answers, outcome.to_dict(), outcome.rows)


def _give_up(answers: BinaryIO, error: Exception) -> None:
    unknown = isinstance(error, UnknownModelError)
    wire.send(answers, {"fatal": str(error), "unknown_model": unknown})


def _listen(pipe: BinaryIO, tasks: queue.SimpleQueue[dict[str, Any]]) -> None:
    while (got := wire.receive(pipe)) is not None:
        tasks.put(got[0])
    os._exit(0)


if __name__ == "__main__":
    main()
