"""Connections that keep what they are told, and tell in one line what is wrong."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from emoscope.errors import HistoryError

_PATIENCE_S = 30.0  # for other programs that write


def connect(url: URL) -> Engine:
    """An engine; SQLite in WAL mode, where readers and a writer do not wait for each other.

    Raises:
        HistoryError: the database cannot be reached, or is none.
    """
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    engine = create_engine(url, connect_args={"timeout": _PATIENCE_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    with failing_clearly(engine), engine.connect() as connection:
        _write_ahead(connection)
    return engine


@contextmanager
def failing_clearly(engine: Engine) -> Iterator[None]:
    """Errors of the database become a :class:`HistoryError` of one line, without any password."""
    try:
        yield
    except SQLAlchemyError as error:
        place = engine.url.render_as_string(hide_password=True)
        if engine.dialect.name == "sqlite":
            place = str(engine.url.database)
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise HistoryError(f"{place}: the history failed: {reason}") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads."""
    with failing_clearly(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; of several at once each waits for its turn."""
    with failing_clearly(engine), engine.connect() as fresh:
        connection = fresh.execution_options(emoscope_writes=True)
        with connection.begin():
            yield connection


def leave_no_trace(engine: Engine, *, everything: bool) -> None:
    """After rows were deleted: let nothing of them remain in the database's files.

    Args:
        engine: of the history.
        everything: all rows were deleted: give their room back to the file system too.

    Raises:
        HistoryError: another program keeps SQLite's log in use.
    """
    sqlite = engine.dialect.name == "sqlite"
    with failing_clearly(engine), engine.connect() as fresh:
        connection = fresh.execution_options(isolation_level="AUTOCOMMIT")
        if everything:
            connection.execute(text("VACUUM" if sqlite else "VACUUM FULL emoscope_results"))
        if sqlite:
            busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
            if busy:
                raise HistoryError(
                    f"{engine.url.database}: deleted, but traces stay in the file while another "
                    "program reads it: delete again when it is done"
                )


def _prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where _begin says
    connection.execute("PRAGMA secure_delete = ON")


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        # A writer takes its turn at once: one that had read before could not wait for it.
        writes = options.get("emoscope_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _write_ahead(connection: Connection) -> None:
    """Switch to WAL; SQLite does not wait here for others that do the same."""
    autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            autocommit.execute(text("PRAGMA journal_mode = WAL"))
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
