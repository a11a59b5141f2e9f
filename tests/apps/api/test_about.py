"""Models, labels, health and metrics."""

from __future__ import annotations

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from emoscope.apps.api.app import create_app
from emoscope.labels import SHARED


def samples(client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = client.get("/metrics").text
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_labels_are_the_shared_seven(client):
    found = client.get("/v1/labels").json()["labels"]
    assert tuple(one["name"] for one in found) == SHARED
    assert all(one["colour"].startswith("#") for one in found)


def test_models_say_what_is_here(client):
    found = client.get("/v1/models").json()
    assert {"emoscope-face", "emoscope-voice"} <= {one["name"] for one in found["models"]}
    assert found["loaded"]["face"] == "tiny-face@1"
    assert found["transcribe"] is None


def test_ready_only_while_it_is(make_settings):
    app = create_app(make_settings())
    early = TestClient(app, base_url="http://127.0.0.1")
    assert early.get("/livez").status_code == 200
    assert early.get("/readyz").status_code == 503
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.get("/readyz").status_code == 200
    assert early.get("/readyz").status_code == 503


def test_metrics_count_and_name_no_files(make_client, png):
    client = make_client()
    client.post("/v1/analyze", files={"file": ("my-secret-holiday.png", png)})
    client.post("/v1/analyze", content=b"nothing")
    client.get("/v1/jobs/my-secret-job")
    client.get("/my-secret-path")
    found = samples(client)
    route = ("route", "/v1/analyze")
    method = ("method", "POST")
    assert found["emoscope_requests_total", (method, route, ("status", "200"))] == 1
    assert found["emoscope_requests_total", (method, route, ("status", "415"))] == 1
    assert found["emoscope_media_total", (("kind", "image"), ("outcome", "read"))] == 1
    refused = (("kind", "unknown"), ("outcome", "UnsupportedMediaError"))
    assert found["emoscope_media_total", refused] == 1
    for stage in ("upload", "queue", "decode", "read", "write"):
        assert found["emoscope_stage_seconds_count", (("stage", stage),)] >= 1
    assert found["emoscope_model_info", (("model", "tiny-face@1"), ("role", "face"))] == 1
    assert found["emoscope_ready", ()] == 1
    assert found["emoscope_queue_running", ()] == 0
    assert found["emoscope_decoder_restarts", ()] == 0
    assert not any("secret" in str(key) for key in found)
