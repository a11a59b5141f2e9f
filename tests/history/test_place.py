"""Where the history lies, who may read it, and what is said when it cannot be reached."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emoscope.errors import HistoryError, MissingExtraError
from emoscope.history import VARIABLE, History
from emoscope.results import Analysis

Make = Callable[..., Analysis]


def test_by_default_it_lies_with_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "data"))
    History.open().close()
    assert (tmp_path / "data" / "history.db").is_file()


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_the_variable_names_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path = tmp_path / "new" / "räume.db"
    monkeypatch.setenv(VARIABLE, form.format(path))
    History.open().close()
    assert path.is_file()


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_only_its_owner_reads_it(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "history.db"
    for _ in range(2):
        with History.open(str(path)) as history:
            history.add(make())
            modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        assert set(modes) == {"history.db", "history.db-wal", "history.db-shm"}
        assert set(modes.values()) == {0o600}
        path.chmod(0o644)


@pytest.mark.parametrize("name", ["secret-name", "Müller"])
def test_what_is_deleted_leaves_no_trace_in_the_files(
    tmp_path: Path, make: Make, name: str
) -> None:
    def traces() -> set[str]:
        # The document holds the name in ASCII, the column for lists in UTF-8.
        known = [name.encode(), name.encode("ascii", "backslashreplace").replace(rb"\x", rb"\u00")]
        return {
            file.name
            for file in tmp_path.iterdir()
            if any(form in file.read_bytes() for form in known)
        }

    with History.open(str(tmp_path / "history.db")) as history:
        number = history.add(make(f"/home/{name}/talk.mp4"))
        history.add(make("other.mp4"))
        assert traces()
        history.delete(number)
        assert traces() == set()
        for _ in range(200):
            history.add(make(f"/home/{name}/talk.mp4"))
        size = sum(file.stat().st_size for file in tmp_path.iterdir())
        assert history.delete_all() == 201
        assert traces() == set()
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) < size / 2


def test_a_reader_in_the_way_is_named(tmp_path: Path, make: Make) -> None:
    import sqlite3

    path = tmp_path / "history.db"
    with History.open(str(path)) as history:
        number = history.add(make("a"))
        history._engine.dispose()
        # Waiting for the reader is what takes long.
        from emoscope.history import connect

        reader = sqlite3.connect(path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM emoscope_results").fetchall()
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(connect, "_PATIENCE_S", 0.1)
                with (
                    History.open(str(path)) as impatient,
                    pytest.raises(HistoryError, match="traces stay"),
                ):
                    impatient.delete(number)
        finally:
            reader.close()
        assert history.count() == 0


def refuse(place: str) -> str:
    with pytest.raises(HistoryError) as caught:
        History.open(place)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_what_is_no_place_is_refused(tmp_path: Path) -> None:
    assert "an address of mysql" in refuse("mysql://user:hush@host/name")
    assert "an address of sqlite" in refuse("sqlite:///:memory:")
    assert "an address of sqlite" in refuse("sqlite://")
    assert "hush" not in refuse("postgresql://user:hush@[host/name")
    assert "cannot be opened" in refuse(str(tmp_path))
    assert "cannot be opened" in refuse("nul\0")
    (tmp_path / "file").write_text("x" * 5000)
    assert "not a database" in refuse(str(tmp_path / "file"))
    assert "cannot be opened" in refuse(str(tmp_path / "file" / "below.db"))


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"emoscope\[history\]"):
        History.open("postgresql://localhost/x")


def test_without_the_extra_its_name_is_said() -> None:
    code = """
import sys
sys.modules["sqlalchemy"] = None
from emoscope.errors import MissingExtraError
try:
    import emoscope.history
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'emoscope[history]'" in done.stdout


@pytest.mark.slow
def test_a_server_that_refuses_is_named_without_the_password(server: str, postgresql: str) -> None:
    wrong = server.replace("pass-for-tests", "hush-hush")
    message = refuse(f"{wrong}postgres")
    assert "hush" not in message
    assert "password authentication failed" in message
    assert "does not exist" in refuse(f"{server}nowhere")
    assert "127.0.0.1:1" in refuse("postgresql://emoscope@127.0.0.1:1/x")
    with History.open(postgresql.replace("postgresql://", "postgres://")) as history:
        assert history.count() == 0
