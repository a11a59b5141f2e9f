"""The analyzer behind Ray Serve: one replica for each core, on one machine or a cluster.

    pip install 'emoscope[batch,api]' 'ray[serve]'
    python examples/ray_serve.py                 # on this machine, until Ctrl-C
    serve run examples.ray_serve:app             # on the cluster that 'ray start' made

    curl --data-binary @talk.mp4 http://127.0.0.1:8000/

It takes a medium as the body of a POST request and gives the JSON document of ``emoscope analyze``.
What ``emoscope serve`` does beyond that (keys, limits on decoding in a process of its own, jobs) it
does not do: let nobody reach it whom you do not trust, or put replicas of ``emoscope serve`` behind
a load balancer instead (docs/scale.md).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from emoscope import Analyzer
from emoscope.errors import MediaError

MAX_BYTES = 256 << 20


@serve.deployment(
    # One core and one set of models each; more replicas where requests wait.
    ray_actor_options={"num_cpus": 1},
    autoscaling_config={"min_replicas": 1, "max_replicas": os.cpu_count() or 1},
    max_ongoing_requests=1,
)
class Emotions:
    """One replica with models of its own."""

    def __init__(self) -> None:
        self._analyzer = Analyzer(threads=1)

    async def __call__(self, request: Request) -> JSONResponse:
        if request.method != "POST":
            return JSONResponse({"error": "send a medium as the body of a POST"}, status_code=405)
        with tempfile.NamedTemporaryFile() as file:
            size = 0
            async for block in request.stream():
                size += len(block)
                if size > MAX_BYTES:
                    told = f"more than {MAX_BYTES:,} bytes"
                    return JSONResponse({"error": told}, status_code=413)
                file.write(block)
            file.flush()
            # In a thread, so that the replica answers its health checks meanwhile.
            return await asyncio.to_thread(self._answer, Path(file.name))

    def _answer(self, path: Path) -> JSONResponse:
        try:
            analysis = self._analyzer.analyze(path)
        except MediaError as error:
            return JSONResponse({"error": error.problem}, status_code=422)
        return JSONResponse(replace(analysis, source="upload").to_dict())


app = Emotions.bind()

if __name__ == "__main__":
    serve.run(app, blocking=True)
