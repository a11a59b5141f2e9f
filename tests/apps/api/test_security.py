"""Who may use the service, and what strangers cannot make it do."""

from __future__ import annotations

import pytest
from starlette.websockets import WebSocketDisconnect

from emoscope.apps.api.settings import ServiceSettings, is_loopback

KEY = "correct-horse-battery"
GUARDED = ["/v1/models", "/v1/labels", "/metrics", "/v1/jobs/x", "/live"]


def test_open_paths_need_no_key(make_client):
    client = make_client(api_key=KEY)
    for path in ("/livez", "/readyz", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize("path", GUARDED)
def test_others_do(make_client, path):
    client = make_client(api_key=KEY)
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEY}"},
        {"X-API-Key": ""},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": "ключ"},
    ]
    for headers in wrong:
        coded = {name: value.encode() for name, value in headers.items()}
        answer = client.get(path, headers=coded)
        assert answer.status_code == 401, headers
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert KEY not in answer.text
    for headers in ({"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}):
        assert client.get(path, headers=headers).status_code in (200, 404)


def test_only_pages_and_sockets_take_the_key_from_the_address(make_client):
    client = make_client(api_key=KEY)
    assert client.get(f"/live?key={KEY}").status_code == 200
    assert client.get(f"/v1/labels?key={KEY}").status_code == 401


def test_uploads_without_a_key_are_not_read(make_client, png, uploads_left):
    client = make_client(api_key=KEY)
    for path in ("/v1/analyze", "/v1/jobs"):
        assert client.post(path, content=png).status_code == 401
    assert client.app.state.service.folder._path is None


def test_sockets_without_a_key_are_closed(make_client):
    client = make_client(api_key=KEY)
    for address in ("/v1/live", "/v1/live?key=wrong"):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(address) as socket:
            socket.receive()
    with client.websocket_connect(f"/v1/live?key={KEY}") as socket:
        assert socket.receive()["type"] == "websocket.send"


def test_without_a_key_foreign_pages_are_refused(client):
    assert client.get("/v1/labels").status_code == 200
    own = {"Origin": "http://127.0.0.1"}
    assert client.get("/v1/labels", headers=own).status_code == 200
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "http://evil.example", "Host": "evil.example"},
    ):
        assert client.get("/v1/labels", headers=headers).status_code == 403, headers
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/v1/live", headers=headers) as socket,
        ):
            socket.receive()


def test_other_addresses_need_a_key_or_an_open_word():
    with pytest.raises(ValueError, match="give an API key"):
        ServiceSettings(host="0.0.0.0")
    assert ServiceSettings(host="0.0.0.0", api_key=KEY).api_key == KEY
    assert ServiceSettings(host="0.0.0.0", open_to_all=True).api_key is None
    with pytest.raises(ValueError, match="at least 16 characters"):
        ServiceSettings(api_key="short")
    assert KEY not in repr(ServiceSettings(api_key=KEY))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.1.2.3", True),
        ("0.0.0.0", False),
        ("192.168.0.1", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback(host, expected):
    assert is_loopback(host) is expected


def test_answers_are_not_stored_nor_guessed_at(client):
    headers = client.get("/v1/labels").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_the_page_of_the_docs_needs_nothing_from_elsewhere(client):
    page = client.get("/docs")
    assert "/v1/analyze" in page.text
    assert "http" not in page.text.replace("HTTP", "").split("<h1>")[1].lower()
    assert "default-src 'none'" in page.headers["content-security-policy"]
