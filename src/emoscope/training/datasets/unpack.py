"""Zip archives from elsewhere, unpacked whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from emoscope.errors import DatasetError
from emoscope.training.datasets.download import megabytes

Progress = Callable[[int, int | None], None]  # (bytes so far, bytes in all)

_MOST_FILES = 500_000
_MOST_RATIO = 50  # sound and pictures hardly shrink; what unpacks to far more is no corpus
_FREE_BYTES = 64 * 1024**2  # so much may come out of any archive
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError)
_CHUNK = 1024 * 1024


def unpack(archives: Sequence[Path], folder: Path, progress: Progress | None = None) -> int:
    """Unpack zip archives to one ``folder``, which must not be there yet.

    They are unpacked beside its place, which is renamed, so that ``folder`` never holds half of
    them. What macOS adds to archives (``__MACOSX``) is left out.

    Args:
        archives: the zip files.
        folder: where their content goes.
        progress: called with bytes written and bytes in all.

    Returns:
        The number of files.

    Raises:
        DatasetError: no zip archive, a damaged one, one with names that lead elsewhere, links, a
            password, or far too much content; or the folder cannot be written.
    """
    part = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    files = 0
    try:
        for archive in archives:
            files += _unpack_one(archive, part, progress)
        part.rename(folder)
    except OSError as error:
        raise DatasetError(
            f"{folder}: cannot unpack there: {error.strerror or error}; what was fetched is kept"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return files


def _unpack_one(archive: Path, part: Path, progress: Progress | None) -> int:
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _checked(archive, opened)
            _check_room(part.parent, members)
            _write(opened, members, part, progress)
    except FileExistsError as error:
        raise DatasetError(f"{archive}: holds two files of one name: not unpacked") from error
    except _DAMAGE as error:
        raise DatasetError(
            f"{archive}: a damaged archive, or no zip archive ({error}); delete it and fetch again"
        ) from error
    return len(members)


def _checked(archive: Path, opened: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str]]:
    """The files to write with their paths, all of them harmless."""
    members = []
    for info in opened.infolist():
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or set(info.filename) & set("\\:\0"):
            raise DatasetError(
                f"{archive}: holds '{info.filename}', which leads out of its folder: not unpacked"
            )
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DatasetError(
                f"{archive}: holds '{info.filename}', a link or device: not unpacked"
            )
        if info.flag_bits & 1 or info.compress_type not in _METHODS:
            raise DatasetError(f"{archive}: has a password or a rare method: unpack it by hand")
        if not info.is_dir() and "__MACOSX" not in path.parts:
            members.append((info, str(path)))
    if not members:
        raise DatasetError(f"{archive}: an archive without files")
    total, size = sum(info.file_size for info, _ in members), archive.stat().st_size
    if len(members) > _MOST_FILES or total > max(_FREE_BYTES, _MOST_RATIO * size):
        raise DatasetError(
            f"{archive}: {megabytes(size)} would become {len(members)} files of "
            f"{megabytes(total)}: no corpus, not unpacked"
        )
    return members


def _check_room(folder: Path, members: list[tuple[zipfile.ZipInfo, str]]) -> None:
    needed = sum(info.file_size for info, _ in members)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DatasetError(
            f"{folder}: the disk is too full to unpack: {megabytes(needed)} are needed, "
            f"{megabytes(free)} are free; what was fetched is kept"
        )


def _write(
    opened: zipfile.ZipFile,
    members: list[tuple[zipfile.ZipInfo, str]],
    part: Path,
    progress: Progress | None,
) -> None:
    total, done = sum(info.file_size for info, _ in members), 0
    for info, path in members:
        target = part / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # zipfile gives no more than the stated size, and checks the CRC at the end.
        with opened.open(info) as source, target.open("xb") as file:
            while chunk := source.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done, total)
