"""The service in a thread of a program that is something else, such as the dashboard."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from emoscope._optional import require
from emoscope.apps.api.settings import ServiceSettings

if TYPE_CHECKING:
    from emoscope.apps.api.server import Server

_START_S = 60.0


class RunningService:
    """A service that runs in this process; see :func:`serve_in_background`.

    Attributes:
        url: for example ``http://127.0.0.1:40123``.
        key: what clients must send.
    """

    def __init__(self, url: str, key: str, server: Server, thread: threading.Thread) -> None:
        self.url, self.key = url, key
        self._server, self._thread = server, thread

    def stop(self) -> None:
        """Finish what runs, then end; may be called more than once."""
        self._server.should_exit = True
        self._thread.join()


def serve_in_background(settings: ServiceSettings | None = None) -> RunningService:
    """Start the service on loopback, on a free port, behind a key.

    Args:
        settings: host and port do not count; a key is made where none is given.

    Raises:
        MissingExtraError: the ``api`` extra is not installed.
        EmoscopeError: a model cannot be had, or no decoder started.
        RuntimeError: it did not start.
    """
    for module in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        require(module, extra="api")
    from emoscope.apps.api.app import create_app
    from emoscope.apps.api.server import Server

    settings = settings or ServiceSettings()
    key = settings.api_key or secrets.token_urlsafe(32)
    settings = replace(settings, host="127.0.0.1", port=0, api_key=key)
    app = create_app(settings)
    app.state.service.start()
    listener = Server.listen(settings)
    server = Server(app, settings)

    def run() -> None:
        try:
            server.run(sockets=[listener])
        finally:
            server.is_up.set()
            listener.close()

    thread = threading.Thread(target=run, name="emoscope-service", daemon=True)
    thread.start()
    if not server.is_up.wait(_START_S) or not server.started:
        server.should_exit = True
        raise RuntimeError("the service did not start; its log says why")
    return RunningService(Server.url_of(listener), key, server, thread)
