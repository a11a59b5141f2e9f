"""How results lie in the database, and how older layouts become this one.

A database says which layout it has. To change the layout: raise :data:`VERSION`, change the tables,
and add to :data:`STEPS` what makes the former layout into this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)

from emoscope.errors import HistoryError

VERSION = 1

METADATA = MetaData()

RESULTS = Table(
    "emoscope_results",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    # Milliseconds since 1970, and the local day then.
    Column("at_ms", BigInteger, nullable=False),
    Column("day", String(10), nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("faces", Integer, nullable=False),
    Column("face_label", String(16), index=True),
    Column("voice_label", String(16), index=True),
    Column("words_label", String(16), index=True),
    Column("fused_label", String(16), index=True),
    # What a search looks into: source, kind and labels without case.
    Column("found_by", Text, nullable=False),
    # Schema emoscope/1 in ASCII, so that it holds whatever a name may hold.
    Column("document", Text, nullable=False),
    sqlite_autoincrement=True,
)

LAYOUT = Table("emoscope_history", METADATA, Column("version", Integer, nullable=False))

STEPS: Mapping[int, Callable[[Connection], None]] = {}
"""From each former version to the next."""

# Any number that nobody else uses: one process at a time changes a server's layout.
_LOCK = 3_695_810_871


def bring_up_to_date(connection: Connection) -> None:
    """Make the tables, or change them to the present layout; within the caller's transaction.

    Raises:
        HistoryError: a newer emoscope made them.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    if not inspect(connection).has_table(LAYOUT.name):
        METADATA.create_all(connection)
        connection.execute(insert(LAYOUT).values(version=VERSION))
        return
    version: int = connection.execute(select(LAYOUT.c.version)).scalar_one()
    if version > VERSION:
        raise HistoryError(
            f"the history has layout {version}, this emoscope knows {VERSION}: update emoscope"
        )
    for former in range(version, VERSION):
        STEPS[former](connection)
    if version < VERSION:
        connection.execute(update(LAYOUT).values(version=VERSION))
