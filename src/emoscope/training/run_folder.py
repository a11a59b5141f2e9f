"""The folder of a run: what it was asked, where it was made, how far it is."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

from emoscope import __version__
from emoscope.errors import ModelError
from emoscope.export.files import atomic_path
from emoscope.models.load import load
from emoscope.training.predictions import Predictions

_PACKAGES = (
    *("torch", "lightning", "transformers", "onnx", "onnxruntime"),
    *("numpy", "librosa", "scikit-learn", "skl2onnx"),
)


class RunFolder:
    """A run's folder.

    Attributes:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, config: dict[str, Any], *, resume: bool) -> None:
        """Begin a run, or find the one that was begun.

        Raises:
            ModelError: there is a run already and ``resume`` is not wanted, it was asked something
                else, or the folder cannot be written.
        """
        file = self.path / "config.json"
        try:
            if file.is_file():
                self._check(json.loads(file.read_text("utf-8")), config, resume)
                return
            if self.path.is_dir() and any(self.path.iterdir()):
                raise ModelError(f"{self.path}: not empty and no run; take another folder")
            made = {"emoscope": __version__, "made": time.strftime("%Y.%m.%d"), **config}
            _write(file, made)
            _write(self.path / "environment.json", environment())
        except OSError as error:
            raise ModelError(f"{self.path}: cannot write there: {error.strerror}") from error
        except ValueError as error:
            raise ModelError(f"{file}: not a run's configuration: {error}") from error

    def _check(self, old: dict[str, Any], new: dict[str, Any], resume: bool) -> None:
        if not resume:
            raise ModelError(
                f"{self.path}: holds a run of {old.get('recipe')} already; --resume goes on "
                "with it, or take another folder"
            )
        plain = json.loads(json.dumps(new))
        other = [key for key, value in plain.items() if old.get(key) != value]
        if other:
            told = "; ".join(f"{key} was {old.get(key)}, is {plain[key]}" for key in other)
            raise ModelError(
                f"{self.path}: the run that stands there was asked differently: {told}"
            )

    def version(self) -> str:
        """Of the weights: the day the run was begun."""
        for folder in (self.path, self.path.parent):
            if (folder / "config.json").is_file():
                return str(json.loads((folder / "config.json").read_text("utf-8"))["made"])
        return "0"

    def finished(self) -> tuple[str, Predictions] | None:
        """The model's name and predictions, where the run got to its report."""
        report = self.path / "report" / "evaluation.json"
        model, found = self.path / "model.onnx", self.path / "predictions.npz"
        if not (report.is_file() and model.is_file() and found.is_file()):
            return None
        return load(model).metadata.at_version, Predictions.load(found)


def environment() -> dict[str, Any]:
    """What a run depends on beside its configuration."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": platform.machine(),
        "packages": versions,
    }


def _write(path: Path, values: dict[str, Any]) -> None:
    text = json.dumps(values, ensure_ascii=False, indent=2)
    with atomic_path(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
