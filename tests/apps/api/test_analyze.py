"""``POST /v1/analyze``: the same answers as the command line, and refusals that say why."""

from __future__ import annotations

import json

import cv2
import jsonschema
import numpy as np
import pytest

from emoscope.analyzer import Analyzer
from emoscope.apps.api.schema import analysis_schemas
from emoscope.results import Analysis


def problem(answer, status: int) -> dict:
    """The problem document of a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert "/tmp" not in document["detail"]
    return document


def test_the_answer_is_that_of_the_library(client, mp4, tmp_path):
    settings = client.app.state.settings
    path = tmp_path / "film.mp4"
    path.write_bytes(mp4)
    expected = Analyzer(
        face_model=settings.face_model,
        voice_model=settings.voice_model,
        detector="haar",
        speech="light",
        fps=5.0,
    ).analyze(path)
    answer = client.post("/v1/analyze", files={"file": ("film.mp4", mp4)}, data={"fps": "5"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads(json.dumps(expected.to_dict() | {"source": "film.mp4"}))
    assert Analysis.from_dict(answer.json()).source == "film.mp4"


def test_the_answer_keeps_to_the_published_schema(client, png, wav):
    text = json.dumps(analysis_schemas()).replace("#/components/schemas/", "#/$defs/")
    schemas = json.loads(text)
    whole = schemas["Analysis"] | {"$defs": schemas}
    for medium in (png, wav):
        answer = client.post("/v1/analyze", content=medium)
        jsonschema.validate(answer.json(), whole)


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", ""])
def test_the_body_itself_may_be_the_file(client, png, kind):
    headers = {"Content-Type": kind} if kind else {}
    answer = client.post("/v1/analyze", content=png, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["source"] == ("upload.png" if kind == "image/png" else "upload")


@pytest.mark.parametrize(
    ("accept", "kind", "starts"),
    [
        ("text/csv", "text/csv; charset=utf-8", b"source,modality"),
        ("application/json", "application/json", b"{"),
        ("*/*", "application/json", b"{"),
        ("image/*", "image/png", b"\x89PNG"),
        ("text/html, text/csv;q=0.5, application/json;q=0.1", "text/csv; charset=utf-8", b"source"),
    ],
)
def test_accept_chooses(client, png, uploads_left, accept, kind, starts):
    answer = client.post("/v1/analyze", content=png, headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == kind
    assert "accept" in answer.headers["vary"].lower()
    assert answer.content.startswith(starts)
    assert uploads_left(client) == []


def test_the_format_option_chooses_where_no_header_can(client, png):
    answer = client.post("/v1/analyze", params={"format": "csv-wide"}, content=png)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"time_s,end_s,faces")


def test_annotated_films_come_back_as_films(client, mp4, uploads_left):
    answer = client.post("/v1/analyze", content=mp4, headers={"Accept": "video/mp4"})
    assert answer.status_code == 200, answer.text
    assert answer.content[4:8] == b"ftyp"
    assert uploads_left(client) == []


def test_subtitles_of_a_picture_cannot_be_had(client, png):
    found = problem(client.post("/v1/analyze", content=png, headers={"Accept": "text/vtt"}), 406)
    assert found["field"] == "Accept"


def test_what_nobody_can_give_is_refused_before_anything_is_read(client):
    found = problem(client.post("/v1/analyze", content=b"", headers={"Accept": "text/html"}), 406)
    assert "text/csv" in found["detail"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"fps": "0"}, "fps"),
        ({"min_confidence": "2"}, "min_confidence"),
        ({"smooth": "much"}, "smooth"),
        ({"fsp": "10"}, "fsp"),
        ({"face_model": "/etc/passwd"}, "face_model"),
        ({"face_model": "../../secret.onnx"}, "face_model"),
        ({"face_model": "emoscope-voice"}, "face_model"),
        ({"voice_model": "no-such"}, "voice_model"),
        ({"detector": "yunet"}, "detector"),
        ({"transcribe": "base"}, "transcribe"),
        ({"language": "de"}, "language"),
        ({"translate": "true"}, "translate"),
        ({"max_megapixels": "-1"}, "max_megapixels"),
    ],
)
@pytest.mark.parametrize("where", ["query", "form"])
def test_options_that_cannot_be_had_are_named(client, png, uploads_left, options, field, where):
    given = {"params": options} if where == "query" else {"data": options}
    answer = client.post("/v1/analyze", files={"file": ("a.png", png)}, **given)
    assert problem(answer, 422)["field"] == field
    assert uploads_left(client) == []


def test_limits_are_named(client, png, wav):
    settings = client.app.state.settings
    large = client.post("/v1/analyze", content=b"x" * (settings.limits.max_bytes + 1))
    found = problem(large, 413)
    assert (found["field"], found["limit"]) == ("file", settings.limits.max_bytes)
    image = np.zeros((1001, 1000, 3), dtype=np.uint8)
    wide = cv2.imencode(".png", image)[1].tobytes()
    found = problem(client.post("/v1/analyze", content=wide), 413)
    assert (found["field"], found["limit"]) == ("file", settings.limits.max_pixels)
    tight = client.post("/v1/analyze", params={"max_megapixels": 0.01}, content=png)
    assert problem(tight, 413)["limit"] == 10_000
    tight = client.post("/v1/analyze", params={"max_hours": 0.0001}, content=wav)
    assert problem(tight, 413)["limit"] == pytest.approx(0.36)


def test_options_never_loosen_the_limits_of_the_service(client):
    image = np.zeros((1001, 1000, 3), dtype=np.uint8)
    wide = cv2.imencode(".png", image)[1].tobytes()
    answer = client.post("/v1/analyze", params={"max_megapixels": 10_000}, content=wide)
    problem(answer, 413)


def test_what_takes_too_long_to_wait_for_is_told_of_jobs(make_client, wav):
    client = make_client(direct_s=1.0)
    found = problem(client.post("/v1/analyze", content=wav), 413)
    assert "/v1/jobs" in found["detail"]
    assert found["limit"] == 1.0


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"", 422), (b"words only, nothing else", 415), (b"\x89PNG\r\n\x1a\n", 422)],
)
def test_what_is_no_medium_is_refused(client, uploads_left, data, status):
    assert problem(client.post("/v1/analyze", content=data), status)["field"] == "file"
    found = problem(client.post("/v1/analyze", files={"file": ("a.png", data)}), status)
    assert found["field"] == "file"
    assert uploads_left(client) == []


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/x-www-form-urlencoded"]
)
def test_bodies_that_cannot_be_media_are_refused(client, kind):
    answer = client.post("/v1/analyze", content=b'{"url": "x"}', headers={"Content-Type": kind})
    assert problem(answer, 415)["field"] == "Content-Type"


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/cron.d/x.png",
        "..\\..\\x.png",
        "/etc/passwd",
        "a/b/c.png",
        "\x1b]0;x\x07.png",
        "..",
    ],
)
def test_names_lead_nowhere(client, png, uploads_left, name):
    answer = client.post("/v1/analyze", files={"file": (name, png)})
    assert answer.status_code == 200
    source = answer.json()["source"]
    assert "/" not in source
    assert "\\" not in source
    assert source.isprintable()
    assert source != ".."
    assert uploads_left(client) == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"no form at all"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="fps"\r\n\r\n5\r\n--x--\r\n',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nabc\r\n--x--',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="fps"\r\n\r\n'
            + b"5" * 5000
            + b"\r\n--x--",
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\n" + b"A" * 10_000 + b": b\r\n\r\n\r\n--x--",
        ),
        ("multipart/form-data; boundary=" + "y" * 5000, b"--x--"),
    ],
)
def test_broken_forms_are_refused(client, uploads_left, content_type, body):
    answer = client.post("/v1/analyze", content=body, headers={"Content-Type": content_type})
    problem(answer, 422)
    assert uploads_left(client) == []


def test_two_files_are_one_too_many(client, png, uploads_left):
    files = [("file", ("a.png", png)), ("file", ("b.png", png))]
    assert problem(client.post("/v1/analyze", files=files), 422)["field"] == "file"
    assert uploads_left(client) == []


def test_wrong_endings_do_not_matter(client, wav):
    answer = client.post("/v1/analyze", files={"file": ("a.png", wav, "image/png")})
    assert answer.json()["kind"] == "audio"


def test_no_address_is_fetched(client):
    for body in (b"http://127.0.0.1:9/x.png", b"#EXTM3U\nhttp://127.0.0.1:9/x.ts\n"):
        problem(client.post("/v1/analyze", content=body), 415)
