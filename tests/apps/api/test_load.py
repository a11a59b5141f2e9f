"""Full lines, slow and rude clients, full disks, stopping: said in words, nothing left behind."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from emoscope.apps.api import folder as folder_module
from emoscope.apps.api.background import serve_in_background
from emoscope.apps.api.folder import UploadFolder
from emoscope.apps.api.uploads import IN_MEMORY

KEY = "correct-horse-battery"
AUTH = {"Authorization": f"Bearer {KEY}"}


def hold(service: Any) -> tuple[threading.Semaphore, threading.Event]:
    """Make analyses wait: a count of those that began, and what lets them go on."""
    begun, go = threading.Semaphore(0), threading.Event()
    whole = service.read

    def read(*given: Any, **options: Any) -> Any:
        begun.release()
        assert go.wait(60)
        return whole(*given, **options)

    service.read = read
    return begun, go


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that no event tells of."""
    end = time.monotonic() + seconds
    nothing = threading.Event()
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        nothing.wait(0.01)


def test_a_full_line_is_said_and_passes(make_client, png, uploads_left):
    client = make_client(workers=1, waiting=1)
    service = client.app.state.service
    begun, go = hold(service)
    with ThreadPoolExecutor(2) as clients:
        taken = [clients.submit(client.post, "/v1/analyze", content=png) for _ in range(2)]
        assert begun.acquire(timeout=20)
        until(lambda: service.direct.waiting == 1)
        refused = client.post("/v1/analyze", content=png)
        assert refused.status_code == 503
        assert refused.json()["limit"] == 2
        assert 1 <= int(refused.headers["retry-after"]) <= 120
        go.set()
        assert [one.result(60).status_code for one in taken] == [200, 200]
    assert client.post("/v1/analyze", content=png).status_code == 200
    assert uploads_left(client) == []


def test_only_large_uploads_lie_on_disk(make_client, png, large_png, uploads_left):
    client = make_client()
    begun, go = hold(client.app.state.service)
    for content, files in ((png, 0), (large_png, 1)):
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.post, "/v1/analyze", content=content)
            assert begun.acquire(timeout=20)
            assert len(uploads_left(client)) == files
            go.set()
            assert asked.result(60).json()["size_px"] == [160, 120]
        go.clear()
    assert uploads_left(client) == []


def test_a_client_that_goes_away_frees_its_place(make_settings, large_png):
    running = serve_in_background(make_settings(api_key=KEY))
    service = running._server.config.app.state.service
    try:
        begun, go = hold(service)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{running.url}/v1/analyze", content=large_png, headers=AUTH, timeout=0.5)
        assert begun.acquire(timeout=20)
        go.set()
        until(lambda: service.direct.running == 0)
        until(lambda: not [p for p in service.folder._path.iterdir() if p.name != "in-use"])
        assert (
            httpx.post(f"{running.url}/v1/analyze", content=large_png, headers=AUTH).status_code
            == 200
        )
    finally:
        running.stop()


def open_upload(url: str, length: int) -> socket.socket:
    """A connection that has promised a body of so many bytes and sent all but ten."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = (
        f"POST /v1/analyze HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    connection.sendall(head.encode() + bytes(length - 10))
    return connection


def test_slow_and_rude_uploads(make_settings, png):
    running = serve_in_background(make_settings(api_key=KEY, upload_timeout_s=1.0, uploads=2))
    service = running._server.config.app.state.service
    try:
        slow, rude = (open_upload(running.url, 2 * IN_MEMORY) for _ in range(2))
        until(lambda: service.uploads == 2)
        refused = httpx.post(f"{running.url}/v1/analyze", content=png, headers=AUTH)
        assert refused.status_code == 429
        assert refused.headers["retry-after"]
        rude.close()
        assert b" 408 " in slow.recv(4096)
        slow.close()
        until(lambda: service.uploads == 0)
        assert [p.name for p in service.folder._path.iterdir()] == ["in-use"]
        accepted = httpx.post(f"{running.url}/v1/analyze", content=png, headers=AUTH)
        assert accepted.status_code == 200
    finally:
        running.stop()


def test_too_much_is_refused_while_it_comes(running):
    """Also where no length is promised: it is cut off at the limit, on disk and in memory."""
    sent = 0

    def endless():
        nonlocal sent
        while sent < 400_000_000:
            sent += 65_536
            yield b"\0" * 65_536

    try:
        answer = httpx.post(f"{running.url}/v1/analyze", content=endless(), headers=AUTH)
    except (httpx.WriteError, httpx.ReadError):
        pass  # the service had closed the connection before all was written
    else:
        assert answer.status_code == 413
        assert answer.json()["limit"] == 1_000_000
    assert sent < 50_000_000


def test_many_idle_sockets_do_no_harm(running, png):
    host, port = running.url.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port)), timeout=20) for _ in range(200)]
    try:
        begun = time.monotonic()
        answer = httpx.post(f"{running.url}/v1/analyze", content=png, headers=AUTH)
        assert answer.status_code == 200
        assert time.monotonic() - begun < 10
    finally:
        for one in idle:
            one.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said(client, png, large_png, uploads_left, monkeypatch, code):
    whole = Path.open

    class Full:
        def __init__(self, file: Any) -> None:
            self._file = file

        def close(self) -> None:
            self._file.close()

        def write(self, data: bytes) -> int:
            raise OSError(code, os.strerror(code))

    def opened(path: Path, *given: Any, **options: Any) -> Any:
        file = whole(path, *given, **options)
        return (
            Full(file)
            if given == ("wb",) and "buffering" in options and len(path.name) == 32
            else file
        )

    monkeypatch.setattr(Path, "open", opened)
    for answer in (
        client.post("/v1/analyze", content=large_png),
        client.post("/v1/analyze", files={"file": ("a.png", large_png)}),
        client.post("/v1/jobs", content=large_png),
    ):
        assert answer.status_code == 507, answer.text
        assert answer.headers["retry-after"]
    monkeypatch.undo()
    assert uploads_left(client) == []
    assert client.post("/v1/analyze", content=png).status_code == 200


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of a megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("mounting a small tmpfs needs root on Linux")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(path: Path) -> None:
    """Write until there is no more room."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def test_a_disk_that_is_really_full(
    small_disk, make_client, large_png, mp4, uploads_left, monkeypatch
):
    monkeypatch.setattr(folder_module.tempfile, "tempdir", str(small_disk))
    client = make_client()
    assert client.post("/v1/analyze", content=large_png).status_code == 200
    filler = small_disk / "filler"
    fill(filler)
    refused = client.post("/v1/analyze", content=mp4 + bytes(2 * IN_MEMORY))
    assert refused.status_code == 507, refused.text
    assert uploads_left(client) == []
    filler.unlink()
    with filler.open("wb") as file:  # room for the upload, none for the annotated film
        file.write(b"\0" * (1024 * 1024 - len(mp4) - 16 * 4096))
    drawn = client.post("/v1/analyze", content=mp4, headers={"Accept": "video/mp4"})
    assert drawn.status_code in (200, 507), drawn.text
    filler.unlink()
    assert uploads_left(client) == []
    assert client.post("/v1/analyze", content=mp4).status_code == 200


def test_stopping_finishes_what_runs(make_settings, png):
    running = serve_in_background(make_settings(api_key=KEY))
    service = running._server.config.app.state.service
    begun, go = hold(service)
    place = service.folder.new_path().parent
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(
            httpx.post, f"{running.url}/v1/analyze", content=png, headers=AUTH, timeout=60
        )
        assert begun.acquire(timeout=20)
        stopped = pool.submit(running.stop)
        until(lambda: running._server.should_exit)
        go.set()
        assert asked.result(60).status_code == 200
        stopped.result(60)
    assert not place.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/livez")


def test_leftovers_of_a_killed_service_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_module.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(folder_module, "_FRESH_S", -1.0)
    alive = UploadFolder()
    alive.new_path().write_bytes(b"alive")
    dead = tmp_path / "emoscope-service-dead"
    dead.mkdir()
    (dead / "upload").write_bytes(b"private")
    (tmp_path / "emoscope-service-link").symlink_to(tmp_path.parent)
    fresh = UploadFolder()
    fresh.new_path()
    assert not dead.exists()
    assert tmp_path.parent.exists()
    assert alive._path is not None
    assert len(list(alive._path.iterdir())) == 2
    for one in (alive, fresh):
        one.close()
    assert [path.name for path in tmp_path.iterdir()] == ["emoscope-service-link"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_killed_decoder_costs_one_request(make_client, png):
    client = make_client()
    service = client.app.state.service
    assert client.post("/v1/analyze", content=png).status_code == 200
    whole = service.shelf.analyzer

    def analyzer(options: Any) -> Any:
        one = whole(options)
        read = one.analyze_media

        def killed(media: Any, **given: Any) -> Any:
            os.kill(media._process.pid, signal.SIGSEGV)
            media._process._process.wait(10)
            media._process.ask({"do": "decode", "fps": 1.0}, media.source)
            return read(media, **given)

        one.analyze_media = killed
        return one

    service.shelf.analyzer = analyzer
    died = client.post("/v1/analyze", content=png)
    assert died.status_code == 422
    assert "crashed" in died.json()["detail"]
    service.shelf.analyzer = whole
    assert client.post("/v1/analyze", content=png).status_code == 200
    assert service.pool.restarts == 1
