"""The dashboard as a visitor has it: uploads, results, downloads, two visitors, small windows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from emoscope.results import Analysis

from .browsing import Visit, Visitor, browser, playwright, visits

pytestmark = pytest.mark.slow

PAGES = ("", "record", "live", "models", "history", "about")


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture
def visit(opened: Any, address: str) -> Iterator[Visit]:
    with visits(opened, address) as build:
        yield build


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory, demo_media: Path) -> Path:
    """The demo's video many times over: long enough to be at work while others come."""
    import av

    path = tmp_path_factory.mktemp("long") / "long.mp4"
    with av.open(str(demo_media / "clip.mp4")) as source:
        frames = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
    with av.open(str(path), "w") as target:
        stream = target.add_stream("mpeg4", rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for index in range(600):
            image = frames[index % len(frames)]
            target.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        target.mux(stream.encode(None))
    return path


def _lane(visitor: Visitor, kind: str) -> list[str]:
    """Labels of the runs in the time line, in order."""
    runs = visitor.page.locator(f".timeline {kind}")
    runs.first.wait_for()
    return [str(label) for label in runs.evaluate_all("all => all.map(one => one.dataset.label)")]


def test_a_picture_from_upload_to_label(
    visit: Visit, demo_media: Path, expected: Callable[[Path], Analysis]
) -> None:
    analysis = expected(demo_media / "faces.png")
    visitor = visit()
    visitor.upload(demo_media / "faces.png")
    visitor.result("faces.png")
    faces = visitor.page.locator(".emo-face .emo-heading .emo-chip b")
    assert faces.all_inner_texts() == [face.scores.top or "unsure" for face in analysis.faces]
    bars = visitor.page.locator(".emo-face").first.locator(".emo-bar.chosen")
    assert f"{analysis.faces[0].scores.confidence:.0%}" in bars.inner_text()
    zoom = visitor.page.get_by_role("button", name="larger")
    zoom.click()
    visitor.page.get_by_text("150%").wait_for()
    visitor.page.get_by_role("button", name="Whole picture").click()
    visitor.page.get_by_text("100%", exact=True).first.wait_for()
    visitor.picture("picture")


def test_a_photograph(visit: Visit, shared_dir: Path) -> None:
    visitor = visit()
    visitor.upload(shared_dir / "media" / "portrait.jpg")
    assert visitor.result("portrait.jpg").startswith("The face appears happy (")


def test_a_recording_from_upload_to_chart(
    visit: Visit, demo_media: Path, expected: Callable[[Path], Analysis]
) -> None:
    analysis = expected(demo_media / "speech.flac")
    visitor = visit()
    visitor.upload(demo_media / "speech.flac")
    visitor.result("speech.flac")
    labels = [voice.scores.top or "unsure" for voice in analysis.voice]
    assert _lane(visitor, ".run") == labels
    board, moment = visitor.page.locator(".board"), visitor.page.locator(".moment")
    last = analysis.voice[-1]
    middle = (last.start_s + last.end_s) / 2 / analysis.duration_s
    box = board.bounding_box()
    board.hover(position={"x": box["width"] * middle, "y": 40})
    said = moment.inner_text()
    assert labels[-1] in said
    assert f"{last.scores.confidence:.0%}" in said
    board.click(position={"x": box["width"] * middle, "y": 40})
    player = visitor.page.locator(".st-key-result audio")
    playwright.expect(board).to_have_attribute(
        "aria-valuenow", f"{middle * analysis.duration_s:.1f}"
    )
    assert player.evaluate("one => one.currentTime") == pytest.approx(
        middle * analysis.duration_s, abs=0.1
    )
    visitor.picture("recording")


def test_a_video_beside_its_time_line(
    visit: Visit, demo_media: Path, expected: Callable[[Path], Analysis]
) -> None:
    analysis = expected(demo_media / "clip.mp4")
    visitor = visit()
    visitor.upload(demo_media / "clip.mp4")
    sentence = visitor.result("clip.mp4")
    top = analysis.summary["faces"]["tracks"][0]["top"]
    assert str(top) in sentence
    video = visitor.page.locator(".st-key-result video")
    video.wait_for()
    visitor.page.wait_for_function(
        "() => document.querySelector('.st-key-result video').readyState >= 1"
    )
    assert video.evaluate("one => one.videoWidth") > 0
    assert video.evaluate("one => one.duration") == pytest.approx(analysis.duration_s, abs=0.3)
    assert set(_lane(visitor, ".together polygon")) == {
        "angry", "disgust", "fear", "happy", "sad", "surprise", "neutral",
    }  # fmt: skip
    board = visitor.page.locator(".board")
    board.focus()
    for _ in range(2):
        visitor.page.keyboard.press("ArrowRight")
    visitor.page.wait_for_function(
        "() => Math.abs(document.querySelector('.st-key-result video').currentTime - 1) < 0.01"
    )
    face = next(one for one in reversed(analysis.faces) if one.time_s <= 1.0)
    assert f"face {face.scores.top}" in str(board.get_attribute("aria-valuetext"))
    left = visitor.page.locator(".st-key-result video").bounding_box()
    right = board.bounding_box()
    assert right["x"] > left["x"] + left["width"], "beside, not below"
    visitor.picture("video")


def _download(visitor: Visitor, title: str) -> tuple[str, bytes]:
    with visitor.page.expect_download() as found:
        visitor.page.get_by_role("button", name=title, exact=True).click()
    return found.value.suggested_filename, Path(found.value.path()).read_bytes()


def test_every_download_can_be_read(visit: Visit, demo_media: Path, tmp_path: Path) -> None:
    import av

    visitor = visit()
    visitor.upload(demo_media / "clip.mp4", demo_media / "speech.flac")
    visitor.result("speech.flac")
    files = dict(
        _download(visitor, title)
        for title in ("JSON", "CSV", "CSV, wide", "SRT", "WebVTT", "TextGrid", "EAF", "Annotated")
    )
    document = json.loads(files["speech.json"])
    assert document["schema"] == "emoscope/1"
    assert document["source"] == "speech.flac"
    rows = list(csv.DictReader(io.StringIO(files["speech.csv"].decode())))
    assert [row["top"] for row in rows if row["modality"] == "voice"] == [
        voice["top"] or "" for voice in document["voice"]
    ]
    assert list(csv.DictReader(io.StringIO(files["speech.wide.csv"].decode())))
    _check_subtitles(files, document)
    _check_tiers(files, document, tmp_path)
    assert files["speech.timeline.png"].startswith(b"\x89PNG")

    visitor.result("clip.mp4")
    name, film = _download(visitor, "Annotated")
    assert name == "clip.annotated.mp4"
    with av.open(io.BytesIO(film)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 5


def _check_subtitles(files: dict[str, bytes], document: dict[str, Any]) -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    labels = [voice["top"] or "unsure" for voice in document["voice"]]
    for name in ("speech.srt", "speech.vtt"):
        lines = [line.text for line in pysubs2.SSAFile.from_string(files[name].decode())]
        assert len(lines) == len(labels)
        assert all(label in line for label, line in zip(labels, lines, strict=True))


def _check_tiers(files: dict[str, bytes], document: dict[str, Any], folder: Path) -> None:
    textgrids = pytest.importorskip("textgrids")
    pympi = pytest.importorskip("pympi")
    labels = [voice["top"] or "unsure" for voice in document["voice"]]
    for name in ("speech.TextGrid", "speech.eaf"):
        (folder / name).write_bytes(files[name])
    tiers = textgrids.TextGrid(str(folder / "speech.TextGrid"))
    assert any([one.text for one in tier if one.text] == labels for tier in tiers.values())
    elan = pympi.Elan.Eaf(str(folder / "speech.eaf"))
    found = [
        [one[2] for one in sorted(elan.get_annotation_data_for_tier(name))]
        for name in elan.get_tier_names()
    ]
    assert labels in found


def test_a_second_visitor_does_not_wait(visit: Visit, long_video: Path, demo_media: Path) -> None:
    first, second = visit(), visit()
    first.upload(long_video)
    working = first.page.locator(".emo-state")
    working.wait_for()
    second.upload(demo_media / "faces.png")
    second.result("faces.png")
    assert working.count() == 1, "the first visitor's film is still being read"
    assert second.page.get_by_role("button", name="long.mp4").count() == 0
    first.picture("at-work")
    first.page.get_by_role("button", name="Remove long.mp4").or_(
        first.page.locator("[class*=st-key-away-] button")
    ).first.click()
    playwright.expect(working).to_have_count(0)


def test_what_cannot_be_read_is_said_and_leaves_nothing(
    visit: Visit, home: Path, tmp_path: Path
) -> None:
    broken, text = tmp_path / "broken.jpg", tmp_path / "text.mp4"
    broken.write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * 500)
    text.write_text("no film")
    visitor = visit()
    visitor.upload(broken, text)
    rows = visitor.page.get_by_text("cannot be read")
    playwright.expect(rows).to_have_count(2)
    alert = visitor.page.locator(".st-key-result [data-testid=stAlert]")
    assert "broken.jpg" in alert.inner_text()
    visitor.picture("corrupt")
    assert [one for one in (home / "tmp").iterdir() if one.name.startswith("emoscope-")] == []


def test_a_name_is_shown_as_it_stands(visit: Visit, demo_media: Path) -> None:
    name = "![x](http:198.51.100.1) <b>$a$ :red[b]</b>.png"
    visitor = visit()
    content = (demo_media / "faces.png").read_bytes()
    visitor.page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )
    visitor.page.locator(".emo-summary p").wait_for()
    assert name in visitor.page.locator("[class*=st-key-row-] button").inner_text()
    assert name in visitor.page.locator(".st-key-result").inner_text()


@pytest.mark.parametrize(("host", "answer"), [("127.0.0.1", 101), ("elsewhere.example", 403)])
def test_only_pages_from_here_may_talk_to_it(address: str, host: str, answer: int) -> None:
    port = urlsplit(address).port
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("GET", "/_stcore/stream", skip_host=True)
    for name, value in {
        "Host": f"{host}:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == answer
    connection.close()


def test_a_file_above_the_limit_is_refused(visit: Visit, tmp_path: Path) -> None:
    huge = tmp_path / "huge.mp4"
    with huge.open("wb") as file:
        file.truncate(201 * 1024**2)
    visitor = visit()
    visitor.page.get_by_text("200MB per file").wait_for()
    visitor.upload(huge)
    visitor.page.get_by_text("must be 200.0MB or smaller").wait_for()
    assert visitor.page.locator(".st-key-tray").count() == 0


def test_back_and_forward_keep_the_results(visit: Visit, demo_media: Path) -> None:
    visitor = visit()
    visitor.upload(demo_media / "faces.png")
    sentence = visitor.result("faces.png")
    visitor.page.get_by_role("link", name="About").click()
    heading = visitor.page.locator("h1")
    playwright.expect(heading).to_have_text("About")
    visitor.page.get_by_role("link", name="Models").click()
    playwright.expect(heading).to_have_text("Models")
    visitor.page.go_back()
    playwright.expect(heading).to_have_text("About")
    visitor.page.go_back()
    playwright.expect(heading).to_have_text("Analyse")
    assert visitor.page.locator(".emo-summary p").inner_text() == sentence
    visitor.page.go_forward()
    playwright.expect(heading).to_have_text("About")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_on_a_telephone(visit: Visit, scheme: str) -> None:
    visitor = visit("", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    for name in PAGES:
        visitor.go(name)
        visitor.settle()
        overflow = visitor.page.evaluate(
            "() => document.querySelector('[data-testid=stMain]').scrollWidth - innerWidth"
        )
        assert overflow <= 0, f"{name or 'analyse'} is wider than the window"
        assert visitor.page.locator("[data-testid=stException]").count() == 0
        visitor.picture(f"{name or 'analyse'}-390-{scheme}")


@pytest.mark.parametrize(("scheme", "ground"), [("light", 255), ("dark", 17)])
def test_the_theme_follows_the_system(
    visit: Visit, demo_media: Path, scheme: str, ground: int
) -> None:
    visitor = visit("", color_scheme=scheme)
    colour = "() => getComputedStyle(document.querySelector('.stApp')).backgroundColor"
    assert visitor.page.evaluate(colour).startswith(f"rgb({ground}, ")
    for name in PAGES:
        visitor.go(name)
        visitor.settle()
        assert visitor.page.locator("[data-testid=stException]").count() == 0
        visitor.picture(f"{name or 'analyse'}-{scheme}")


def test_everything_is_reached_with_the_keyboard(visit: Visit, demo_media: Path) -> None:
    visitor = visit()
    visitor.upload(demo_media / "clip.mp4")
    visitor.result("clip.mp4")
    visitor.page.evaluate("() => document.activeElement.blur()")
    reached: set[str] = set()
    for _ in range(60):
        visitor.page.keyboard.press("Tab")
        reached.add(
            visitor.page.evaluate(
                """() => {
                  let one = document.activeElement;
                  while (one.shadowRoot && one.shadowRoot.activeElement)
                    one = one.shadowRoot.activeElement;
                  return (one.getAttribute('aria-label') || one.innerText || one.tagName).trim();
                }"""
            )
        )
    said = "\n".join(reached)
    for wanted in ("About", "Upload", "clip.mp4", "time line", "JSON"):
        assert wanted in said, f"{wanted} is not reached: {said}"


def test_nothing_jumps_while_a_result_arrives(visit: Visit, demo_media: Path) -> None:
    visitor = visit()
    visitor.upload(demo_media / "clip.mp4")
    visitor.page.locator(".st-key-tray .emo-state").wait_for()
    visitor.page.evaluate(
        """() => {
          window.jumps = 0;
          new PerformanceObserver((list) => {
            for (const one of list.getEntries()) window.jumps += one.value;
          }).observe({type: 'layout-shift'});
        }"""
    )
    visitor.result("clip.mp4")
    assert visitor.page.evaluate("() => window.jumps") < 0.1
