"""The live page in a real browser, fed from files: the labels on it are those of the media."""

from __future__ import annotations

import shutil
import socket as sockets
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
uvicorn: Any = pytest.importorskip("uvicorn")
pytest.importorskip("websockets")
browsers: Any = pytest.importorskip("playwright.sync_api")

from fastapi import FastAPI  # noqa: E402

from emoscope.analyzer import Analyzer  # noqa: E402
from emoscope.apps.api.live_messages import LiveLimits  # noqa: E402
from emoscope.apps.api.live_socket import router  # noqa: E402
from emoscope.apps.api.settings import ServiceSettings  # noqa: E402

pytestmark = pytest.mark.slow
PATIENCE_MS = 90_000


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed")
    return found


@pytest.fixture(scope="module")
def media(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's camera and microphone play."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg is not installed")
    folder = tmp_path_factory.mktemp("devices")
    film, speech = shared_dir / "media/smile.mp4", shared_dir / "media/speech.flac"
    for command in (
        ["-i", film, "-an", "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p", "eye.mjpeg"],
        ["-i", speech, "-ar", "48000", "-ac", "1", "ear.wav"],
    ):
        subprocess.run([program, "-v", "error", "-y", *command], check=True, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = FastAPI()
    app.include_router(router(Analyzer(detector="haar"), ServiceSettings(), LiveLimits(sockets=1)))
    listener = sockets.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/live"
    server.should_exit = True
    thread.join(30)


@pytest.fixture(scope="module")
def browser(chromium: str, media: Path) -> Iterator[Any]:
    with browsers.sync_playwright() as play:
        running = play.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={media / 'eye.mjpeg'}",
                f"--use-file-for-fake-audio-capture={media / 'ear.wav'}",
            ],
        )
        yield running
        running.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page with a list of what went wrong in it, which must stay empty."""
    context = browser.new_context(
        permissions=["camera", "microphone"], viewport={"width": 1280, "height": 860}
    )
    found = context.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    found.on("request", lambda request: asked.append(request.url))
    yield found
    context.close()
    assert wrong == []
    assert all(one.startswith(("http://127.0.0.1:", "blob:", "data:")) for one in asked)


def holds(page: Any, expression: str) -> None:
    """Wait until it does. The page's policy forbids what Playwright's own waiting does."""
    for _ in range(PATIENCE_MS // 100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never held: {expression}")


def label(page: Any, which: str) -> str:
    return str(page.get_attribute(f"#{which}-label", "data-label"))


def test_it_reads_the_face_and_the_voice_that_it_is_shown(page: Any, url: str) -> None:
    page.goto(url)
    assert page.get_attribute("#open-mark", "data-open") == "false"
    assert page.evaluate("document.querySelector('#video').srcObject") is None
    page.click("#agree")
    page.wait_for_selector("#face-label[data-label=happy]", timeout=PATIENCE_MS)
    assert page.get_attribute("#open-mark", "data-open") == "true"
    page.wait_for_selector("#voice-label:not([data-label=''])", timeout=PATIENCE_MS)
    assert label(page, "voice") in (
        ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "calm", "unsure"]
    )
    assert label(page, "fused") != ""
    holds(page, "Number(document.querySelector('#meter').getAttribute('aria-valuenow')) > -50")
    page.wait_for_selector("#speaking[data-speaking=true]", timeout=PATIENCE_MS)
    holds(
        page,
        "(() => { const bars = [...document.querySelectorAll('#bars .bar')];"
        " const face = bars.filter((_, at) => at % 3 === 0);"
        " const share = (bar) => parseFloat(bar.getAttribute('aria-label'));"
        " const sum = face.reduce((all, bar) => all + share(bar), 0);"
        " return bars.length === 21 && Math.abs(sum - 100) <= 4; })()",
    )
    holds(
        page,
        "(() => { const c = document.querySelector('#overlay');"
        " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
        ".some((value) => value > 0); })()",
    )
    assert "ms" in page.inner_text("#delay")


def test_buttons_and_keys_do_what_they_say(page: Any, url: str) -> None:
    page.goto(url)
    assert page.is_disabled("#record")
    page.keyboard.press("Tab")
    for _ in range(6):
        if page.evaluate("document.activeElement.id") == "agree":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#face-label:not([data-label=''])", timeout=PATIENCE_MS)
    page.keyboard.press("v")
    assert "on record" in page.inner_text("#voice-mode")
    page.keyboard.press("a")
    page.wait_for_selector("#ring:not([hidden])", timeout=PATIENCE_MS)
    page.wait_for_selector("#ring[hidden]", state="attached", timeout=PATIENCE_MS)
    page.click("#pause")
    assert page.is_visible("#paused-sign")
    page.click("#pause")
    assert page.is_hidden("#paused-sign")
    page.keyboard.press("q")
    assert page.get_attribute("#open-mark", "data-open") == "false"
    assert page.evaluate("document.querySelector('#video').srcObject") is None
    assert label(page, "face") == ""
    page.click("#agree")
    page.wait_for_selector("#face-label:not([data-label=''])", timeout=PATIENCE_MS)


def test_a_second_page_is_told_that_the_place_is_taken(page: Any, url: str) -> None:
    page.goto(url)
    page.click("#agree")
    page.wait_for_selector("#face-label:not([data-label=''])", timeout=PATIENCE_MS)
    second = page.context.new_page()
    second.goto(url)
    second.click("#agree")
    second.wait_for_selector("#message:not([hidden])", timeout=PATIENCE_MS)
    assert "1 sessions are open" in second.inner_text("#message")
    assert second.get_attribute("#open-mark", "data-open") == "false"


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_follows_the_theme(page: Any, url: str, width: int, theme: str) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{url}?theme={theme}")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 21, 26)"}[theme]
    box = page.locator("#agree").bounding_box()
    assert box is not None
    assert box["height"] >= 40
    assert 0 <= box["x"] <= box["x"] + box["width"] <= width
