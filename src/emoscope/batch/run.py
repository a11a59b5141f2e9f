"""A run over many files: what is to be read, who reads it, where the results go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from emoscope.batch.documents import JsonResults
from emoscope.batch.inputs import find_inputs
from emoscope.batch.manifest import Manifest
from emoscope.batch.parquet import ParquetResults
from emoscope.batch.pool import LocalPool, usable_cores
from emoscope.batch.task import Outcome, Task
from emoscope.batch.work import Settings
from emoscope.errors import BatchError, EmoscopeError

MOST_ATTEMPTS = 3
"""A file that was being read so often when the whole run died is not tried again."""

Progress = Callable[[float, float | None], None]


class Pool(Protocol):
    """Whoever reads files."""

    def outcomes(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        """Read the files, in any order."""

    def close(self) -> None:
        """Stop at once."""


@dataclass(frozen=True)
class Summary:
    """What a run came to, over all files that it was asked for.

    Attributes:
        files: how many there are.
        done: of them read, now or before.
        before: of them already known from an earlier run, read or not.
        failed: reason to count of those that could not be read.
        waiting: not looked at; 0 unless the run was interrupted.
        faces: distinct faces, summed over the files.
        speech_s: seconds of speech.
        seconds: that this run took.
        files_per_s: that this run looked at.
        results: where they are.
        manifest: the list of files, with what came of each.
    """

    files: int
    done: int
    before: int
    failed: dict[str, int]
    waiting: int
    faces: int
    speech_s: float
    seconds: float
    files_per_s: float
    results: str
    manifest: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def run(
    named: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    workers: int | None = None,
    resume: bool = False,
    ray: str | None = None,
    progress: Progress | None = None,
    failed: Callable[[Outcome], None] | None = None,
) -> Summary:
    """Read many files.

    Whatever stops it, a further run with ``resume`` goes on where it stopped: no file is lost and
    none is in the results twice.

    Args:
        named: files, folders and lists, see :func:`emoscope.batch.inputs.find_inputs`.
        out: a folder for one JSON document per file, or a name that ends in ``.parquet``.
        settings: how they are read.
        workers: processes; None: one for each core that this process may use.
        resume: go on with the run whose results are there.
        ray: read on a Ray cluster: its address, ``auto`` for the one of this machine, ``local`` for
            one that is started here. ``workers`` is then the most that are used.
        progress: called with how many files are done and how many there are.
        failed: called with each file that could not be read.

    Returns:
        What it came to; an interruption is a :class:`Stopped` that carries it.

    Raises:
        ValueError: a cluster cannot write JSON documents.
        BatchError: it cannot begin, go on, or write.
        UnknownModelError: the catalog has no model of a name in the settings.
        Stopped: it was interrupted (Ctrl-C).
    """
    began = time.monotonic()
    table = out.suffix.lower() == ".parquet"
    if ray is not None and not table:
        raise ValueError("results of a cluster go to a table; give a name that ends in .parquet")
    folder = out.with_name(f"{out.name}.run") if table else out
    manifest_path = folder / "manifest.sqlite"
    _check_place(out, manifest_path, table=table)
    stated = {"options": dict(settings.options), "factory": settings.factory}
    if not all(Path(name).is_absolute() for name in named):
        stated["folder"] = str(Path.cwd())
    with closing(Manifest(manifest_path, stated, resume=resume)) as manifest:
        results = ParquetResults(out, manifest) if table else JsonResults(out, manifest)
        before = manifest.add(find_inputs(named, [folder, out]), mirror=not table)
        tally = manifest.tally()
        looked_at = 0

        def summary() -> Summary:
            now = manifest.tally()
            seconds = time.monotonic() - began
            return Summary(
                files=now.files,
                done=now.done,
                before=before,
                failed=dict(now.failed),
                waiting=now.waiting,
                faces=now.faces,
                speech_s=round(now.speech_s, 3),
                seconds=round(seconds, 3),
                files_per_s=round(looked_at / max(seconds, 1e-9), 3),
                results=str(out),
                manifest=str(manifest_path),
            )

        try:
            if tally.waiting:
                workers = min(workers or usable_cores(), tally.waiting) if not ray else workers
                with _pool(settings, None if table else out, workers, ray) as pool:
                    tasks = _worth_trying(manifest.tasks(mark=ray is None), results, failed)
                    for outcome in pool.outcomes(tasks):
                        results.add(outcome)
                        looked_at += 1
                        if progress is not None:
                            progress(before + looked_at, tally.files)
                        if failed is not None and outcome.status not in ("done", "unchanged"):
                            failed(outcome)
            results.finish()
        except KeyboardInterrupt:
            results.flush()
            manifest.release()
            raise Stopped(summary()) from None
        except EmoscopeError:
            # What was read so far is kept if it can be; the first complaint is the one to show.
            with suppress(BatchError):
                results.flush()
                manifest.release()
            raise
        return summary()


class Stopped(KeyboardInterrupt):
    """The run was interrupted; everything that was read is kept.

    Attributes:
        summary: what it came to so far.
    """

    def __init__(self, summary: Summary) -> None:
        super().__init__()
        self.summary = summary


def _check_place(out: Path, manifest: Path, *, table: bool) -> None:
    if not table and out.exists() and not out.is_dir():
        raise BatchError(f"{out}: a file; give a folder, or a name that ends in .parquet")
    if table and out.is_dir():
        raise BatchError(f"{out}: a folder; give it a name that does not end in .parquet")
    if table and out.exists() and not manifest.exists():
        raise BatchError(f"{out}: is there already; give another --out")


@contextmanager
def _pool(
    settings: Settings, folder: Path | None, workers: int | None, ray: str | None
) -> Iterator[Pool]:
    pool: Pool
    if ray is None:
        pool = LocalPool(settings, folder, workers or usable_cores())
    else:
        from emoscope.batch.on_ray import RayPool

        pool = RayPool(settings, ray, workers)
    with closing(pool):
        yield pool


def _worth_trying(
    tasks: Iterator[Task],
    results: ParquetResults | JsonResults,
    failed: Callable[[Outcome], None] | None,
) -> Iterator[Task]:
    """The tasks but those with which the whole run died time and again."""
    for task in tasks:
        if task.attempts < MOST_ATTEMPTS:
            yield task
            continue
        told = f"the whole run died {task.attempts} times while it was read"
        outcome = Outcome(task.number, task.path, "crashed", "crashed", told)
        results.add(outcome)
        if failed is not None:
            failed(outcome)
