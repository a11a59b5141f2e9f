"""What the service costs over the bare pipeline, and what it does at four times its capacity.

    python benchmarks/service.py [--seconds 10] [--rounds 3] [--workers N] MEDIUM...

Starts ``emoscope serve`` on loopback and sends the media in turn. Throughput is compared in
alternating rounds with as many threads of this process that call ``Analyzer.analyze``. Processor
time is that of this process while it analyses, and that of the service and its decoders while they
serve: what sending costs is not in it. Then requests come four times as fast as the service can
answer them, and once more one by one.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emoscope.analyzer import Analyzer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("media", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    chosen = parser.parse_args()
    for medium in chosen.media:
        measure(medium, chosen.seconds, chosen.rounds, chosen.workers)


def measure(medium: Path, seconds: float, rounds: int, workers: int) -> None:
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    analyzer = Analyzer(threads=threads)
    analyzer.analyze(medium)
    data = medium.read_bytes()
    print(f"\n{medium.name}: {workers} workers, {threads} threads each, {rounds} rounds")
    with Service(workers) as service:
        service.send(data)
        bare, served, took = [], [], []
        bare_cpu_s, served_cpu_s, count = 0.0, 0.0, 0
        for _ in range(rounds):
            before = time.process_time()
            rate, times = per_second(lambda: analyzer.analyze(medium), workers, seconds)
            bare.append(rate)
            bare_cpu_s += time.process_time() - before
            count += len(times)
            before = service.cpu_s()
            # One more for each worker waits in line, so that none waits for the client.
            rate, times = per_second(lambda: service.send(data), 2 * workers, seconds)
            served.append(rate)
            served_cpu_s += service.cpu_s() - before
            took += times
        ratios = np.array(served) / np.array(bare)
        print(f"  bare pipeline   {np.median(bare):8.2f} per second")
        print(f"  service         {np.median(served):8.2f} per second, {shown(took)}")
        print(
            f"  share           {np.median(ratios):8.1%}"
            f" (rounds: {', '.join(f'{one:.1%}' for one in ratios)})"
        )
        bare_ms, served_ms = 1000 * bare_cpu_s / count, 1000 * served_cpu_s / len(took)
        print(
            f"  processor time  {bare_ms:8.1f} ms bare, {served_ms:.1f} ms served, decoders "
            f"included: {bare_ms / served_ms:.1%}"
        )
        alone = per_second(lambda: service.send(data), 1, seconds)[1]
        print(f"  one at a time   {shown(alone)}")
        overload(service, data, 4 * float(np.median(served)), 2 * seconds)
        after = per_second(lambda: service.send(data), 1, seconds)[1]
        print(f"  afterwards      {shown(after)} one at a time")


def overload(service: Service, data: bytes, rate: float, seconds: float) -> None:
    """Requests at a steady rate, whether they are answered or not."""
    statuses: Counter[int] = Counter()
    took: dict[int, list[float]] = {}
    before = service.holds()
    lock = threading.Lock()

    def one() -> None:
        begun = time.perf_counter()
        try:
            status = service.send(data, check=False)
        except OSError:
            status = 0
        with lock:
            statuses[status] += 1
            took.setdefault(status, []).append(time.perf_counter() - begun)

    senders = []
    begun = time.perf_counter()
    for count in itertools.count():
        due = begun + count / rate
        if due > begun + seconds:
            break
        time.sleep(max(0.0, due - time.perf_counter()))
        senders.append(threading.Thread(target=one))
        senders[-1].start()
    during = service.holds()
    for sender in senders:
        sender.join()
    print(f"  four times that, {rate:.1f} per second for {seconds:.0f} s:")
    for status, count in sorted(statuses.items()):
        print(f"    {status or 'no answer'}: {count}, {shown(took[status])}")
    print(f"    answered well: {statuses[200] / (time.perf_counter() - begun):.2f} per second")
    print(f"    before {before}; under load {during}; afterwards {service.holds()}")


def per_second(work: Callable[[], object], threads: int, seconds: float) -> tuple[float, list]:
    """Pieces of work done per second by so many threads, and how long each took."""
    took: list[float] = []
    begun = time.perf_counter()

    def run() -> None:
        while time.perf_counter() < begun + seconds:
            start = time.perf_counter()
            work()
            took.append(time.perf_counter() - start)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return len(took) / (time.perf_counter() - begun), took


def shown(seconds: list[float]) -> str:
    p50, p99 = np.percentile(np.array(seconds) * 1000, [50, 99])
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"


class Service:
    """``emoscope serve`` in a process of its own."""

    def __init__(self, workers: int) -> None:
        command = [sys.executable, "-c", "from emoscope.apps.cli import main; main()", "serve"]
        self._process = subprocess.Popen(
            [*command, "--port", "0", "--workers", str(workers)], stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        found = re.search(r"http://([\d.]+):(\d+)", line)
        if found is None:
            raise SystemExit(f"the service did not start: {line}{self._process.stderr.read()}")
        self._address = found[1], int(found[2])
        self._local = threading.local()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def send(self, data: bytes, *, check: bool = True) -> int:
        # By hand: a client's library would take a tenth of the cores that are measured.
        if not hasattr(self._local, "stream"):
            connection = socket.create_connection(self._address, timeout=120)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._local.stream = connection.makefile("rwb")
        stream = self._local.stream
        head = (
            "POST /v1/analyze HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        stream.write(head.encode() + data)
        stream.flush()
        status = int(stream.readline().split()[1])
        length = 0
        while line := stream.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = stream.read(length)
        if check and status != 200:
            raise SystemExit(f"{status}: {body[:300]!r}")
        return status

    def cpu_s(self) -> float:
        """Processor time of the service and its decoders so far, those that it has replaced too."""
        ticks = 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if self._process.pid in (int(folder.name), int(fields[1])):
                ticks += int(fields[11]) + int(fields[12])
            if self._process.pid == int(folder.name):
                ticks += int(fields[13]) + int(fields[14])  # of children that have ended
        return ticks / os.sysconf("SC_CLK_TCK")

    def holds(self) -> str:
        """Memory, threads and descriptors of the service."""
        folder = Path(f"/proc/{self._process.pid}")
        rows = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        descriptors = len(list((folder / "fd").iterdir()))
        mebibytes = int(rows["VmRSS"].split()[0]) / 1024
        return f"{mebibytes:.0f} MiB, {rows['Threads'].strip()} threads, {descriptors} descriptors"


if __name__ == "__main__":
    main()
