from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from emoscope.apps.cli import app
from emoscope.apps.dashboard import launch
from emoscope.apps.dashboard.launch import ADDRESS, DashboardError, flags
from emoscope.errors import MissingExtraError


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((ADDRESS, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_it_is_for_this_machine_alone_and_sends_nothing() -> None:
    given = flags(8501, browser=True)
    assert "--server.address=127.0.0.1" in given
    assert "--browser.gatherUsageStats=false" in given
    assert "--server.showEmailPrompt=false" in given
    assert "--server.headless=false" in given
    assert "--server.allowedHosts=127.0.0.1" in given
    assert "--server.headless=true" in flags(8501, browser=False)


def test_streamlit_knows_every_flag() -> None:
    from streamlit import config

    known = set(config.get_config_options())
    for flag in flags(8501, browser=False):
        assert flag.removeprefix("--").split("=")[0] in known


def test_a_port_in_use_is_said_in_a_line(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "require", lambda *_, **__: SimpleNamespace(main=pytest.fail))
    with pytest.raises(DashboardError, match=f"port {taken_port} cannot be used") as caught:
        launch.launch(taken_port)
    assert f"emoscope dashboard --port {taken_port + 1}" in str(caught.value)


def test_streamlit_is_run_with_the_flags(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    said: list[str] = []

    def main(*, args: list[str], prog_name: str, standalone_mode: bool) -> None:
        seen.append(args)

    monkeypatch.setattr(launch, "require", lambda *_, **__: SimpleNamespace(main=main))
    launch.launch(free_port, browser=False, say=said.append)
    ((run, script, *given),) = seen
    assert run == "run"
    assert Path(script).is_file()
    assert given == flags(free_port, browser=False)
    assert f"http://127.0.0.1:{free_port}" in said[0]


def test_a_missing_extra_is_said_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "streamlit", None)
    monkeypatch.setitem(sys.modules, "streamlit.web", None)
    monkeypatch.setitem(sys.modules, "streamlit.web.cli", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emoscope\[dashboard\]'"):
        launch.launch(browser=False)


def test_the_command_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, bool]] = []
    monkeypatch.setattr(
        launch, "launch", lambda port, *, browser, say: seen.append((port, browser))
    )
    run = CliRunner().invoke(app, ["dashboard", "--port", "9000", "--no-browser"])
    assert run.exit_code == 0, run.output
    assert seen == [(9000, False)]
    assert CliRunner().invoke(app, ["dashboard", "--port", "0"]).exit_code == 2


def _start(port: int, home: Path) -> subprocess.Popen[str]:
    code = "from emoscope.apps.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "dashboard", "--port", str(port), "--no-browser"],
        env={**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home / "data")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _until_up(process: subprocess.Popen[str], port: int) -> None:
    for _ in range(600):
        assert process.poll() is None, process.stdout and process.stdout.read()
        try:
            address = f"http://127.0.0.1:{port}/_stcore/health"
            with urllib.request.urlopen(address, timeout=1) as answer:
                assert answer.read() == b"ok"
                return
        except OSError:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
    pytest.fail("it did not start")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_it_starts_ends_on_ctrl_c_and_writes_nothing_into_the_home(
    tmp_path: Path, free_port: int
) -> None:
    process = _start(free_port, tmp_path)
    try:
        _until_up(process, free_port)
        assert list(tmp_path.iterdir()) == []
        second = _start(free_port, tmp_path)
        output, _ = second.communicate(timeout=60)
        assert second.returncode == 1
        assert output.count("\n") == 1
        assert f"port {free_port} cannot be used" in output
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode in (0, 130)
    assert "Traceback" not in output
