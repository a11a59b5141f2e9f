"""A run in a process of its own, to be killed: ``driven_run.py MEDIA OUT KILL_AT RESUME``.

KILL_AT names a step and how often it was taken when the process kills itself with all that it has:
``part:2`` right before the second part would be noted, ``table:1`` right before the new table would
be, ``done:5`` when five files are done, ``never``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import emoscope.batch.parquet as parquet
from emoscope.batch import Settings, run
from emoscope.batch.manifest import Manifest

STEPS = {"part": "record", "table": "compacted"}


def main(media: str, out: str, kill_at: str, resume: str) -> None:
    step, _, often = kill_at.partition(":")
    left = int(often or 0)

    def kill() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def deadly(usual: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            kill()
            return usual(*arguments)

        return call

    parquet._PART_FILES = 3
    if step in STEPS:
        name = STEPS[step]
        setattr(Manifest, name, deadly(getattr(Manifest, name)))
    settings = Settings(factory="told_reader:reader")
    summary = run(
        [media],
        Path(out),
        settings,
        workers=2,
        resume=resume == "resume",
        progress=lambda done, total: kill() if step == "done" else None,
    )
    sys.stdout.write(json.dumps(summary.to_dict()))


if __name__ == "__main__":
    main(*sys.argv[1:])
