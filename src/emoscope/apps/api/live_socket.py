"""The live socket and its page, as routes of the service."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import HTMLResponse

from emoscope.analyzer import Analyzer
from emoscope.apps.api.live_messages import LiveLimits
from emoscope.apps.api.live_session import LiveSession
from emoscope.apps.api.settings import ServiceSettings

_PAGE = Path(__file__).parent / "page"


def router(
    analyzer: Analyzer, settings: ServiceSettings, limits: LiveLimits | None = None
) -> APIRouter:
    """``WS /v1/live`` and ``GET /live``; who may use them is the caller's business.

    Args:
        analyzer: its models are shared by all sessions.
        settings: of the service.
        limits: of the sockets.
    """
    limits = limits or LiveLimits()
    routes = APIRouter()
    talking: set[LiveSession] = set()

    @routes.websocket("/v1/live")
    async def live(socket: WebSocket) -> None:
        session = LiveSession(socket, analyzer, limits)
        if len(talking) >= limits.sockets:
            await session.refuse()
            return
        talking.add(session)
        try:
            await session.run()
        finally:
            talking.discard(session)

    @routes.get("/live", include_in_schema=False)
    def page(request: Request) -> HTMLResponse:
        return live_page(request.headers.get("host", ""))

    return routes


def live_page(host: str) -> HTMLResponse:
    """The page in one piece: it fetches nothing, and may talk to this service only.

    Args:
        host: that the browser asked for, with its port; pages of the same host may frame it.
    """
    nonce = secrets.token_urlsafe(16)
    text = (_PAGE / "live.html").read_text(encoding="utf-8")
    for name in ("live.css", "live.js"):
        text = text.replace(f"/*{name}*/", (_PAGE / name).read_text(encoding="utf-8"))
    policy = {
        "default-src": "'none'",
        "script-src": f"'nonce-{nonce}' blob:",  # the sound's worklet is made from text
        "style-src": f"'nonce-{nonce}'",
        "connect-src": f"'self'{_sockets(host)}",
        "img-src": "data: blob:",
        "media-src": "blob: mediastream:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": f"'self'{_neighbours(host)}",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Permissions-Policy": "camera=(self), microphone=(self)",
        "Referrer-Policy": "no-referrer",  # the address may hold a key
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(text.replace("{nonce}", nonce), headers=headers)


def _sockets(host: str) -> str:
    return f" ws://{host} wss://{host}" if _name(host) else ""


def _neighbours(host: str) -> str:
    """Other ports of the same machine: the dashboard shows the page in a frame."""
    names = {"127.0.0.1", "localhost"} | ({_name(host)} if _name(host) else set())
    return "".join(f" http://{name}:* https://{name}:*" for name in sorted(names))


def _name(host: str) -> str:
    """The host without its port; empty where it is none that may stand in a header."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
    return name if all(letter.isalnum() or letter in ".-" for letter in name) else ""
