"""Where the history lies: a file of the user's, or a database on a server."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import platformdirs
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from emoscope._optional import require
from emoscope.errors import HistoryError

VARIABLE = "EMOSCOPE_HISTORY"
"""Environment variable: a path, ``sqlite:///...`` or ``postgresql://...``."""

_ONLY_OWNER = 0o600


def locate(place: str | None = None) -> URL:
    """The database's address; a file is made where it is missing, readable by its owner only.

    Args:
        place: path or address; the variable's value, or else the user's data folder, where None.

    Raises:
        HistoryError: no such kind of database, or the file cannot be made.
        MissingExtraError: the driver for PostgreSQL is not installed.
    """
    place = place or os.environ.get(VARIABLE) or ""
    if "://" not in place:
        data = Path(platformdirs.user_data_dir("emoscope", appauthor=False))
        return _file(Path(place).expanduser() if place else data / "history.db")
    try:
        url = make_url(place)
    except ArgumentError:
        # Without the text, which may hold a password.
        raise HistoryError(f"{VARIABLE}: no address of a database, nor a path") from None
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        return _file(Path(str(url.database)))
    if url.get_backend_name() in ("postgresql", "postgres"):
        require("psycopg", extra="history")
        return url.set(drivername="postgresql+psycopg")
    raise HistoryError(
        f"{VARIABLE}: expected a path, sqlite:///PATH or postgresql://..., "
        f"got an address of {url.get_backend_name()}"
    )


def _file(path: Path) -> URL:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _ONLY_OWNER))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise HistoryError(f"{path}: the history cannot be opened: {reason}") from error
    if path.stat().st_mode & 0o077:
        with suppress(OSError):  # somebody else's file, or a file system without modes
            path.chmod(_ONLY_OWNER)
    return URL.create("sqlite", database=str(path.absolute()))
