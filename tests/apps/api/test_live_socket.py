"""The live socket: labels come back, and whoever breaks the rules is told which."""

from __future__ import annotations

import contextlib
import json
import socket as sockets
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

fastapi = pytest.importorskip("fastapi")
pytest.importorskip("httpx")
pytest.importorskip("onnx")

from fastapi.testclient import TestClient  # noqa: E402
from starlette.websockets import WebSocketDisconnect  # noqa: E402

from emoscope.apps.api.live_messages import LiveLimits, LiveProtocolError  # noqa: E402
from emoscope.apps.api.live_session import Allowance  # noqa: E402
from emoscope.apps.api.live_socket import live_page, router  # noqa: E402
from emoscope.apps.api.settings import ServiceSettings  # noqa: E402
from emoscope.errors import ModelUnavailableError  # noqa: E402
from emoscope.face.detect import Detection  # noqa: E402
from emoscope.face.recognise import FaceRecogniser  # noqa: E402
from emoscope.labels import SHARED, VOICE_LABELS  # noqa: E402
from emoscope.stream import EmotionStream, FaceParts, VoiceParts  # noqa: E402
from emoscope.voice.activity import load_gate  # noqa: E402
from emoscope.voice.recognise import VoiceRecogniser  # noqa: E402

HAPPY = round(255 * (SHARED.index("happy") + 0.5) / len(SHARED))


class WholePicture:
    """Takes the middle of each picture for a face, unless it is black."""

    name = "yunet@test"

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Detection]:
        height, width = image_rgb.shape[:2]
        box = (0.3 * width, 0.3 * height, 0.7 * width, 0.7 * height)
        return [Detection(box, 0.9)] if image_rgb.max() > 40 else []


class TinyAnalyzer:
    def __init__(self, folder: Path) -> None:
        self.detector = WholePicture()
        self.face = FaceRecogniser(folder / "face.onnx", threads=1)
        self.voice = VoiceRecogniser(folder / "voice.onnx", threads=1)

    def stream(self, **options: Any) -> EmotionStream:
        return EmotionStream(
            lambda: FaceParts(self.detector, self.face),
            lambda: VoiceParts(load_gate("light"), self.voice),
            **options,
        )


@pytest.fixture(scope="module")
def tiny(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_face_model: Callable[..., Path],
    tiny_voice_model: Callable[..., Path],
) -> Any:
    folder = tmp_path_factory.mktemp("tiny")
    tiny_face_model(folder / "face.onnx")
    tiny_voice_model(folder / "voice.onnx")
    return TinyAnalyzer(folder)


def app_of(analyzer: Any, limits: LiveLimits | None = None) -> Any:
    app = fastapi.FastAPI()
    app.include_router(router(analyzer, ServiceSettings(), limits))
    return app


def jpeg(grey: int = HAPPY, size: tuple[int, int] = (64, 48)) -> bytes:
    image = np.full((size[1], size[0], 3), grey, np.uint8)
    return bytes(cv2.imencode(".jpg", image)[1])


def frame(time_s: float, body: bytes) -> bytes:
    return struct.pack("<BBHd", 1, 1, 0, time_s) + body


def sound(time_s: float, seconds: float, label: str = "angry") -> bytes:
    level = (VOICE_LABELS.names.index(label) + 0.5) / len(VOICE_LABELS.names)
    samples = np.full(round(seconds * 16_000), round(level * 32768), "<i2")
    return struct.pack("<BBHd", 2, 1, 0, time_s) + samples.tobytes()


def begin(talk: Any, **config: Any) -> dict[str, Any]:
    hello: dict[str, Any] = talk.receive_json()
    assert hello["type"] == "hello"
    talk.send_json({"type": "config", "protocol": 1, **config})
    return hello


def moment_where(talk: Any, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    for _ in range(500):
        moment: dict[str, Any] = talk.receive_json()
        assert moment["type"] == "moment", moment
        if true(moment):
            return moment
    raise AssertionError("no such moment")


def error_of(talk: Any) -> tuple[str, int]:
    """The error that ends the talk, and the status that it closes with."""
    while True:
        message = talk.receive_json()
        if message["type"] == "error":
            break
    with pytest.raises(WebSocketDisconnect) as left:
        talk.receive_json()
    assert left.value.reason == message["code"]
    return message["code"], left.value.code


def test_a_frame_comes_back_as_a_face(tiny: Any) -> None:
    with TestClient(app_of(tiny)) as client, client.websocket_connect("/v1/live") as talk:
        hello = begin(talk, smooth_s=0.0)
        assert hello["models"] == {
            "detector": "yunet@test",
            "face": "tiny-face@1",
            "voice": "tiny-voice@1",
        }
        talk.send_bytes(frame(0.5, jpeg()))
        moment = moment_where(talk, lambda one: bool(one["faces"]))
        assert moment["faces"][0]["label"] == "happy"
        assert moment["frame_time_s"] == 0.5
        assert moment["size_px"] == [64, 48]
        assert moment["fused"]["label"] == "happy"


def test_sound_comes_back_as_a_voice_when_it_is_recorded(tiny: Any) -> None:
    with TestClient(app_of(tiny)) as client, client.websocket_connect("/v1/live") as talk:
        begin(talk, voice="key")
        talk.send_json({"type": "record", "seconds": 1.0})
        for tenth in range(12):
            talk.send_bytes(sound(tenth / 10, 0.1))
        moment = moment_where(talk, lambda one: one["voice"] is not None)
        assert moment["voice"]["label"] == "angry"
        assert moment["recording"] is None
        assert moment["level_dbfs"] == pytest.approx(-24.1, abs=0.1)


def test_a_pause_is_a_pause(tiny: Any) -> None:
    with TestClient(app_of(tiny)) as client, client.websocket_connect("/v1/live") as talk:
        begin(talk)
        talk.send_json({"type": "config", "paused": True})
        talk.send_bytes(frame(1.0, jpeg()))
        talk.send_json({"type": "config", "paused": False})
        talk.send_bytes(frame(2.0, jpeg()))
        # The first was decoded while it was paused, or left out for the second.
        moment_where(talk, lambda one: one["frame_time_s"] == 2.0)


@pytest.mark.parametrize(
    ("send", "code", "status"),
    [
        (lambda talk: talk.send_text("{"), "bad-message", 1007),
        (lambda talk: talk.send_bytes(b"\x01"), "bad-message", 1008),
        (lambda talk: talk.send_bytes(frame(0.0, b"GIF89a")), "bad-frame", 1008),
        (lambda talk: talk.send_bytes(frame(0.0, jpeg()[:60])), "bad-frame", 1007),
        (lambda talk: talk.send_bytes(frame(0.0, jpeg() + bytes(5000))), "frame-too-large", 1009),
        (lambda talk: talk.send_bytes(frame(0.0, jpeg(9, (300, 200)))), "frame-too-large", 1009),
        (lambda talk: talk.send_bytes(sound(0.0, 0.2)), "sound-too-large", 1009),
        (lambda talk: talk.send_json({"type": "config", "smooth_s": 1}), "bad-config", 1008),
        (lambda talk: [talk.send_bytes(frame(0.0, jpeg())) for _ in range(300)], "rate", 1008),
        (lambda talk: [talk.send_bytes(sound(0.0, 0.1)) for _ in range(300)], "rate", 1008),
    ],
)
def test_whoever_breaks_the_rules_is_told_and_let_go(
    tiny: Any, send: Callable[[Any], Any], code: str, status: int
) -> None:
    limits = LiveLimits(
        frame_bytes=3000, frame_pixels=10_000, frames_per_s=10, sound_bytes=4000, ahead_s=1.0
    )
    with TestClient(app_of(tiny, limits)) as client:
        with client.websocket_connect("/v1/live") as talk:
            begin(talk)
            send(talk)
            assert error_of(talk) == (code, status)
        with client.websocket_connect("/v1/live") as talk:
            begin(talk)  # the next one is served


@pytest.mark.parametrize(
    "first", ['{"type": "record"}', '{"type": "config", "protocol": 9}', "hello"]
)
def test_the_first_message_is_config(tiny: Any, first: str) -> None:
    with TestClient(app_of(tiny)) as client, client.websocket_connect("/v1/live") as talk:
        talk.receive_json()
        talk.send_text(first)
        assert error_of(talk)[0] in ("bad-message", "protocol")


def test_whoever_says_nothing_is_let_go(tiny: Any) -> None:
    with TestClient(app_of(tiny, LiveLimits(config_s=0.05, idle_s=0.05))) as client:
        with client.websocket_connect("/v1/live") as talk:
            talk.receive_json()
            assert error_of(talk) == ("idle", 1008)
        with client.websocket_connect("/v1/live") as talk:
            with contextlib.suppress(AssertionError):
                begin(talk)
            assert error_of(talk) == ("idle", 1008)


def test_a_session_ends(tiny: Any) -> None:
    with (
        TestClient(app_of(tiny, LiveLimits(session_s=0.3))) as client,
        client.websocket_connect("/v1/live") as talk,
    ):
        begin(talk)
        assert error_of(talk) == ("session-over", 1000)


def test_there_are_only_so_many_sessions(tiny: Any) -> None:
    with TestClient(app_of(tiny, LiveLimits(sockets=2))) as client:
        with client.websocket_connect("/v1/live") as one, client.websocket_connect("/v1/live") as o:
            begin(one)
            begin(o)
            with client.websocket_connect("/v1/live") as third:
                assert error_of(third) == ("full", 1013)
        with client.websocket_connect("/v1/live") as again:
            begin(again)


def test_a_model_that_cannot_be_had_is_named(tiny: Any) -> None:
    class Missing:
        @property
        def detector(self) -> Any:
            raise ModelUnavailableError("no such model here; fetch it")

    with TestClient(app_of(Missing())) as client, client.websocket_connect("/v1/live") as talk:
        message = talk.receive_json()
        assert (message["type"], message["code"]) == ("error", "model")
        assert "fetch it" in message["message"]


def test_leaving_in_the_middle_of_a_frame_leaves_nothing_behind(tiny: Any) -> None:
    with TestClient(app_of(tiny)) as client:
        for _ in range(5):
            with client.websocket_connect("/v1/live") as talk:
                begin(talk)
                talk.send_bytes(frame(0.0, jpeg()))
        with client.websocket_connect("/v1/live") as talk:
            begin(talk)
            talk.send_bytes(frame(0.0, jpeg()))
            moment_where(talk, lambda one: bool(one["faces"]))
    for thread in threading.enumerate():
        if thread.name == "emoscope-live":
            thread.join(20)
            assert not thread.is_alive()


def test_what_is_allowed_is_saved_up_to_a_bound() -> None:
    now = {"s": 0.0}
    allowance = Allowance(2.0, 3.0, lambda: now["s"])
    for _ in range(3):
        allowance.take(1.0, "frames")
    with pytest.raises(LiveProtocolError, match="more than 2 frames a second"):
        allowance.take(0.1, "frames")
    now["s"] = 100.0
    allowance.take(3.0, "frames")
    with pytest.raises(LiveProtocolError):
        allowance.take(0.1, "frames")


def test_the_page_is_one_piece_that_fetches_nothing(tiny: Any) -> None:
    with TestClient(app_of(tiny), base_url="http://127.0.0.1:8000") as client:
        answer = client.get("/live?key=secret")
    assert answer.status_code == 200
    for outside in ("http://", "https://", "src=", "@import", "url("):
        assert outside not in answer.text.replace("http://www.w3.org", "")
    assert "secret" not in answer.text
    assert "/*live.js*/" not in answer.text
    assert "{nonce}" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self' ws://127.0.0.1:8000 wss://127.0.0.1:8000" in policy
    assert "http://127.0.0.1:*" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "live" not in client.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize("host", ["", "x; script-src *", "a b", "[::1", "'unsafe-inline'"])
def test_a_strange_host_opens_nothing(host: str) -> None:
    policy = live_page(host).headers["content-security-policy"]
    assert "connect-src 'self';" in policy
    assert "*;" not in policy.replace(":*", "")


@pytest.fixture
def served(tiny: Any) -> Iterator[str]:
    uvicorn: Any = pytest.importorskip("uvicorn")
    listener = sockets.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app_of(tiny), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/live"
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


def test_over_a_real_connection(served: str) -> None:
    client: Any = pytest.importorskip("websockets.sync.client")
    closed = pytest.importorskip("websockets.exceptions").ConnectionClosed
    with client.connect(served, open_timeout=20) as talk:
        assert json.loads(talk.recv(timeout=20))["type"] == "hello"
        talk.send(json.dumps({"type": "config", "protocol": 1}))
        for index in range(50):  # as fast as they go: the newest wins
            talk.send(frame(index / 100, jpeg()))
        while True:
            moment = json.loads(talk.recv(timeout=20))
            assert moment["type"] == "moment"
            if moment["frame_time_s"] == 0.49:
                break
        assert moment["faces"][0]["label"] == "happy"
        assert moment["number"] <= 50
    with client.connect(served, open_timeout=20) as talk:
        talk.recv(timeout=20)
        talk.send(b"\x09\x09")
        assert json.loads(talk.recv(timeout=20))["code"] == "bad-message"
        with pytest.raises(closed):
            talk.recv(timeout=20)
        assert talk.close_code == 1008


def test_many_idle_sockets_are_borne(served: str) -> None:
    client: Any = pytest.importorskip("websockets.sync.client")
    with contextlib.ExitStack() as opened:
        said = []
        for _ in range(60):
            talk = opened.enter_context(client.connect(served, open_timeout=20))
            said.append(json.loads(talk.recv(timeout=20)))
        kinds = [one["type"] for one in said]
        assert kinds.count("hello") == LiveLimits().sockets
        assert {one["code"] for one in said if one["type"] == "error"} == {"full"}


@pytest.mark.slow
def test_the_example_client_speaks_it(
    served: str, tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    pytest.importorskip("websockets")
    example = Path(__file__).resolve().parents[3] / "examples/live_client.py"
    grey = np.full((120, 160, 3), HAPPY, np.uint8)
    film = make_video(
        tmp_path / "film.mp4", seconds=1.0, images=grey, sound=np.zeros(16_000, np.float32)
    )
    done = subprocess.run(
        [sys.executable, example, film, "--url", served],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert "reading with yunet@test, tiny-face@1, tiny-voice@1" in done.stdout
    assert "face: happy" in done.stdout
    assert "the service says" not in done.stdout
