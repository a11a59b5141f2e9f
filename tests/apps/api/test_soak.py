"""Ten minutes of everything at once: memory, descriptors and threads stay flat."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from pathlib import Path

import httpx
import pytest

from emoscope.apps.api.background import RunningService, serve_in_background

KEY = "correct-horse-battery"
HEADERS = {"X-API-Key": KEY}
MINUTES = float(os.environ.get("EMOSCOPE_SOAK_MINUTES", "10"))


def held() -> dict[str, int]:
    """Memory in MiB, descriptors, threads of this process, in which the service runs."""
    rows = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "memory": int(rows["VmRSS"].split()[0]) // 1024,
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "threads": int(rows["Threads"]),
    }


def one_round(client: httpx.Client, media: list[bytes], count: int) -> None:
    """A picture, a recording or a film; a broken one; a job; the counts."""
    medium = media[count % len(media)]
    assert client.post("/v1/analyze", content=medium).status_code == 200
    broken = medium[: len(medium) // 2]
    assert client.post("/v1/analyze", content=broken).status_code in (200, 422)
    if count % 5 == 0:
        job = client.post("/v1/jobs", content=medium).json()
        client.get(f"/v1/jobs/{job['id']}")
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert client.get("/metrics").status_code == 200


def live_round(running: RunningService) -> None:
    """A short live session, as a browser has it."""
    from websockets.sync.client import connect

    address = f"{running.url.replace('http', 'ws', 1)}/v1/live?key={KEY}"
    with connect(address) as socket:
        assert json.loads(socket.recv(timeout=20))["type"] == "hello"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_nothing_grows(make_settings, png, large_png, wav, mp4):
    pytest.importorskip("websockets")
    running = serve_in_background(make_settings(api_key=KEY, workers=1, direct_s=60.0))
    service = running._server.config.app.state.service
    pause = threading.Event()  # the machine has other things to do
    rows: list[dict[str, int]] = []
    count = 0
    try:
        with httpx.Client(base_url=running.url, headers=HEADERS, timeout=60) as client:
            begun = time.monotonic()
            while (passed_s := time.monotonic() - begun) < 60 * MINUTES:
                one_round(client, [png, large_png, wav, mp4], count)
                if count % 10 == 0:
                    live_round(running)
                count += 1
                if passed_s > 60 * MINUTES * (0.2 + 0.1 * len(rows)):
                    rows.append(held())
                pause.wait(0.1)
        leftovers = [path.name for path in service.folder._path.iterdir()]
    finally:
        running.stop()
    print(f"{count} rounds in {MINUTES:g} minutes: {rows}")  # noqa: T201
    first, last = rows[0], rows[-1]
    assert last["memory"] - first["memory"] < 40, rows
    assert last["descriptors"] - first["descriptors"] <= 3, rows
    assert last["threads"] - first["threads"] <= 3, rows
    assert leftovers == ["in-use"]


def test_live_sockets_that_idle_do_no_harm(make_settings, png):
    """More than may talk: the rest is told so, and requests are still answered."""
    client_of = pytest.importorskip("websockets.sync.client")
    running = serve_in_background(make_settings(api_key=KEY))
    address = f"{running.url.replace('http', 'ws', 1)}/v1/live?key={KEY}"

    try:
        with contextlib.ExitStack() as idle:
            for _ in range(200):
                idle.enter_context(client_of.connect(address, open_timeout=30))
            answer = httpx.post(
                f"{running.url}/v1/analyze", content=png, headers=HEADERS, timeout=60
            )
        assert answer.status_code == 200
        assert httpx.get(f"{running.url}/readyz").status_code == 200
    finally:
        running.stop()
