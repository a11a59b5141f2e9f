"""``emoscope serve``: where it listens, who may use it, how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

for _module in ("fastapi", "httpx", "uvicorn", "python_multipart", "prometheus_client"):
    pytest.importorskip(_module)

import httpx  # noqa: E402

from emoscope.apps.cli import app  # noqa: E402

RUN = [sys.executable, "-c", "from emoscope.apps.cli import main; main()", "serve"]


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["serve", *arguments])
    assert result.exit_code == 2, result.output
    return " ".join(re.sub(r"[│╭╮╰╯─]|\x1b\[[\d;]*m", " ", result.output).split())


def test_other_addresses_need_a_key():
    assert "--api-key-file" in refused("--host", "0.0.0.0")


def test_a_key_has_to_be_one(tmp_path):
    short = tmp_path / "key"
    short.write_text("abc\n")
    assert "16 characters" in refused("--api-key-file", str(short))
    assert "no key can be read" in refused("--api-key-file", str(tmp_path / "none"))


def test_a_port_that_is_taken_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = subprocess.run(
            [*RUN, "--detector", "haar", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert result.returncode == 1
    assert "choose another --port" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(tmp_path, how):
    key = tmp_path / "key"
    key.write_text("correct-horse-battery\n")
    picture = Path(__file__).parents[3] / "src/emoscope/apps/cli/demo_media/faces.png"
    process: Any = subprocess.Popen(
        [*RUN, "--detector", "haar", "--port", "0", "--api-key-file", str(key)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        said = process.stderr.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert url is not None, said
        assert "/docs" in said
        headers = {"Authorization": "Bearer correct-horse-battery"}
        assert httpx.get(f"{url[0]}/v1/labels").status_code == 401
        answer = httpx.post(
            f"{url[0]}/v1/analyze", content=picture.read_bytes(), headers=headers, timeout=60
        )
        assert answer.json()["faces"]
        process.send_signal(how)
        rest = process.stderr.read()
    assert "Traceback" not in rest
    assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGTERM)
