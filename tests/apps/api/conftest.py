"""A service with tiny models, in this process, and one on a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

for _module in ("fastapi", "httpx", "uvicorn", "python_multipart", "prometheus_client"):
    pytest.importorskip(_module)

from fastapi.testclient import TestClient  # noqa: E402

from emoscope.apps.api.app import create_app  # noqa: E402
from emoscope.apps.api.background import RunningService, serve_in_background  # noqa: E402
from emoscope.apps.api.settings import ServiceSettings  # noqa: E402
from emoscope.apps.api.uploads import IN_MEMORY  # noqa: E402
from emoscope.media import Limits  # noqa: E402

KEY = "correct-horse-battery"
LIMITS = Limits(max_pixels=1_000_000, max_duration_s=60, max_bytes=1_000_000)


@pytest.fixture(scope="session")
def make_settings(tmp_path_factory, tiny_face_model, tiny_voice_model) -> Callable[..., Any]:
    """Builder: settings with tiny models and one worker, with changes."""
    folder = tmp_path_factory.mktemp("models")
    usual = {
        "face_model": str(tiny_face_model(folder / "face.onnx")),
        "voice_model": str(tiny_voice_model(folder / "voice.onnx")),
        "detector": "haar",
        "speech": "light",
        "workers": 1,
        "threads": 1,
        "limits": LIMITS,
        "grace_s": 5.0,
    }

    def build(**changes: Any) -> ServiceSettings:
        return ServiceSettings(**(usual | changes))

    return build


@pytest.fixture(scope="session")
def running(make_settings) -> Iterator[RunningService]:
    """One service on a real socket, behind a key, for all tests that leave it as it is."""
    service = serve_in_background(make_settings(api_key=KEY))
    yield service
    service.stop()


@pytest.fixture
def make_client(make_settings) -> Iterator[Callable[..., TestClient]]:
    """Builder: a client of a fresh service in this process, with these settings."""
    made: list[TestClient] = []

    def build(**changes: Any) -> TestClient:
        client = TestClient(
            create_app(make_settings(**changes)),
            base_url="http://127.0.0.1",
            raise_server_exceptions=False,
        )
        client.__enter__()
        made.append(client)
        return client

    yield build
    for one in made:
        one.__exit__(None, None, None)


@pytest.fixture(scope="module")
def client(make_settings) -> Iterator[TestClient]:
    """A client of a service without a key, for tests that leave it as it is."""
    app = create_app(make_settings())
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as one:
        yield one


@pytest.fixture(scope="session")
def png() -> bytes:
    """A picture of 160 x 120."""
    image = np.zeros((120, 160, 3), dtype=np.uint8)
    image[:, :, 1] = np.arange(160, dtype=np.uint8)
    done, data = cv2.imencode(".png", image)
    assert done
    return data.tobytes()


@pytest.fixture(scope="session")
def large_png(png) -> bytes:
    """The same with more behind it than is kept in memory."""
    return png + bytes(IN_MEMORY)


@pytest.fixture
def wav(make_wav, tmp_path: Path) -> bytes:
    """Two seconds of a tone."""
    tone = 0.3 * np.sin(np.arange(32_000) / 6)
    return make_wav(tmp_path / "tone.wav", tone).read_bytes()


@pytest.fixture
def mp4(make_video, tmp_path: Path) -> bytes:
    """A second of a film, silent."""
    return make_video(tmp_path / "film.mp4", 1.0).read_bytes()


@pytest.fixture
def uploads_left(request) -> Callable[[Any], list[str]]:
    """Names of what lies in the upload folder of a client's service."""

    def names(client: TestClient) -> list[str]:
        folder = client.app.state.service.folder._path
        if folder is None:
            return []
        return sorted(path.name for path in folder.iterdir() if path.name != "in-use")

    return names
