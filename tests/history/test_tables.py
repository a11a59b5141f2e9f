"""Databases of former layouts become the present one; those of later ones are left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from emoscope.errors import HistoryError
from emoscope.history import History, tables
from emoscope.results import Analysis

VERSION_1 = Path(__file__).with_name("version1.sql")


def columns(place: str) -> dict[str, list[str]]:
    """What is in the database: columns and indices of each table."""
    with History.open(place) as history, history._engine.connect() as connection:
        seen = inspect(connection)
        return {
            name: sorted(
                [f"{column['name']} {column['type']}" for column in seen.get_columns(name)]
                + [str(index["name"]) for index in seen.get_indexes(name)]
            )
            for name in seen.get_table_names()
            if not name.startswith("sqlite_")
        }


def version(place: str) -> int:
    with History.open(place) as history, history._engine.connect() as connection:
        found: int = connection.execute(text("SELECT version FROM emoscope_history")).scalar_one()
        return found


def test_a_database_of_version_1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as old:
        old.executescript(VERSION_1.read_text(encoding="utf-8"))
    old.close()
    with History.open(str(path)) as history:
        (entry,) = history.list("talk happy")
        assert entry.labels["voice"] == "happy"
        assert history.show(entry.id).faces[0].box_xyxy == (1.0, 2.0, 3.0, 4.0)
        assert history.add(history.show(entry.id)) == entry.id + 1
    assert columns(str(path)) == columns(str(tmp_path / "new.db"))
    assert version(str(path)) == tables.VERSION


def later(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[Connection], None]) -> None:
    """Pretend that an emoscope of later layouts runs."""
    first = tables.VERSION
    monkeypatch.setattr(tables, "STEPS", {**tables.STEPS, **dict(enumerate(steps, first))})
    monkeypatch.setattr(tables, "VERSION", first + len(steps))


def add_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE emoscope_results ADD COLUMN note TEXT"))


def fill_column(connection: Connection) -> None:
    connection.execute(text("UPDATE emoscope_results SET note = 'from ' || source"))


def fail(connection: Connection) -> None:
    add_column(connection)
    raise HistoryError("no room")


def test_steps_follow_each_other_and_are_taken_once(
    place: str, make: Callable[..., Analysis], monkeypatch: pytest.MonkeyPatch
) -> None:
    with History.open(place) as history:
        history.add(make("a.mp4"))
    former = tables.VERSION
    later(monkeypatch, add_column, fill_column)
    for _ in range(2):
        with History.open(place) as history, history._engine.connect() as connection:
            notes = connection.execute(text("SELECT note FROM emoscope_results")).scalars().all()
            assert notes == ["from a.mp4"]
            assert history.list()[0].source == "a.mp4"
    assert version(place) == former + 2
    monkeypatch.undo()
    with pytest.raises(HistoryError, match=r"layout 3.*update emoscope"):
        History.open(place)


def test_a_step_that_fails_leaves_what_was(
    place: str, make: Callable[..., Analysis], monkeypatch: pytest.MonkeyPatch
) -> None:
    with History.open(place) as history:
        history.add(make("a.mp4"))
    before = columns(place)
    with monkeypatch.context() as patched:
        later(patched, fail)
        with pytest.raises(HistoryError, match="no room"):
            History.open(place)
    assert columns(place) == before
    assert version(place) == tables.VERSION
