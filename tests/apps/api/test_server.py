"""The web server under the service."""

from __future__ import annotations

import socket

from emoscope.apps.api.server import Server


def test_answers_wait_for_no_client(make_settings):
    """An answer goes out in two parts; the second must not wait until the first is confirmed."""
    with Server.listen(make_settings(port=0)) as listener:
        client = socket.create_connection(listener.getsockname(), timeout=20)
        connection, _ = listener.accept()
        with client, connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
