"""Starts Streamlit on this machine alone, with the dashboard's looks and nothing sent anywhere."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from emoscope._optional import require
from emoscope.apps.dashboard.look import THEME
from emoscope.errors import EmoscopeError

ADDRESS = "127.0.0.1"
PORT = 8501
MAX_UPLOAD_MB = 200


class DashboardError(EmoscopeError):
    """The dashboard cannot start."""


def address_of(port: int) -> str:
    """What to type into a browser."""
    return f"http://{ADDRESS}:{port}"


def flags(port: int, *, browser: bool) -> list[str]:
    """Streamlit's command line options, all of them: no configuration file is written.

    Args:
        port: to listen on.
        browser: open a browser when it is ready.
    """
    settings: dict[str, object] = {
        "server.address": ADDRESS,
        "server.port": port,
        "server.headless": not browser,
        "server.showEmailPrompt": False,
        "server.maxUploadSize": MAX_UPLOAD_MB,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": ADDRESS,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "logger.level": "warning",
        "logger.hideWelcomeMessage": True,
        **THEME,
    }
    # A page elsewhere that makes its own name lead here gets no answer.
    hosts = [f"--server.allowedHosts={name}" for name in (ADDRESS, "localhost")]
    return hosts + [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in settings.items()
    ]


def launch(
    port: int = PORT, *, browser: bool = True, say: Callable[[str], None] | None = None
) -> None:
    """Run until interrupted.

    Args:
        port: to listen on, on this machine's own address.
        browser: open a browser when it is ready; where there is no screen, none is opened.
        say: told in one line where it is, before it starts.

    Raises:
        MissingExtraError: Streamlit is not installed.
        DashboardError: the port is taken or may not be used.
    """
    command = require("streamlit.web.cli", extra="dashboard")
    _check_port(port)
    if say is not None:
        say(f"emoscope dashboard: {address_of(port)}  (Ctrl-C ends it)")
    app = Path(__file__).with_name("app.py")
    arguments = ["run", str(app), *flags(port, browser=browser and _has_screen())]
    command.main(args=arguments, prog_name="streamlit", standalone_mode=False)


def _check_port(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # elsewhere the option would let two servers share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise DashboardError(
                f"port {port} cannot be used ({error.strerror}); give another one, for example: "
                f"emoscope dashboard --port {port + 1 if port < 65535 else PORT}"
            ) from error


def _has_screen() -> bool:
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True
