"""Databases: a file, and a server that the tests start from Debian's programs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")

from emoscope.history import History
from emoscope.labels import SHARED
from emoscope.results import Analysis, FaceEmotion, Scores, VoiceEmotion

PASSWORD = "pass-for-tests"


def scores(top: str) -> Scores:
    return Scores(SHARED, tuple(0.7 if name == top else 0.05 for name in SHARED), 0.3)


@pytest.fixture
def make() -> Callable[..., Analysis]:
    """Builder: ``make(source, face="happy", voice=None)``; None: nobody is seen or speaks."""

    def build(
        source: str = "talk.mp4", face: str | None = "happy", voice: str | None = None
    ) -> Analysis:
        faces = (FaceEmotion(0.0, (1.0, 2.0, 3.0, 4.0), 0.9, 0, scores(face)),) if face else ()
        voices = (VoiceEmotion(0.0, 1.0, scores(voice)),) if voice else ()
        return Analysis(source, "video", 2.0, (64, 48), True, 3, {}, faces, voices)

    return build


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server on this machine; gives its address without a database."""
    pytest.importorskip("psycopg")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed: there is no /usr/lib/postgresql/*/bin/initdb")
    programs = found[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="emoscope-pg-"))
    # It refuses to run as root.
    other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(program: str, *options: str) -> None:
        with (folder / "said").open("w") as said:  # no pipe, which the server would keep open
            command = [*other, str(programs / program), "-D", str(folder / "data"), *options]
            done = subprocess.run(
                command, cwd=folder, stdout=said, stderr=said, check=False, timeout=120
            )
        assert done.returncode == 0, (folder / "said").read_text()

    try:
        (folder / "password").write_text(PASSWORD)
        if other:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres")
        asked = "--auth-local=trust", "--auth-host=scram-sha-256"
        call(
            "initdb",
            "-U",
            "emoscope",
            "--pwfile",
            str(folder / "password"),
            "-N",
            "-E",
            "UTF8",
            *asked,
        )
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        call("pg_ctl", "-w", "-o", settings, "-l", str(folder / "log"), "start")
        try:
            yield f"postgresql://emoscope:{PASSWORD}@127.0.0.1:{port}/"
        finally:
            call("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgresql(server: str) -> str:
    """The address of a database that is empty."""
    import psycopg

    with psycopg.connect(f"{server}postgres", autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return f"{server}postgres"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a history may lie: a path, or a server's address."""
    if request.param == "sqlite":
        return str(tmp_path / "history.db")
    address: str = request.getfixturevalue("postgresql")
    return address


@pytest.fixture
def history(place: str) -> Iterator[History]:
    """An empty history."""
    with History.open(place) as opened:
        yield opened
