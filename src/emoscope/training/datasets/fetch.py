"""Corpora that are published without a log-in: fetched, checked, unpacked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emoscope.errors import DatasetError
from emoscope.training.datasets import catalog
from emoscope.training.datasets.download import download
from emoscope.training.datasets.unpack import unpack

Progress = Callable[[str, int, int | None], None]  # (doing what, bytes so far, bytes in all)


@dataclass(frozen=True)
class Archive:
    """An archive that was fetched.

    Attributes:
        name: of the file.
        size_bytes: its size.
        sha256: its digest, in hexadecimal.
        checked: the published digest that it fits, ``""`` where none is published.
    """

    name: str
    size_bytes: int
    sha256: str
    checked: str


@dataclass(frozen=True)
class Fetched:
    """A corpus that is here now.

    Attributes:
        corpus: its name.
        folder: where it lies.
        archives: what was fetched; empty where the folder was there already.
        files: how many files were unpacked.
    """

    corpus: str
    folder: Path
    archives: tuple[Archive, ...] = ()
    files: int = 0


def fetch(name: str, out_dir: Path, progress: Progress | None = None) -> Fetched:
    """Bring a corpus to ``out_dir/<name>``; nothing to do where it is.

    Archives are removed when they are unpacked. What an interrupted download has brought stays in
    ``out_dir`` and is gone on with the next time.

    Args:
        name: of a corpus of the catalog that has files.
        out_dir: made where it is missing.
        progress: called with what is done, bytes so far and bytes in all.

    Raises:
        DatasetError: unknown or not to be fetched, offline, no connection, not the published
            file, a damaged archive, or the folder cannot be written; the message says what is
            kept.
    """
    corpus = catalog.find(name)
    folder = out_dir / name
    if not corpus.files:
        raise DatasetError(f"{name} cannot be fetched: {' '.join(corpus.steps)}")
    if folder.exists():
        if folder.is_dir() and any(folder.iterdir()):
            return Fetched(name, folder)
        raise DatasetError(f"{folder}: in the way: empty or no folder; remove it and try again")
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"{out_dir}: cannot be made: {error.strerror or error}") from error
    paths, archives = [], []
    for file in corpus.files:
        path = out_dir / file.name
        sha256 = download(
            file.url,
            path,
            size_bytes=file.size_bytes,
            digest=file.digest,
            progress=_told(progress, f"fetching {file.name}"),
        )
        paths.append(path)
        archives.append(Archive(file.name, path.stat().st_size, sha256, file.digest))
    files = unpack(paths, folder, _told(progress, f"unpacking {name}"))
    for path in paths:
        path.unlink(missing_ok=True)
    return Fetched(name, folder, tuple(archives), files)


def _told(progress: Progress | None, doing: str) -> Callable[[int, int | None], None] | None:
    if progress is None:
        return None
    tell = progress
    return lambda done, total: tell(doing, done, total)
