"""A web server on this machine, and a catalog that points at it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emoscope.models import catalog
from emoscope.models.catalog import ModelSpec

CONTENT = bytes(range(256)) * 1024  # 256 KiB: several chunks of a download


class Server(ThreadingHTTPServer):
    """Serves ``CONTENT`` in good and bad ways, named by the path; counts the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = 0
        self.released = threading.Event()
        self.together = threading.Barrier(2, timeout=20)

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients here hang up on purpose."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        behaviour = self.path.strip("/")
        if behaviour == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        if behaviour == "endless":
            self.end_headers()
            while not self.server.released.is_set():
                self.wfile.write(b"\0" * 65536)
            return
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if behaviour == "together":
            self.server.together.wait()
        first, rest = CONTENT[:100_000], CONTENT[100_000:]
        if behaviour == "wrong":
            first = b"?" + first[1:]
        self.wfile.write(first)
        self.wfile.flush()
        if behaviour == "truncated":
            return
        if behaviour == "stalled":
            self.server.released.wait()
            return
        self.wfile.write(rest)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("EMOSCOPE_OFFLINE")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.released.set()
    server.together.abort()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def content() -> bytes:
    """What the server serves when all is well."""
    return CONTENT


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModelSpec]:
    """Make the catalog hold one model, ``sample``, published at the given address."""

    def build(url: str | None, **changes: object) -> ModelSpec:
        fields: dict[str, object] = {
            "name": "sample",
            "role": "detector",
            "title": "a sample",
            "version": "1",
            "file": "sample.onnx",
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "size_bytes": len(CONTENT),
            "packaged": url is None,
            "licence": "MIT",
            "source": "none",
            "url": url,
            **changes,
        }
        spec = ModelSpec(**fields)  # type: ignore[arg-type]
        monkeypatch.setattr(catalog, "catalog", lambda: {"sample": spec})
        return spec

    return build
