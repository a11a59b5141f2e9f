"""One Parquet table for the whole run, gathered in parts that count only once they are noted.

The rows are those of :mod:`emoscope.export.parquet`, with three more columns:

- ``sha256``: of the file's content, null where it could not be opened or its reader died
- ``reason``, ``error``: why a file could not be read, in a word and in a line; such a file has one
  row, with the modality ``none`` and everything but its name null
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emoscope._optional import require
from emoscope.batch.manifest import Manifest
from emoscope.batch.task import Outcome
from emoscope.errors import BatchError
from emoscope.export.files import atomic_path
from emoscope.export.plain import escaped
from emoscope.results import Analysis

_PART_BYTES = 32 << 20
_PART_FILES = 5_000
_PART_S = 20.0  # what takes longer is not to be done again after a kill
_GROUP_ROWS = 100_000
_READ_ROWS = 20_000
_ESCAPE = re.compile(rb"\\udc([89a-f][0-9a-f])")
_MORE = ("sha256", "reason", "error")


def schema() -> Any:
    """The columns of a run: those of one analysis, and three more."""
    arrow = require("pyarrow", extra="batch")
    from emoscope.export.parquet import schema as of_one

    columns = of_one()
    for name in _MORE:
        columns = columns.append(arrow.field(name, arrow.string()))
    return columns


def rows_of(analysis: Analysis, digest: str | None) -> bytes:
    """The readings of one file, with the columns of a run, as an Arrow stream."""
    arrow = require("pyarrow", extra="batch")
    from emoscope.export.parquet import table

    rows = table(analysis)
    for name, value in (("sha256", digest), ("reason", None), ("error", None)):
        column = arrow.repeat(arrow.scalar(value, arrow.string()), rows.num_rows)
        rows = rows.append_column(name, column)
    sink = arrow.BufferOutputStream()
    with arrow.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    content: bytes = sink.getvalue().to_pybytes()
    return content


class ParquetResults:
    """Gathers outcomes in part files beside the manifest and makes one table of them at the end.

    Args:
        path: of the table.
        manifest: which part holds what counts.

    Raises:
        MissingExtraError: pyarrow is not installed.
        BatchError: the table of an earlier run is gone.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._arrow = require("pyarrow", extra="batch")
        self._parquet = require("pyarrow.parquet", extra="batch")
        self._schema = schema()
        self._path, self._manifest = path, manifest
        self._folder = manifest.path.parent
        self._gathered: list[Outcome] = []
        self._bytes = 0
        self._since = time.monotonic()
        known = manifest.parts()
        if manifest.has_part(0) and not path.exists():
            raise BatchError(
                f"{path}: is gone, and with it the results of {self._folder}; bring it back, or "
                "begin anew with another --out"
            )
        # A part that nobody noted had just been written by a run that died; its files are read
        # again.
        for part in [*self._folder.glob("part-*.parquet"), *path.parent.glob(".*.part.parquet")]:
            if part.name not in {self._part(number).name for number in known}:
                part.unlink()
        self._last = max(known, default=0)

    def add(self, outcome: Outcome) -> None:
        """Keep what came of a file; from time to time all that was kept is written.

        Raises:
            BatchError: it cannot be written.
        """
        if outcome.status == "unchanged":
            self._manifest.record([outcome])
            return
        self._gathered.append(outcome)
        self._bytes += len(outcome.rows)
        late = max(time.monotonic() - self._since, outcome.seconds) >= _PART_S
        if late or self._bytes >= _PART_BYTES or len(self._gathered) >= _PART_FILES:
            self.flush()

    def flush(self) -> None:
        """Write what was kept as a part, then note that it counts.

        Raises:
            BatchError: it cannot be written.
        """
        if self._gathered:
            rows = self._arrow.concat_tables([self._rows(one) for one in self._gathered])
            number = self._last + 1
            with self._complaints(), atomic_path(self._part(number)) as part:
                self._parquet.write_table(rows, part, compression="zstd")
                with part.open("rb+") as file:
                    os.fsync(file.fileno())  # the note must not outlive the rows
            self._manifest.record(self._gathered, number)
            self._last = number
            self._gathered.clear()
            self._bytes = 0
        self._since = time.monotonic()

    def finish(self) -> None:
        """Put everything that counts into the table.

        Killed in the middle, it leaves the old table and all parts; killed after the new table is
        in place, it is done again with the same result.

        Raises:
            BatchError: it cannot be written.
        """
        self.flush()
        numbers = self._manifest.parts()
        if not numbers and self._path.exists():
            return
        with (
            self._complaints(),
            atomic_path(self._path) as part,
            self._parquet.ParquetWriter(part, self._schema, compression="zstd") as table,
        ):
            waiting: list[Any] = []
            for batch in self._what_counts(numbers):
                waiting.append(batch)
                if sum(one.num_rows for one in waiting) >= _GROUP_ROWS:
                    table.write_table(self._arrow.Table.from_batches(waiting, self._schema))
                    waiting.clear()
            if waiting:
                table.write_table(self._arrow.Table.from_batches(waiting, self._schema))
        self._manifest.compacted()
        for number in numbers:
            self._part(number).unlink(missing_ok=True)

    def _what_counts(self, numbers: list[int]) -> Iterator[Any]:
        """Batches of the old table and the parts, without rows that newer ones replace."""
        files = [(number, self._part(number)) for number in numbers]
        if self._path.exists():
            files.insert(0, (0, self._path))
        for number, path in files:
            with self._parquet.ParquetFile(path) as table:
                for batch in table.iter_batches(_READ_ROWS):
                    yield batch.filter(self._counts(batch.column("source"), number))

    def _counts(self, sources: Any, number: int) -> Any:
        """Which rows of a part are those that the manifest means."""
        coded = sources.dictionary_encode()
        names = coded.dictionary.to_pylist()
        paths = {name: (name.encode(), _unescaped(name)) for name in names}
        known = self._manifest.parts_of({path for both in paths.values() for path in both})
        keep = [any(known.get(path) == number for path in paths[name]) for name in names]
        return self._arrow.array(keep, self._arrow.bool_()).take(coded.indices)

    def _rows(self, outcome: Outcome) -> Any:
        if outcome.rows:
            return self._arrow.ipc.open_stream(outcome.rows).read_all()
        only = {
            "source": escaped(outcome.path),
            "modality": "none",
            "sha256": outcome.digest,
            "reason": outcome.reason,
            "error": outcome.error,
        }
        return self._arrow.Table.from_pylist([only], schema=self._schema)

    def _part(self, number: int) -> Path:
        return self._folder / f"part-{number:08}.parquet"

    @contextmanager
    def _complaints(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BatchError(
                f"{self._path}: cannot write there: {error.strerror or error}; "
                "free some space, and go on with --resume"
            ) from error


def _unescaped(name: str) -> bytes:
    """The path whose bytes that are no text were written as ``\\udc80`` and the like."""
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), name.encode())
