"""Where model files are: shipped with the package, or fetched once into a cache.

A fetched file lies at ``cache_dir()/<name>/<file>`` (a file laid straight into ``cache_dir()`` by
hand is found too). Its SHA-256 is checked on every load, it is written beside its final place and
renamed, so that neither an interruption nor a second process leaves half a file. A model that is
converted (:mod:`emoscope.models.keras_import`) keeps its ONNX file there with a JSON record that
holds the digest taken right after the conversion.

Environment: ``EMOSCOPE_CACHE`` moves the cache; ``EMOSCOPE_OFFLINE=1`` forbids the network.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import platformdirs

from emoscope.errors import (
    MissingExtraError,
    ModelError,
    ModelIntegrityError,
    ModelUnavailableError,
)
from emoscope.models import catalog
from emoscope.models.atomic import check_digest, digest, part_of, read, rename
from emoscope.models.catalog import ModelSpec
from emoscope.models.download import Progress, download

TRY_WITHIN_S = 3.0
UNREACHABLE_FOR_S = 3600.0  # how long try_fetch remembers that the network did not answer
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verification:
    """What :func:`verify` found.

    Attributes:
        name: the model's name.
        role: its role.
        version: its version.
        state: ``ok``, ``absent`` (not on this machine) or ``damaged``.
        path: the file, or None where absent.
        detail: one line: what was checked, what is wrong, or how to get it.
    """

    name: str
    role: str
    version: str
    state: Literal["ok", "absent", "damaged"]
    path: Path | None
    detail: str


def cache_dir() -> Path:
    """The folder of fetched models: ``EMOSCOPE_CACHE``, or the user's cache folder."""
    moved = os.environ.get("EMOSCOPE_CACHE")
    if moved:
        return Path(moved).expanduser()
    return platformdirs.user_cache_path("emoscope", appauthor=False)


def is_offline() -> bool:
    """Whether ``EMOSCOPE_OFFLINE`` forbids the network."""
    return os.environ.get("EMOSCOPE_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")


def is_available(name: str) -> bool:
    """Whether the model's file is on this machine; its content is not checked.

    Raises:
        UnknownModelError: the catalog has no such model.
    """
    return _place(catalog.find(name)) is not None


def path_of(name: str, *, fetch: bool = False) -> Path:
    """The model's file, checked and ready to use.

    Args:
        name: from the catalog.
        fetch: download it if it is not on this machine.

    Raises:
        UnknownModelError: the catalog has no such model.
        ModelUnavailableError: it is not on this machine; the message holds the command.
        ModelIntegrityError: the file is damaged; the message holds the command that repairs it.
    """
    spec = catalog.find(name)
    path = _checked(spec)
    if path is not None:
        return path
    if fetch:
        return _obtain(spec)
    raise ModelUnavailableError(_absent(spec))


def fetch(name: str, *, from_file: Path | None = None, progress: Progress | None = None) -> Path:
    """Put the model into the cache, or repair it there; nothing to do if it is there and whole.

    Args:
        name: from the catalog.
        from_file: the published file, already on this machine, instead of a download.
        progress: called with the bytes so far and the bytes in all.

    Raises:
        UnknownModelError: the catalog has no such model.
        ModelUnavailableError: offline, or the download failed.
        ModelIntegrityError: what was downloaded or given is not the published file.
        ModelError: the file cannot be read, or the cache not be written.
        MissingExtraError: the model is converted, which needs an extra.
    """
    spec = catalog.find(name)
    if spec.packaged:
        if from_file is not None:
            raise ModelError(f"{name} ships with emoscope: it is not fetched from a file")
        return path_of(name)
    if from_file is None:
        with suppress(ModelIntegrityError):
            path = _checked(spec)
            if path is not None:
                return path
    return _obtain(spec, from_file=from_file, progress=progress)


def try_fetch(name: str, *, within_s: float = TRY_WITHIN_S) -> Path | None:
    """The model's file if it is here or comes quickly, else None; never stalls for long.

    After a failed attempt the network is left alone for :data:`UNREACHABLE_FOR_S` seconds; a
    successful :func:`fetch` ends that. A damaged file is logged and fetched anew.

    Args:
        name: from the catalog.
        within_s: seconds that the download may take in all.

    Raises:
        UnknownModelError: the catalog has no such model.
    """
    spec = catalog.find(name)
    try:
        return path_of(name)
    except ModelUnavailableError:
        pass
    except ModelError as error:
        _log.warning("%s", error)
    if spec.packaged or is_offline() or _recently_unreachable(spec):
        return None
    try:
        return _obtain(spec, within_s=within_s)
    except (ModelError, MissingExtraError) as error:
        _log.info("%s", error)
        with suppress(OSError):
            _stamp(spec).touch()
        return None


def verify(name: str) -> Verification:
    """Check a model's digest and, for models that describe themselves, its metadata and graph.

    Raises:
        UnknownModelError: the catalog has no such model.
    """
    spec = catalog.find(name)

    path: Path | None = None

    def found(state: Literal["ok", "absent", "damaged"], detail: str) -> Verification:
        return Verification(spec.name, spec.role, spec.version, state, path, detail)

    try:
        path = _place(spec)
        path = path_of(name)
        if spec.packaged:
            check_digest(path, spec.sha256, "reinstall emoscope")
        if spec.role not in ("face", "voice", "words", "translation"):
            return found("ok", "SHA-256")
        _check_description(spec, path)
        return found("ok", "SHA-256, metadata, graph")
    except ModelUnavailableError as error:
        return found("absent", str(error))
    except ModelError as error:
        return found("damaged", str(error))


def verify_all() -> list[Verification]:
    """:func:`verify` for the whole catalog, in its order."""
    return [verify(name) for name in catalog.catalog()]


def _check_description(spec: ModelSpec, path: Path) -> None:
    from emoscope.models.session import Session  # heavy

    metadata = Session(path, threads=1).metadata
    for key, want in (("name", spec.name), ("role", spec.role), ("version", spec.version)):
        got = getattr(metadata, key)
        if got != want:
            raise ModelIntegrityError(f"{path}: its {key} is {got!r}, the catalog's {want!r}")


# --- where files lie ---


def _place(spec: ModelSpec) -> Path | None:
    """The file that would be loaded, unchecked, or None."""
    if spec.packaged:
        candidates = [Path(__file__).parent / spec.file]
    elif spec.conversion is not None:
        candidates = [_record_path(spec)]
    else:
        candidates = [cache_dir() / spec.name / spec.file, cache_dir() / spec.file]
    try:
        return next((path for path in candidates if path.is_file()), None)
    except OSError as error:  # for example a folder that this user may not enter
        raise ModelError(f"{candidates[0]}: cannot look there: {error.strerror}") from error


def _checked(spec: ModelSpec) -> Path | None:
    """The file after its check, or None where there is none."""
    place = _place(spec)
    if spec.packaged and place is None:
        raise ModelUnavailableError(
            f"{spec.name} should ship with emoscope, but {spec.file} is missing: reinstall emoscope"
        )
    if place is None or spec.packaged:
        return place
    repair = f"repair it with: emoscope models fetch {spec.name}"
    if spec.conversion is not None:
        return _converted(spec, place, repair)
    check_digest(place, spec.sha256, repair)
    return place


def _converted(spec: ModelSpec, place: Path, repair: str) -> Path:
    record = _read_record(place, repair)
    if (record["conversion"], record["source_sha256"]) != _origin(spec):
        raise ModelIntegrityError(f"{place}: converted by another version of emoscope; {repair}")
    path = place.parent / record["file"]
    if not path.is_file():
        raise ModelIntegrityError(f"{path}: the converted model is missing; {repair}")
    check_digest(path, record["sha256"], repair)
    return path


def _read_record(place: Path, repair: str) -> dict[str, str]:
    try:
        record: Any = json.loads(read(place).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelIntegrityError(f"{place}: the record is damaged; {repair}") from error
    keys = ("conversion", "source_sha256", "file", "sha256")
    if not isinstance(record, dict) or not all(isinstance(record.get(key), str) for key in keys):
        raise ModelIntegrityError(f"{place}: the record is damaged; {repair}")
    if Path(record["file"]).name != record["file"]:
        raise ModelIntegrityError(f"{place}: the record points elsewhere; {repair}")
    return {key: record[key] for key in keys}


def _record_path(spec: ModelSpec) -> Path:
    return cache_dir() / spec.name / f"{spec.name}.json"


def _origin(spec: ModelSpec) -> tuple[str, str]:
    from emoscope.models import keras_import

    return f"{spec.conversion}/{keras_import.VERSION}", spec.sha256


def _absent(spec: ModelSpec) -> str:
    command = f"emoscope models fetch {spec.name}"
    if is_offline():
        return (
            f"{spec.name} is not on this machine and EMOSCOPE_OFFLINE forbids the network; "
            f"unset it and run: {command}, or bring the file {spec.file} and run: "
            f"{command} --from FILE"
        )
    return (
        f"{spec.name} is not on this machine; fetch it with: {command} "
        f"(or, with the file {spec.file} at hand: {command} --from FILE)"
    )


def _stamp(spec: ModelSpec) -> Path:
    return cache_dir() / spec.name / ".unreachable"


def _recently_unreachable(spec: ModelSpec) -> bool:
    try:
        age_s = time.time() - _stamp(spec).stat().st_mtime
    except OSError:
        return False
    return 0 <= age_s < UNREACHABLE_FOR_S  # a stamp from the future says nothing


# --- how they get there ---


def _obtain(
    spec: ModelSpec,
    *,
    from_file: Path | None = None,
    progress: Progress | None = None,
    within_s: float | None = None,
) -> Path:
    if spec.conversion is not None:
        from emoscope.models import keras_import

        keras_import.check_requirements()  # before anything is downloaded
    laid = cache_dir() / spec.file
    if from_file is None and laid.is_file() and digest(laid) == spec.sha256:
        from_file = laid
    if from_file is None and is_offline():
        raise ModelUnavailableError(_absent(spec))
    folder = cache_dir() / spec.name
    with part_of(folder, spec.file) as (part, file):
        if from_file is not None:
            _copy(spec, from_file, file)
        else:
            assert spec.url is not None, "only packaged models have no address"
            try:
                download(spec.url, file, spec.size_bytes, progress=progress, within_s=within_s)
            except ModelUnavailableError as error:
                raise ModelUnavailableError(
                    f"{spec.name} cannot be downloaded: {error}; try again later, or bring the "
                    f"file and run: emoscope models fetch {spec.name} --from FILE"
                ) from error
        file.close()
        came_from = str(from_file) if from_file is not None else spec.url
        got = digest(part)
        if got != spec.sha256:
            raise ModelIntegrityError(
                f"{came_from}: not the published {spec.file}: expected {spec.size_bytes} bytes "
                f"with SHA-256 {spec.sha256}, got {part.stat().st_size} bytes with {got}"
            )
        path = _install(spec, part, folder)
    with suppress(OSError):
        _stamp(spec).unlink()
    return path


def _install(spec: ModelSpec, part: Path, folder: Path) -> Path:
    if spec.conversion is None:
        return rename(part, folder / spec.file, spec.sha256)
    from emoscope.models import keras_import

    data = keras_import.convert(read(part), name=spec.name, version=spec.version)
    sha256 = hashlib.sha256(data).hexdigest()
    conversion, source_sha256 = _origin(spec)
    # The digest in the name: a record never meets the file of another conversion.
    path = folder / f"{spec.name}-{sha256[:12]}.onnx"
    record = {
        "conversion": conversion,
        "source_sha256": source_sha256,
        "file": path.name,
        "sha256": sha256,
    }
    text = json.dumps(record, indent=2).encode("utf-8")
    for target, content in ((path, data), (_record_path(spec), text)):
        with part_of(folder, target.name) as (written, file):
            file.write(content)
            file.close()
            rename(written, target, hashlib.sha256(content).hexdigest())
    return path


def _copy(spec: ModelSpec, source: Path, file: BinaryIO) -> None:
    if source.is_dir():
        raise ModelError(f"{source}: a folder, where the file {spec.file} is needed")
    if not source.is_file():
        raise ModelError(f"{source}: there is no such file")
    size = source.stat().st_size
    if size != spec.size_bytes:
        raise ModelIntegrityError(
            f"{source}: not the published {spec.file}: expected {spec.size_bytes} bytes, got {size}"
        )
    try:
        opened = source.open("rb")
    except PermissionError as error:
        raise ModelError(f"{source}: no permission to read it") from error
    with opened:
        shutil.copyfileobj(opened, file)
