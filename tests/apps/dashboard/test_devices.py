"""Camera and microphone in a real browser, fed from files that stand for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emoscope.media import SAMPLE_RATE, Limits, Sound, open_media
from emoscope.results import Analysis

from .browsing import Visit, browser, playwright, visits

pytestmark = pytest.mark.slow

FACE = "happy"


@pytest.fixture(scope="module")
def film(
    tmp_path_factory: pytest.TempPathFactory,
    demo_media: Path,
    expected: Callable[[Path], Analysis],
) -> Path:
    """What the camera sees: the happy one of the demo's faces, as motion JPEG."""
    folder = tmp_path_factory.mktemp("camera")
    faces = expected(demo_media / "faces.png").faces
    x1, y1, x2, y2 = next(face.box_xyxy for face in faces if face.scores.top == FACE)
    side = 1.7 * (x2 - x1)
    left, top = (x1 + x2 - side) / 2, (y1 + y2 - side) / 2
    scale = 400 / side
    place = np.array([[scale, 0, 120 - left * scale], [0, scale, 40 - top * scale]])
    image = cv2.imread(str(demo_media / "faces.png"))
    assert image is not None
    seen = cv2.warpAffine(image, place, (640, 480))
    seen[:40] = seen[440:] = seen[:, :120] = seen[:, 520:] = seen[60, 300]
    still = folder / "still.jpg"
    assert cv2.imwrite(str(still), seen, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert [face.scores.top for face in expected(still).faces] == [FACE]
    path = folder / "camera.mjpeg"
    path.write_bytes(still.read_bytes() * 60)
    return path


@pytest.fixture(scope="module")
def voice(
    tmp_path_factory: pytest.TempPathFactory, demo_media: Path, make_wav: Callable[..., Path]
) -> Path:
    """What the microphone hears: the demo's speech."""
    with open_media(demo_media / "speech.flac", Limits()) as media:
        heard = [item.waveform for item in media.read() if isinstance(item, Sound)]
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    return make_wav(path, np.concatenate(heard), SAMPLE_RATE)


@pytest.fixture(scope="module")
def opened(film: Path, voice: Path) -> Iterator[Any]:
    with browser(
        [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={film}",
            f"--use-file-for-fake-audio-capture={voice}",
        ]
    ) as found:
        yield found


@pytest.fixture
def visit(opened: Any, address: str) -> Iterator[Visit]:
    with visits(opened, address) as build:
        yield build


def test_a_snapshot_is_read_at_once_and_the_camera_closed(visit: Visit) -> None:
    visitor = visit("record")
    visitor.agree()
    button = visitor.page.get_by_role("button", name="Open the camera")
    button.wait_for()
    assert visitor.page.evaluate("() => window.openings") == 0
    button.click()
    visitor.page.get_by_text("camera open").wait_for()
    shutter = visitor.page.get_by_role("button", name="Take Photo")
    playwright.expect(shutter).to_be_enabled()
    visitor.page.wait_for_function(
        "() => { const v = document.querySelector('video'); return v && v.videoWidth > 0; }"
    )
    visitor.picture("camera")
    shutter.click()
    visitor.page.get_by_text("camera closed").wait_for()
    assert visitor.result("snapshot").startswith(f"The face appears {FACE} (")
    assert visitor.page.locator("video").count() == 0
    visitor.picture("snapshot")


def test_a_clip_is_read_at_once(visit: Visit) -> None:
    visitor = visit("record")
    visitor.agree()
    closed, open_ = (visitor.page.get_by_text(f"microphone {how}") for how in ("closed", "open"))
    closed.wait_for()
    visitor.page.get_by_role("button", name="Record", exact=True).click()
    stop = visitor.page.get_by_role("button", name="Stop recording")
    stop.wait_for()
    playwright.expect(open_).to_be_visible()
    playwright.expect(closed).to_be_hidden()
    visitor.page.get_by_text("00:03").wait_for()
    visitor.picture("microphone")
    stop.click()
    sentence = visitor.result("clip")
    assert sentence.startswith("The voice sounds ")
    runs = visitor.page.locator(".timeline .run")
    runs.first.wait_for()
    assert runs.count() >= 1
    playwright.expect(closed).to_be_visible()


def test_live_reads_the_face_before_the_camera(visit: Visit) -> None:
    visitor = visit("live")
    live = visitor.page.frame_locator(".st-key-live iframe")
    mark = live.locator("#open-mark")
    playwright.expect(mark).to_have_attribute("data-open", "false")
    live.locator("#agree").click()
    playwright.expect(mark).to_have_attribute("data-open", "true")
    playwright.expect(live.locator("#face-label b")).to_have_text(FACE)
    visitor.picture("live")
    live.locator("#stop").click()
    playwright.expect(mark).to_have_attribute("data-open", "false")
    visitor.page.get_by_role("link", name="About").click()
    playwright.expect(visitor.page.locator("iframe")).to_have_count(0)
