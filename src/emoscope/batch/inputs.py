"""What to read: paths, folders and lists of paths, one after the other and never all in memory."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePath
from typing import cast

from emoscope.errors import BatchError

LIST_SUFFIXES = (".txt", ".lst", ".list")
"""A file so named is no medium but a list of paths."""

_LONGEST_NAME = 230  # bytes; most file systems take 255, and an ending comes on top
_LONGEST_LINE = 1 << 16


@dataclass(frozen=True)
class Input:
    """One file to read.

    Attributes:
        path: as the user named it, or found below a folder that the user named.
        mirror: where it lies below that folder, ``/`` between the parts; of a file that was named
            itself, its path without what makes it absolute.
        size: in bytes; with the other two how a change is noticed; None where it cannot be had.
        mtime_ns: when the content changed.
        ctime_ns: when the content, the name or the rights changed.
    """

    path: str
    mirror: str
    size: int | None = None
    mtime_ns: int | None = None
    ctime_ns: int | None = None


def find_inputs(named: Iterable[str], leave_out: Iterable[Path] = ()) -> Iterator[Input]:
    """Every file that is meant, in the order in which it is met.

    Folders are gone through with all that lies below; a folder that is reached twice (by a link) is
    gone through once. A folder that cannot be listed is given as if it were a file, so that it is
    not lost in silence.

    Args:
        named: paths of files and folders; of lists (``.txt``, ``.lst``, ``.list``: one path a line,
            or with a zero byte after each); ``-`` is a list on standard input.
        leave_out: files and folders that are not looked at, for instance the results.

    Raises:
        BatchError: a list cannot be read.
    """
    named = list(named)
    search = _Search({_identity(path) for path in leave_out} - {None})
    folders = [name for name in named if name != "-" and os.path.isdir(name)]  # noqa: PTH112
    alone = len(named) == 1 and len(folders) == 1
    for name in named:
        if name == "-":
            for path in _lines(cast(BufferedReader, sys.stdin.buffer), "standard input"):
                yield from search.below(path, mirrored(path))
        elif name.lower().endswith(LIST_SUFFIXES) and name not in folders:
            try:
                with open(name, "rb") as file:  # noqa: PTH123 - takes odd names as they are
                    for path in _lines(file, name):
                        yield from search.below(path, mirrored(path))
            except OSError as error:
                raise BatchError(
                    f"{name}: cannot read the list: {error.strerror or error}"
                ) from error
        else:
            # The results of one folder lie as its files do; those of several keep them apart.
            yield from search.below(name, "" if alone else mirrored(name))


def mirrored(path: str) -> str:
    """A path below some folder for any path: relative, and nowhere upwards."""
    pure = PurePath(path)
    parts = [part for part in pure.parts if part != pure.anchor]
    return "/".join("_" if part == ".." else part for part in parts)


def json_name(mirror: str, number: int = 1) -> str:
    """The relative name of a result: the input's own with ``.json`` after it.

    The second that would have the same name gets ``~2``, and so on.

    Folders that end in ``.json`` get ``~``, so that none stands where a result belongs; parts that
    no file system takes are cut.
    """
    *folders, name = mirror.split("/")
    folders = [f"{part}~" if part.lower().endswith(".json") else part for part in folders]
    count = "" if number == 1 else f"~{number}"
    return "/".join([*map(_cut, folders), f"{_cut(name)}{count}.json"])


def _cut(part: str) -> str:
    encoded = os.fsencode(part)
    if len(encoded) <= _LONGEST_NAME:
        return part
    return encoded[:_LONGEST_NAME].decode("utf-8", "ignore")


class _Search:
    def __init__(self, leave_out: set[tuple[int, int] | None]) -> None:
        self._leave_out = leave_out
        self._gone_through: set[tuple[int, int]] = set()

    def below(self, path: str, mirror: str) -> Iterator[Input]:
        """The file, or every file below the folder."""
        path = str(Path(path))
        try:
            status = os.stat(path)  # noqa: PTH116 - takes odd names as they are
        except (OSError, ValueError):
            yield Input(path, mirror)
            return
        if (status.st_dev, status.st_ino) in self._leave_out:
            return
        if not stat.S_ISDIR(status.st_mode):
            yield _input(path, mirror, status)
            return
        waiting = [(path, mirror)]
        while waiting:
            folder, mirror = waiting.pop()
            below: list[tuple[bool, str, str]] = []
            yield from self._folder(folder, mirror, below)
            # What a link reaches is also to be had by its own name, which should win.
            waiting += [(path, mirror) for _, path, mirror in sorted(below, reverse=True)]

    def _folder(
        self, folder: str, mirror: str, below: list[tuple[bool, str, str]]
    ) -> Iterator[Input]:
        identity = _identity(folder)
        if identity in self._gone_through or identity in self._leave_out:
            return
        if identity is not None:
            self._gone_through.add(identity)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = f"{mirror}/{entry.name}" if mirror else entry.name
                    try:
                        if entry.is_dir():
                            below.append((entry.is_symlink(), entry.path, name))
                            continue
                        status = entry.stat()
                    except OSError:
                        yield Input(entry.path, name)
                        continue
                    if (status.st_dev, status.st_ino) not in self._leave_out:
                        yield _input(entry.path, name, status)
        except OSError:
            yield Input(folder, mirror or mirrored(folder))


def _input(path: str, mirror: str, status: os.stat_result) -> Input:
    return Input(path, mirror, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _lines(file: BufferedReader, name: str) -> Iterator[str]:
    """The paths of a list, whichever byte ends them."""
    ends = b"\0" if b"\0" in file.peek(_LONGEST_LINE) else b"\n"
    rest = b""
    while block := file.read1(_LONGEST_LINE):
        *lines, rest = (rest + block).split(ends)
        if len(rest) > _LONGEST_LINE:
            raise BatchError(f"{name}: not a list of paths; give one path a line")
        yield from _paths(lines)
    yield from _paths([rest])


def _paths(lines: list[bytes]) -> Iterator[str]:
    for line in lines:
        path = line.removesuffix(b"\r")
        if path.strip():
            yield os.fsdecode(path)
