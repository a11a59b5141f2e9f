"""emoscope as people use it, on recordings."""

from __future__ import annotations

import os

from worker import Read, serve


def prepare() -> Read:
    from emoscope import Analyzer

    threads = os.environ.get("BENCHMARK_THREADS")
    analyzer = Analyzer(
        threads=int(threads) if threads else None,
        speech=os.environ.get("BENCHMARK_SPEECH", "auto"),  # type: ignore[arg-type]
    )

    def read(path: str) -> object:
        found = analyzer.analyze(path)
        return {"readings": len(found.voice), "labels": [v.scores.top for v in found.voice[:8]]}

    return read


if __name__ == "__main__":
    serve(prepare)
