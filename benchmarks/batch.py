"""Throughput of ``emoscope batch``: files a second by workers, and core-seconds by kind of medium.

    python benchmarks/batch.py --media DIR [--copies 20] [--workers 1 2]

DIR holds pictures, recordings and videos; each is copied. A run with n workers may use n cores and
no more, so that the figures are those of a machine with so many. Wall time suffers where others use
the machine; core-seconds (user and system time of the workers) hardly do. What a file of a kind
costs is what more copies cost more: starting a worker and loading its models is told apart.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from emoscope.batch import Settings, run

KINDS = {
    "picture": (".jpg", ".jpeg", ".png", ".webp"),
    "recording": (".flac", ".wav", ".mp3", ".m4a", ".ogg"),
    "video": (".mp4", ".mov", ".mkv", ".webm"),
}


def copies(media: list[Path], count: int, folder: Path) -> Path:
    folder.mkdir()
    for number in range(count):
        for path in media:
            shutil.copy(path, folder / f"{path.stem}-{number:04}{path.suffix}")
    return folder


def core_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(folder: Path, out: Path, workers: int) -> tuple[float, float, float]:
    """Files a second, core-seconds a file, media seconds a file."""
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_cores)[:workers])
    used, began = core_seconds(), time.perf_counter()
    try:
        summary = run([str(folder)], out, Settings(), workers=workers)
    finally:
        os.sched_setaffinity(0, all_cores)
    wall = time.perf_counter() - began
    assert summary.done == summary.files, summary
    table = pq.read_table(out, columns=["source", "duration_s"])
    lengths = dict(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))
    media_s = sum(lengths.values()) / summary.files
    return summary.files / wall, (core_seconds() - used) / summary.files, media_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    chosen = parser.parse_args()
    media = sorted(path for path in chosen.media.iterdir() if path.is_file())
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        print("| kind | files | core-seconds a file | seconds of media a file | to start |")
        print("| --- | --- | --- | --- | --- |")
        for kind, endings in KINDS.items():
            some = [path for path in media if path.suffix.lower() in endings]
            if some:
                _, first, length = measure(
                    copies(some, 1, here / f"one-{kind}"), here / f"one-{kind}.parquet", 1
                )
                _, all_, _ = measure(
                    copies(some, chosen.copies, here / kind), here / f"{kind}.parquet", 1
                )
                count = len(some) * chosen.copies
                cost = (all_ * count - first * len(some)) / (count - len(some))
                start = (first - cost) * len(some)
                told = f"| {kind} | {count} | {cost:.3f} | {length:.1f} | {start:.2f} |"
                print(told, flush=True)
        folder = copies(media, chosen.copies, here / "all")
        count = len(list(folder.iterdir()))
        print(f"\n{count} files, load {os.getloadavg()[0]:.1f} before\n")
        print("| workers, cores | files a second | against one | core-seconds a file |")
        print("| --- | --- | --- | --- |")
        first = 0.0
        for workers in chosen.workers:
            rate, cost, _ = measure(folder, here / f"all-{workers}.parquet", workers)
            first = first or rate
            told = f"| {workers} | {rate:.2f} | {rate / first:.2f} | {cost:.3f} |"
            print(told, flush=True)


if __name__ == "__main__":
    main()
