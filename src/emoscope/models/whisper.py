"""Whisper's files: which sizes are known, where they lie, how they get there.

A Whisper is a folder of a few files (``whisper.toml``), kept at ``cache_dir()/whisper-<size>``
and checked like every other fetched model.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from emoscope.errors import (
    ModelError,
    ModelIntegrityError,
    ModelUnavailableError,
    UnknownModelError,
)
from emoscope.models.atomic import check_digest, digest, part_of, rename
from emoscope.models.download import Progress, download
from emoscope.models.store import cache_dir, is_offline

PREFIX = "whisper-"
NEEDED = ("config.json", "model.bin", "tokenizer.json")


@dataclass(frozen=True)
class WhisperFile:
    """One published file: its name, its size in bytes, its SHA-256 in hexadecimal."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class WhisperSpec:
    """One known size.

    Attributes:
        size: what users call it.
        address: the folder of the published files, pinned to a commit.
        files: the weights last, so that their presence tells that the others are there.
    """

    size: str
    address: str
    files: tuple[WhisperFile, ...]

    @property
    def name(self) -> str:
        """As ``emoscope models fetch`` takes it."""
        return PREFIX + self.size

    @property
    def version(self) -> str:
        """The first digits of the published commit."""
        return self.address.rsplit("/", 1)[-1][:8]

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(file.size_bytes for file in self.files)

    @property
    def folder(self) -> Path:
        """Where it lies, or would lie, in the cache."""
        return cache_dir() / self.name


@cache
def known() -> Mapping[str, WhisperSpec]:
    """All known sizes, smallest first."""
    text = Path(__file__).with_name("whisper.toml").read_text(encoding="utf-8")
    return MappingProxyType(
        {
            size: WhisperSpec(
                size,
                entry["address"],
                tuple(WhisperFile(name, *facts) for name, facts in entry["files"].items()),
            )
            for size, entry in tomllib.loads(text).items()
        }
    )


def find(name: str) -> WhisperSpec | None:
    """The size called ``name``, with or without ``whisper-`` before it; None if there is none."""
    return known().get(name.removeprefix(PREFIX))


def is_available(spec: WhisperSpec) -> bool:
    """Whether all its files are on this machine; their content is not checked."""
    return all((spec.folder / file.name).is_file() for file in spec.files)


def folder_of(
    name_or_path: str | Path, *, obtain: bool = False, progress: Progress | None = None
) -> tuple[Path, str]:
    """A folder that faster-whisper can open, checked, with the model's name for the record.

    Args:
        name_or_path: a known size, or a folder in CTranslate2's format. A size wins.
        obtain: fetch a known size that is not on this machine.
        progress: called with the bytes so far and the bytes in all.

    Raises:
        UnknownModelError: neither a known size nor a folder.
        ModelUnavailableError: a known size that is not on this machine, and is not to be fetched
            or cannot be; the message holds the command.
        ModelIntegrityError: a fetched file is damaged, or the folder lacks a file.
    """
    spec = find(str(name_or_path))
    if spec is None:
        return _own_folder(Path(name_or_path).expanduser())
    if not is_available(spec):
        if not obtain:
            raise ModelUnavailableError(_absent(spec))
        fetch(spec, progress=progress)
    else:
        for file in spec.files:
            check_digest(
                spec.folder / file.name,
                file.sha256,
                f"repair it with: emoscope models fetch {spec.name}",
            )
    return spec.folder, f"{spec.name}@{spec.version}"


def fetch(
    spec: WhisperSpec, *, from_folder: Path | None = None, progress: Progress | None = None
) -> Path:
    """Put a Whisper into the cache, or repair it there; files that are whole are left alone.

    Args:
        spec: from :func:`find`.
        from_folder: a folder that holds the published files, instead of a download.
        progress: called with the bytes so far and the bytes in all.

    Raises:
        ModelUnavailableError: offline, or a download failed.
        ModelIntegrityError: what came is not the published file.
        ModelError: a file cannot be read, or the cache not be written.
    """
    done = 0
    for file in spec.files:
        target = spec.folder / file.name
        if not (target.is_file() and digest(target) == file.sha256):
            _obtain(spec, file, from_folder, _after(progress, done, spec.size_bytes))
        done += file.size_bytes
        if progress is not None:
            progress(done, spec.size_bytes)
    return spec.folder


def _after(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress over all files, from that within one of them."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)


def _obtain(
    spec: WhisperSpec, file: WhisperFile, from_folder: Path | None, progress: Progress | None
) -> None:
    if from_folder is None and is_offline():
        raise ModelUnavailableError(_absent(spec))
    with part_of(spec.folder, file.name) as (part, opened):
        if from_folder is not None:
            came_from = str(from_folder / file.name)
            _copy(from_folder / file.name, opened)
        else:
            came_from = f"{spec.address}/{file.name}"
            try:
                download(came_from, opened, file.size_bytes, progress=progress)
            except ModelUnavailableError as error:
                raise ModelUnavailableError(
                    f"{spec.name} cannot be downloaded: {error}; try again later, or bring its "
                    f"files and run: emoscope models fetch {spec.name} --from FOLDER"
                ) from error
        opened.close()
        got = digest(part)
        if got != file.sha256:
            raise ModelIntegrityError(
                f"{came_from}: not the published {file.name}: expected {file.size_bytes} bytes "
                f"with SHA-256 {file.sha256}, got {part.stat().st_size} bytes with {got}"
            )
        rename(part, spec.folder / file.name, file.sha256)


def _copy(source: Path, into: BinaryIO) -> None:
    try:
        with source.open("rb") as opened:
            shutil.copyfileobj(opened, into)
    except FileNotFoundError as error:
        raise ModelError(f"{source}: there is no such file") from error
    except (PermissionError, IsADirectoryError) as error:
        raise ModelError(f"{source}: cannot read it: {error.strerror}") from error


def _absent(spec: WhisperSpec) -> str:
    command = f"emoscope models fetch {spec.name}"
    size = f"{spec.size_bytes / 1e6:.0f} MB"
    if is_offline():
        return (
            f"{spec.name} is not on this machine and EMOSCOPE_OFFLINE forbids the network; unset "
            f"it and run: {command} ({size}), or bring its files and run: {command} --from FOLDER"
        )
    return f"{spec.name} is not on this machine; fetch it with: {command} ({size})"


def _own_folder(path: Path) -> tuple[Path, str]:
    sizes = ", ".join(known())
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise ModelError(f"{path}: cannot look there: {error.strerror}") from error
    if not is_folder:
        what = "no folder" if exists else "no Whisper size and no folder"
        raise UnknownModelError(
            f"{path}: {what}; give a size ({sizes}) or a folder in CTranslate2's format"
        )
    lacking = [name for name in NEEDED if not (path / name).is_file()]
    if lacking:
        raise ModelIntegrityError(
            f"{path}: no Whisper in CTranslate2's format: it lacks {', '.join(lacking)}"
        )
    return path, path.resolve().name
