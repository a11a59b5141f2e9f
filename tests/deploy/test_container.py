"""Dockerfile and compose.yaml, as far as they can be checked without an engine."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from emoscope.apps.cli import app

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each on one line."""
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in whole.splitlines()]  # type: ignore[misc]


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text("utf-8"))
    return found


def check_command(words: list[str]) -> None:
    """The command line has this command with these options."""
    command = typer.main.get_command(app).get_command(None, words[0])  # type: ignore[attr-defined]
    assert command is not None, words[0]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known


def test_what_is_copied_is_there_and_sent_to_the_engine(steps):
    sent = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert sent[0] == "*"
    for verb, rest in steps:
        if verb == "COPY" and not rest.startswith("--from"):
            *sources, _ = shlex.split(rest)
            for source in sources:
                assert (REPOSITORY / source).exists(), source
                assert f"!{source.removeprefix('./')}" in sent


def test_it_runs_as_nobody_in_particular(steps):
    users = [rest for verb, rest in steps if verb == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    last_user = max(i for i, (verb, _) in enumerate(steps) if verb == "USER")
    assert not [verb for verb, _ in steps[last_user:] if verb in ("RUN", "COPY", "ADD")]
    assert f"--uid 10001 --create-home --shell /usr/sbin/nologin {users[-1]}" in str(steps)


def test_it_is_slim_and_has_its_models(steps):
    bases = [rest.split()[0] for verb, rest in steps if verb == "FROM"]
    assert all(base.endswith("-slim") for base in bases)
    assert len(bases) == 2
    runs = " ".join(rest for verb, rest in steps if verb == "RUN")
    assert "emoscope models fetch yunet" in runs
    environment = " ".join(rest for verb, rest in steps if verb == "ENV")
    assert "EMOSCOPE_OFFLINE=1" in environment
    assert environment.count("EMOSCOPE_CACHE=/opt/emoscope/models") == 2


def test_the_command_and_the_health_check_exist(steps):
    last = dict(steps)
    assert json.loads(last["ENTRYPOINT"]) == ["emoscope"]
    words = json.loads(last["CMD"])
    check_command(words)
    port = words[words.index("--port") + 1]
    assert last["EXPOSE"] == port
    health = json.loads(last["HEALTHCHECK"].split("CMD", 1)[1])
    assert f"127.0.0.1:{port}/readyz" in health[-1]
    compile(health[-1], "health", "exec")


def test_a_key_is_needed(steps):
    words = json.loads(dict(steps)["CMD"])
    assert "--api-key-file" in words
    assert "--insecure" not in words


def test_compose_has_the_service_and_the_dashboard(composed):
    services = composed["services"]
    assert set(services) == {"service", "dashboard"}
    for one in services.values():
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", ()))
        assert one["cap_drop"] == ["ALL"]
        assert one["mem_limit"]
    check_command(services["dashboard"]["command"])
    health = services["dashboard"]["healthcheck"]["test"]
    compile(health[-1], "health", "exec")
    assert services["service"]["secrets"] == list(composed["secrets"])


# The only folders that a container of ours knows.
INSIDE = ("/build", "/opt/emoscope", "/run/secrets/", "/tmp", "/usr/sbin/nologin")


def test_nothing_of_this_machine_is_in_them():
    for name in ("Dockerfile", "compose.yaml", ".dockerignore"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        assert not re.search(r"/home/|/root/|index-url|password", text), name
        paths = re.findall(r"(?<![\w./}*])/\w[\w./-]*", text)
        assert [path for path in paths if not path.startswith(INSIDE)] == [], name
