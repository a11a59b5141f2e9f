"""Who may use the service: holders of the key, or on loopback without a key this machine."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import HTTPException, WebSocketException, status
from starlette.requests import HTTPConnection

from emoscope.apps.api.settings import ServiceSettings, is_loopback


async def authorised(connection: HTTPConnection) -> None:
    """Dependency of every route that is not open, of requests and of sockets.

    The key comes as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``; pages and sockets, where
    browsers cannot set headers, may take ``?key=KEY``.

    Raises:
        HTTPException: 401 without the right key, 403 for a page of somebody else.
        WebSocketException: 1008, likewise.
    """
    settings: ServiceSettings = connection.app.state.settings
    if settings.api_key is not None:
        if not _is_key(_sent_key(connection), settings.api_key):
            raise _refusal(connection, 401, "a valid API key is needed")
    elif not settings.open_to_all and not _is_from_here(connection):
        raise _refusal(connection, 403, "pages of other origins may not use this service")


def _sent_key(connection: HTTPConnection) -> str:
    scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    header = connection.headers.get("x-api-key")
    if header is not None:
        return header
    if connection.scope["type"] == "websocket" or connection.url.path == "/live":
        return connection.query_params.get("key", "")
    return ""


def _is_key(sent: str, key: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(sent.encode("utf-8", "replace"), key.encode())


def _is_from_here(connection: HTTPConnection) -> bool:
    """Whether no foreign page sits behind the request.

    A browser lets any page send requests to loopback, and a name that somebody else owns may
    point there.
    """
    host = urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
    if not is_loopback(host):
        return False
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


def _refusal(
    connection: HTTPConnection, code: int, reason: str
) -> HTTPException | WebSocketException:
    if connection.scope["type"] == "websocket":
        return WebSocketException(status.WS_1008_POLICY_VIOLATION, reason)
    headers = {"WWW-Authenticate": "Bearer"} if code == 401 else None
    return HTTPException(code, reason, headers)
