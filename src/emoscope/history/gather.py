"""Many results in one file: a Parquet table, or a document per line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from emoscope._optional import require
from emoscope.export.files import atomic_path
from emoscope.export.formats import Format
from emoscope.results import Analysis

GATHERED = (Format.JSON, Format.PARQUET)
"""Formats that hold many results in one file; JSON as JSON Lines."""


def gather(documents: Iterable[list[str]], path: Path, format: Format) -> int:  # noqa: A002
    """Write many results to one file, which appears whole or not at all.

    Args:
        documents: JSON documents, some at a time.
        path: where to.
        format: one of :data:`GATHERED`.

    Returns:
        How many there were.

    Raises:
        ValueError: a format that holds only one result, or no document of ours.
        MissingExtraError: Parquet needs the ``parquet`` extra.
        OSError: it cannot be written.
    """
    if format not in GATHERED:
        names = " and ".join(GATHERED)
        raise ValueError(f"only {names} hold many results in one file, not {format}")
    write = _lines if format is Format.JSON else _parquet
    with atomic_path(path) as part:
        return write(documents, part)


def _lines(documents: Iterable[list[str]], path: Path) -> int:
    count = 0
    with path.open("w", encoding="ascii", newline="\n") as file:
        for some in documents:
            file.writelines(f"{document}\n" for document in some)
            count += len(some)
    return count


def _parquet(documents: Iterable[list[str]], path: Path) -> int:
    arrow = require("pyarrow", extra="parquet")
    parquet = require("pyarrow.parquet", extra="parquet")
    from emoscope.export.parquet import schema, table

    count = 0
    with parquet.ParquetWriter(path, schema(), compression="zstd") as file:
        for some in documents:
            tables = [table(Analysis.from_dict(json.loads(document))) for document in some]
            file.write_table(arrow.concat_tables(tables))
            count += len(some)
    return count
