"""From what a user calls a model (a name, a file, a training run) to a session."""

from __future__ import annotations

from pathlib import Path

from emoscope.errors import ModelError, UnknownModelError
from emoscope.models import catalog, store
from emoscope.models.session import Session


def load(
    name_or_path: str | Path, *, role: str | None = None, threads: int | None = None
) -> Session:
    """Open a model by name or by file.

    Args:
        name_or_path: a name from the catalog, an ``.onnx`` file, or a folder that holds
            ``model.onnx`` (as training writes). A catalog name wins over a file of that name.
        role: what the model is wanted for; None: whatever it is.
        threads: as for :class:`~emoscope.models.session.Session`.

    Raises:
        UnknownModelError: neither a known name nor a file.
        ModelError: the model has another role, or the file cannot be read.
        ModelUnavailableError: known, but not on this machine.
        ModelIntegrityError: not what it must be; see :class:`~emoscope.models.session.Session`.
    """
    text = str(name_or_path)
    spec = catalog.catalog().get(text)
    if spec is not None:
        _check_role(text, spec.role, role)
        path = store.path_of(text)
    else:
        path = _file_of(text)
    session = Session(path, threads=threads)
    _check_role(text, session.metadata.role, role)
    return session


def _check_role(name: str, got: str, wanted: str | None) -> None:
    if wanted is not None and got != wanted:
        raise ModelError(f"{name} is a {got} model, where a {wanted} model is needed")


def _file_of(text: str) -> Path:
    path = Path(text)
    try:
        if path.is_dir():
            if (path / "model.onnx").is_file():
                return path / "model.onnx"
            raise ModelError(f"{text}: the folder holds no model.onnx")
        if path.is_file():
            return path
    except OSError as error:  # a name too long, a folder that this user may not enter
        raise ModelError(f"{text}: cannot look there: {error.strerror}") from error
    if path.suffix.lower() == ".onnx" or path.name != text:
        raise ModelError(f"{text}: there is no such model file")
    try:
        catalog.find(text)
    except UnknownModelError as error:
        raise UnknownModelError(f"{error}; nor is there a file of that name") from error
    raise AssertionError("a known name was treated as a path")
