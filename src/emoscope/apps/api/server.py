"""The web server under the service: uvicorn, told what this service needs."""

from __future__ import annotations

import socket
import threading

import uvicorn
from fastapi import FastAPI

from emoscope.apps.api.settings import ServiceSettings


class Server(uvicorn.Server):
    """Runs an app as its settings say.

    Attributes:
        is_up: set when it listens, or has failed to.
    """

    def __init__(self, app: FastAPI, settings: ServiceSettings) -> None:
        self.is_up = threading.Event()
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_level="warning",
                # Addresses may hold a key (``/live?key=``); names of files are not logged either.
                access_log=False,
                server_header=False,
                timeout_keep_alive=20,
                timeout_graceful_shutdown=max(1, round(settings.grace_s)),
                # Enough for one frame of a live picture, see docs/live-protocol.md.
                ws_max_size=4 * 1024**2,
            )
        )

    @staticmethod
    def listen(settings: ServiceSettings) -> socket.socket:
        """A socket at the settings' address; the port is known before the server runs.

        Raises:
            OSError: the address is not ours, or taken.
        """
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        address = settings.host, settings.port
        listener = socket.create_server(address, family=family, backlog=512)
        # Connections take it over. Without, the end of an answer may wait 40 ms for the client.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener

    @staticmethod
    def url_of(listener: socket.socket) -> str:
        """The address that clients use."""
        host, port = listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.is_up.set()
