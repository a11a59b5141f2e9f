"""emoscope as people use it: a path in, a result out."""

from __future__ import annotations

import os

from worker import Read, serve


def prepare() -> Read:
    from emoscope import Analyzer

    threads = os.environ.get("BENCHMARK_THREADS")
    analyzer = Analyzer(threads=int(threads) if threads else None)

    def read(path: str) -> object:
        found = analyzer.analyze(path)
        return {"faces": len(found.faces), "labels": [face.scores.top for face in found.faces[:8]]}

    return read


if __name__ == "__main__":
    serve(prepare)
