"""What a run has to read and what came of it: one row per file, in SQLite.

The manifest is the truth about a run. A file counts as read once its row says so, and its row says
so only after its result is on the disk; a run that is killed at any point goes on from here.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emoscope.batch.inputs import Input, json_name
from emoscope.batch.task import Outcome, Task
from emoscope.errors import BatchError

LAYOUT = 1
_AT_ONCE = 5000
_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    output BLOB UNIQUE,                -- relative name of its JSON, folded; NULL in a Parquet run
    name BLOB,                         -- the same as it is written
    status TEXT NOT NULL,              -- waiting, running, done, failed, crashed, timed out
    before TEXT,                       -- of a file that changed: its status until then
    reason TEXT, error TEXT,           -- why it could not be read: in a word, in a line
    digest BLOB,                       -- SHA-256 of what was read
    size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    seconds REAL, faces INTEGER, speech_s REAL,
    part INTEGER,                      -- which part file holds its rows; 0: the finished table
    round INTEGER NOT NULL             -- the last run that was asked for it
);
CREATE INDEX parts ON files (part) WHERE part > 0;
"""


@dataclass(frozen=True)
class Tally:
    """What the files that this run was asked for came to.

    Attributes:
        files: how many there are.
        done: of them read.
        failed: reason to count of those that could not be.
        waiting: not looked at yet.
        faces: distinct faces, summed over the files.
        speech_s: seconds of speech.
    """

    files: int
    done: int
    failed: Mapping[str, int]
    waiting: int
    faces: int
    speech_s: float


class Manifest:
    """The rows of one run and of those it goes on from.

    Args:
        path: of the database; made where it is missing.
        settings: what decides the results; a run goes on only with the same.
        resume: go on with what is there; without it nothing must have been read yet.

    Raises:
        BatchError: an earlier run is there but not wanted, or had other settings; another run
            writes here; it is no such file or cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, resume: bool) -> None:
        self.path = path
        with self._complaints():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = sqlite3.connect(path.with_suffix(".lock"), timeout=0)
            self._db = sqlite3.connect(path, isolation_level=None)
        try:
            with self._complaints():
                self._open(settings, resume)
        except BaseException:
            self.close()
            raise

    def _open(self, settings: Mapping[str, Any], resume: bool) -> None:
        self._hold()
        self._db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = FILE"
        )
        if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT")
        self._settle(settings, resume)
        self._round = int(self.note("round") or 0) + 1
        self.write_note("round", str(self._round))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        self._lock.close()

    def note(self, name: str) -> str | None:
        """A remark about the run."""
        row = self._db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def write_note(self, name: str, value: str) -> None:
        """Set a remark about the run."""
        with self._complaints():
            self._db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def add(self, found: Iterable[Input], *, mirror: bool) -> int:
        """Take up what is to be read; what was read and has not changed since is left as it is.

        Args:
            found: the files, in any number.
            mirror: each gets a JSON document of its own.

        Returns:
            How many of them were read before.
        """
        with self._complaints():
            for some in _chunks(found, _AT_ONCE):
                with self._transaction():
                    for one in some:
                        self._add(one, mirror)
            # Whoever was reading these died with the run.
            self._db.execute("UPDATE files SET status = 'waiting' WHERE status = 'running'")
            # What could not even be opened may be there by now.
            self._db.execute(
                "UPDATE files SET status = 'waiting', before = status "
                "WHERE round = ? AND status = 'failed' AND digest IS NULL",
                (self._round,),
            )
            return int(
                self._one("SELECT count(*) FROM files WHERE round = ? AND status != 'waiting'")
            )

    def tasks(self, *, mark: bool = True) -> Iterator[Task]:
        """What is to be read, in the order in which it was found.

        Args:
            mark: note of each that it is being read, so that one with which the whole run dies
                time and again can be told.
        """
        last = 0
        while True:
            rows = self._db.execute(
                "SELECT id, path, name, digest, attempts FROM files "
                "WHERE id > ? AND status = 'waiting' AND round = ? ORDER BY id LIMIT 256",
                (last, self._round),
            ).fetchall()
            if not rows:
                return
            for number, path, name, digest, attempts in rows:
                last = number
                if mark:
                    with self._complaints():
                        self._db.execute(
                            "UPDATE files SET status = 'running', attempts = attempts + 1 "
                            "WHERE id = ?",
                            (number,),
                        )
                output = None if name is None else os.fsdecode(name)
                yield Task(number, os.fsdecode(path), output, digest and digest.hex(), attempts)

    def record(self, outcomes: Iterable[Outcome], part: int | None = None) -> None:
        """Write what came of some files, whose results are on the disk.

        Args:
            outcomes: one for each file.
            part: the part file that holds their rows.
        """
        with self._complaints(), self._transaction():
            for one in outcomes:
                stat = (one.size, one.mtime_ns, one.ctime_ns)
                if one.status == "unchanged":
                    self._db.execute(
                        "UPDATE files SET status = before, before = NULL, attempts = 0, "
                        "size = ?, mtime_ns = ?, ctime_ns = ? WHERE id = ?",
                        (*stat, one.number),
                    )
                    continue
                found = (one.seconds, one.faces, one.speech_s, part)
                digest = bytes.fromhex(one.digest) if one.digest else None
                self._db.execute(
                    "UPDATE files SET status = ?, before = NULL, reason = ?, error = ?, "
                    "digest = ?, size = coalesce(?, size), mtime_ns = coalesce(?, mtime_ns), "
                    "ctime_ns = coalesce(?, ctime_ns), attempts = 0, seconds = ?, faces = ?, "
                    "speech_s = ?, part = ? WHERE id = ?",
                    (one.status, one.reason, one.error, digest, *stat, *found, one.number),
                )

    def release(self) -> None:
        """What was being read waits again: nobody reads it any more."""
        with self._complaints():
            self._db.execute(
                "UPDATE files SET status = 'waiting', attempts = attempts - 1 "
                "WHERE status = 'running'"
            )

    def began(self) -> list[str]:
        """Relative names of documents that were being written when an earlier run died."""
        rows = self._db.execute("SELECT name FROM files WHERE status = 'running'").fetchall()
        return [os.fsdecode(name) for (name,) in rows if name is not None]

    def parts_of(self, paths: Iterable[bytes]) -> dict[bytes, int]:
        """Path to the part that holds the rows which count."""
        found: dict[bytes, int] = {}
        for some in _chunks(paths, 500):
            marks = ",".join("?" * len(some))
            question = f"SELECT path, part FROM files WHERE path IN ({marks})"
            found.update(row for row in self._db.execute(question, some) if row[1] is not None)
        return found

    def parts(self) -> list[int]:
        """The part files that hold rows which count."""
        rows = self._db.execute("SELECT DISTINCT part FROM files WHERE part > 0 ORDER BY part")
        return [int(number) for (number,) in rows]

    def has_part(self, number: int) -> bool:
        """Whether rows that count are in this part."""
        row = self._db.execute("SELECT 1 FROM files WHERE part = ? LIMIT 1", (number,)).fetchone()
        return row is not None

    def output_of(self, number: int) -> str | None:
        """Relative name of a file's document."""
        row = self._db.execute("SELECT name FROM files WHERE id = ?", (number,)).fetchone()
        return None if row is None or row[0] is None else os.fsdecode(row[0])

    def compacted(self) -> None:
        """All rows are in the finished table now."""
        with self._complaints():
            self._db.execute("UPDATE files SET part = 0 WHERE part > 0")

    def tally(self) -> Tally:
        """What the files that this run was asked for came to."""
        done = failed = waiting = faces = 0
        speech_s = 0.0
        reasons: dict[str, int] = {}
        for status, reason, count, seen, heard in self._db.execute(
            "SELECT status, reason, count(*), sum(faces), sum(speech_s) FROM files "
            "WHERE round = ? GROUP BY status, reason ORDER BY count(*) DESC, reason",
            (self._round,),
        ):
            if status == "done":
                done, faces, speech_s = done + count, faces + seen, speech_s + heard
            elif status in ("waiting", "running"):
                waiting += count
            else:
                failed += count
                reasons[reason] = reasons.get(reason, 0) + count
        return Tally(done + failed + waiting, done, reasons, waiting, faces, speech_s)

    def _add(self, one: Input, mirror: bool) -> None:
        path = os.fsencode(one.path)
        row = self._db.execute(
            "SELECT id, status, size, mtime_ns, ctime_ns FROM files WHERE path = ?", (path,)
        ).fetchone()
        if row is None:
            output, name = self._free(one.mirror) if mirror else (None, None)
            self._db.execute(
                "INSERT INTO files (path, output, name, status, size, mtime_ns, ctime_ns, round) "
                "VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?)",
                (path, output, name, one.size, one.mtime_ns, one.ctime_ns, self._round),
            )
            return
        number, status, *stat = row
        now = [one.size, one.mtime_ns, one.ctime_ns]
        if stat != now and status not in ("waiting", "running"):
            self._db.execute(
                "UPDATE files SET status = 'waiting', before = ?, size = ?, mtime_ns = ?, "
                "ctime_ns = ?, round = ? WHERE id = ?",
                (status, *now, self._round, number),
            )
        else:
            self._db.execute("UPDATE files SET round = ? WHERE id = ?", (self._round, number))

    def _free(self, mirror: str) -> tuple[bytes, bytes]:
        """A name for a document that no other file has, also where case does not count."""
        count = 1
        while True:
            name = json_name(mirror, count)
            folded = os.fsencode(name.casefold())
            if not self._db.execute("SELECT 1 FROM files WHERE output = ?", (folded,)).fetchone():
                return folded, os.fsencode(name)
            count += 1

    def _settle(self, settings: Mapping[str, Any], resume: bool) -> None:
        stated = json.dumps({"layout": LAYOUT, **settings}, sort_keys=True)
        before = self.note("settings")
        looked_at = self._db.execute(
            "SELECT 1 FROM files WHERE status NOT IN ('waiting', 'running') OR part >= 0"
        ).fetchone()
        if looked_at is None:
            if not resume:
                self._db.execute("DELETE FROM files")
            self.write_note("settings", stated)
        elif not resume:
            raise BatchError(
                f"{self.path.parent}: holds the results of an earlier run; go on with --resume, "
                "or give another --out"
            )
        elif before != stated:
            was, now = json.loads(before or "{}"), json.loads(stated)
            raise BatchError(
                f"{self.path.parent}: holds a run with other settings "
                f"({', '.join(_differences(was, now))}); go on with the same, or give another --out"
            )

    def _hold(self) -> None:
        try:
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise BatchError(
                f"{self.path.parent}: another run is writing here; wait for it, or give another "
                "--out"
            ) from None

    def _one(self, question: str) -> Any:
        return self._db.execute(question, (self._round,)).fetchone()[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # a full disk ends it by itself
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def _complaints(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            told = getattr(error, "strerror", None) or error
            raise BatchError(
                f"{self.path}: the list of files cannot be kept: {told}; "
                "free some space or give another --out, and go on with --resume"
            ) from error


def _differences(was: Any, now: Any, name: str = "") -> list[str]:
    if was == now:
        return []
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return [f"{name} was {was}, is {now}"]
    names = dict.fromkeys([*was, *now])
    return [told for key in names for told in _differences(was.get(key), now.get(key), key)]


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    some: list[Any] = []
    for item in items:
        some.append(item)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
