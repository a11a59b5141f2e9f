"""The other end of a contest: one process per contender, standard library only.

It may run in another virtual environment. It says when it is ready, then times each item that it
is told to read; the parent decides the order, so that contenders take turns.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

Read = Callable[[str], object]


def serve(prepare: Callable[[], Read]) -> None:
    """Answer lines of JSON on standard input until it ends."""
    # What a library prints must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**found: object) -> None:
        answers.write(json.dumps(found) + "\n")
        answers.flush()

    begin = time.perf_counter()
    read = prepare()
    answer(ready_s=time.perf_counter() - begin, peak_mb=peak_mb())
    for line in sys.stdin:
        item = json.loads(line)
        begin, cpu = time.perf_counter(), time.process_time()
        result = read(item)
        answer(
            s=time.perf_counter() - begin,
            cpu_s=time.process_time() - cpu,
            result=result,
            peak_mb=peak_mb(),
        )


def peak_mb() -> float:
    """The most memory that this process had resident, 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
