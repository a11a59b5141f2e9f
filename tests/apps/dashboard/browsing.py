"""A real dashboard and a real browser for tests: Debian's Chromium through Playwright.

Every context refuses what is not on this machine, and says what was asked for; pictures of the
pages stay in ``EMOSCOPE_ARTEFACTS`` (a temporary folder where that is not set).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

WITHIN_MS = 90_000
playwright.expect.set_options(timeout=WITHIN_MS)
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The browser's program; skips where there is none."""
    found = next((path for path in map(shutil.which, PROGRAMS) if path), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is installed")
    return found


@contextmanager
def dashboard(folder: Path, cache: Path) -> Iterator[str]:
    """A running dashboard; its address.

    Args:
        folder: stands for the user's home; what is temporary goes to ``folder/tmp``.
        cache: of fetched models.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "tmp").mkdir()
    environment = {
        **os.environ,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "TMPDIR": str(folder / "tmp"),
        "EMOSCOPE_CACHE": str(cache),
        "EMOSCOPE_OFFLINE": "1",
    }
    environment.pop("EMOSCOPE_HISTORY", None)
    code = "from emoscope.apps.cli import main; main()"
    log = folder / "dashboard.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "dashboard", "--port", str(port), "--no-browser"],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            _until_up(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            address = f"http://127.0.0.1:{port}/_stcore/health"
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
    pytest.fail(f"the dashboard did not start: {log.read_text()}")


@contextmanager
def browser(arguments: Sequence[str] = ()) -> Iterator[Any]:
    """A browser without a window."""
    program = chromium()
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox", *arguments])
        try:
            yield opened
        finally:
            opened.close()


_COUNT_OPENINGS = """
window.openings = 0;
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (what) => { window.openings += 1; return open(what); };
"""


class Visitor:
    """One page in a context of its own, which reaches nothing but this machine.

    Attributes:
        page: Playwright's.
        refused: what was asked for elsewhere.
    """

    def __init__(self, opened: Any, address: str, **context: Any) -> None:
        self.address = address
        self.refused: list[str] = []
        self.context = opened.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "accept_downloads": True, **context}
        )
        self.context.set_default_timeout(WITHIN_MS)
        self.context.route("**/*", self._judge)
        self.context.add_init_script(_COUNT_OPENINGS)
        self.page = self.context.new_page()
        self.page.on("websocket", lambda socket: self._note(socket.url))

    def _note(self, url: str) -> bool:
        parts = urlsplit(url)
        local = parts.scheme in ("data", "blob", "about") or parts.hostname in (
            "127.0.0.1",
            "localhost",
        )
        if not local:
            self.refused.append(url)
        return local

    def _judge(self, route: Any) -> None:
        if self._note(route.request.url):
            route.continue_()
        else:
            route.abort()

    def go(self, name: str = "") -> None:
        """Open a page by its address."""
        self.page.goto(f"{self.address}/{name}")
        self.page.locator("h1").wait_for()

    def settle(self) -> None:
        """Wait until the page has run and everything on it is drawn."""
        self.page.locator(".stApp[data-test-script-state=notRunning]").wait_for()
        playwright.expect(self.page.locator("[data-testid=stSkeleton]")).to_have_count(0)

    def upload(self, *files: Path) -> None:
        """Hand files to the upload field."""
        self.page.locator("input[type=file]").set_input_files([str(file) for file in files])

    def result(self, name: str) -> str:
        """Wait until the file is read, choose it, and give the sentence about it."""
        row = self.page.get_by_role("button", name=name, exact=False).first
        row.wait_for()
        self.page.locator(
            f".st-key-tray [data-testid=stLayoutWrapper]:has(button:has-text('{name}')) .emo-chip"
        ).first.wait_for()
        self.settle()
        row.click()
        shown = self.page.locator(".st-key-result")
        shown.get_by_text(name).first.wait_for()
        summary = shown.locator(".emo-summary p")
        summary.wait_for()
        # What else stands there may still be of what was chosen before.
        self.settle()
        return str(summary.inner_text())

    def agree(self) -> None:
        """Pass the consent step."""
        self.page.get_by_role("button", name="I agree").click()

    def picture(self, name: str) -> None:
        """Keep a picture of the page."""
        folder = Path(os.environ.get("EMOSCOPE_ARTEFACTS") or tempfile.gettempdir())
        folder.mkdir(parents=True, exist_ok=True)
        playwright.expect(self.page.locator("[data-testid=stSkeleton]")).to_have_count(0)
        self.page.screenshot(path=str(folder / f"dashboard-{name}.png"))

    def close(self) -> None:
        self.context.close()


Visit = Callable[..., Visitor]


@contextmanager
def visits(opened: Any, address: str) -> Iterator[Visit]:
    """A function that brings a visitor to a page; all of them leave at the end.

    Raises:
        AssertionError: one of them asked for something that is not on this machine.
    """
    visitors: list[Visitor] = []

    def build(name: str = "", **context: Any) -> Visitor:
        visitor = Visitor(opened, address, **context)
        visitors.append(visitor)
        visitor.go(name)
        return visitor

    try:
        yield build
        assert [url for visitor in visitors for url in visitor.refused] == []
    finally:
        for visitor in visitors:
            visitor.close()
