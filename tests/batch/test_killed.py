"""Runs that die: killed at any point, without space, with very many files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emoscope.batch import Settings, run
from emoscope.errors import BatchError

DRIVEN = Path(__file__).parent / "stand_ins" / "driven_run.py"
FILES = 20


def children(process: int) -> set[int]:
    """Numbers of the processes that a process started."""
    found = set()
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found |= {int(number) for number in task.read_text().split()}
    return found


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def resident_bytes(process: int) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="no /proc to look at processes"
)


def drive(media: Path, out: Path, kill_at: str, *, resume: bool) -> subprocess.CompletedProcess:
    command = [sys.executable, DRIVEN, media, out, kill_at, "resume" if resume else "anew"]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "kills",
    [
        ("done:1",),
        ("done:5", "done:4", "done:9"),
        ("part:1",),
        ("part:3", "part:2"),
        ("table:1", "table:1"),
        ("done:7", "part:2", "table:1"),
    ],
    ids="-".join,
)
def test_a_killed_run_goes_on_and_neither_loses_nor_doubles_a_file(
    kills: tuple[str, ...], files: Callable, tmp_path: Path
) -> None:
    media, out = files(FILES, broken="damaged"), tmp_path / "all.parquet"
    for number, kill_at in enumerate(kills):
        ended = drive(media, out, kill_at, resume=number > 0)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    ended = drive(media, out, "never", resume=True)
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert (summary["files"], summary["done"], summary["waiting"]) == (FILES + 1, FILES, 0)
    counts: dict[str, int] = {}
    for source in pq.read_table(out, columns=["source"]).column(0).to_pylist():
        counts[Path(source).name] = counts.get(Path(source).name, 0) + 1
    expected = {f"{number:04}.txt.jpg": 3 for number in range(FILES)}
    assert counts == {**expected, "broken.jpg": 1}
    left = {path.name for path in out.with_name("all.parquet.run").iterdir()}
    assert left <= {"manifest.sqlite", "manifest.lock"}


@pytest.mark.slow
def test_documents_of_a_killed_run_are_whole_and_it_goes_on(
    files: Callable, tmp_path: Path
) -> None:
    media, out = files(FILES), tmp_path / "out"
    for number, kill_at in enumerate(("done:3", "done:6", "part:2")):
        assert drive(media, out, kill_at, resume=number > 0).returncode == -signal.SIGKILL
        for path in out.glob("[!.]*.json"):
            json.loads(path.read_text())
    assert drive(media, out, "never", resume=True).returncode == 0
    names = sorted(path.name for path in out.iterdir())
    documents = [f"{number:04}.txt.jpg.json" for number in range(FILES)]
    assert names == [*documents, "manifest.lock", "manifest.sqlite"]


@pytest.mark.slow
@needs_proc
def test_workers_end_with_their_run(files: Callable, tmp_path: Path) -> None:
    media = files(1, sleeper="hang")
    command = [sys.executable, DRIVEN, media, tmp_path / "out", "done:1", "anew"]
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL) as ran:
        workers: set[int] = set()
        while ran.poll() is None:
            workers |= children(ran.pid)
    assert workers
    for _ in range(2000):
        if not any(is_running(worker) for worker in workers):
            return
        threading.Event().wait(0.01)
    pytest.fail("a worker outlived its run by twenty seconds")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode
    except OSError:
        done = 1
    if done:
        pytest.skip("may not mount a small file system here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=False)


@pytest.mark.parametrize("name", ["out", "all.parquet"])
def test_a_full_disk_ends_the_run_with_one_line_and_it_goes_on(
    name: str, files: Callable, settings: Callable, small_disk: Path
) -> None:
    media, out = files(8), small_disk / name
    filler = small_disk / "filler"
    many = settings(rows=1500)

    def fill(done: float, total: float | None) -> None:
        if done == 1:
            file = os.open(filler, os.O_WRONLY | os.O_CREAT)
            with suppress(OSError):
                while True:
                    os.write(file, bytes(4096))
            os.close(file)

    with pytest.raises(BatchError, match=r"space|full") as stopped:
        run([str(media)], out, many, workers=1, progress=fill)
    assert len(str(stopped.value).splitlines()) == 1
    assert not out.is_file()
    filler.unlink()
    target = out
    if name == "out":
        # A mebibyte is too little for all of them: what was written stays, and is whole.
        for path in out.glob("[!.]*.json"):
            json.loads(path.read_text())
        return
    summary = run([str(media)], target, many, workers=1, resume=True)
    assert (summary.done, summary.waiting) == (8, 0)
    assert pq.read_table(target).num_rows == 8 * 1501


@pytest.mark.slow
@needs_proc
def test_memory_is_flat_over_ten_thousand_files(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for number in range(10_000):
        (media / f"{number:05}.jpg").write_bytes(b"read 1")
    held: list[tuple[int, int]] = []

    def look(done: float, total: float | None) -> None:
        if done in (3000, 10_000):
            workers = [resident_bytes(child) for child in children(os.getpid())]
            held.append((resident_bytes(os.getpid()), max(workers)))

    settings = Settings(factory="told_reader:reader")
    out = tmp_path / "all.parquet"
    summary = run([str(media)], out, settings, workers=2, progress=look)
    assert summary.done == 10_000
    assert pq.read_metadata(out).num_rows == 30_000
    (own_early, worker_early), (own_late, worker_late) = held
    assert own_late - own_early < 48 << 20
    assert worker_late - worker_early < 16 << 20
