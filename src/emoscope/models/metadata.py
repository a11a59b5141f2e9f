"""What a model file says about itself, kept in the ONNX ``metadata_props``.

Keys are prefixed ``emoscope.``; lists and mappings are JSON. Nothing about a model is inferred
from its file name or from the order of folders.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emoscope.errors import ModelIntegrityError
from emoscope.labels import LabelSet
from emoscope.models.catalog import ROLES

PREFIX = "emoscope."
DTYPES = ("uint8", "int64", "float32")
_TEXT = ("name", "version", "role", "preprocessing", "corpus", "split", "licence")
_JSON = ("labels", "input", "calibration", "metrics")


@dataclass(frozen=True)
class ModelMetadata:
    """A model's own description.

    Attributes:
        name: of the model, without the version.
        version: of the weights.
        role: one of :data:`emoscope.models.catalog.ROLES`.
        labels: native labels in the order of the ``probs`` output.
        input: the main input: ``name``, ``dtype`` (one of :data:`DTYPES`) and ``shape`` (a list
            of sizes, with a name in place of each free one); further keys are allowed.
        preprocessing: in words, what the graph does to its input.
        calibration: how ``probs`` were calibrated, for example ``{"temperature": 1.3}``.
        corpus: what it was trained on.
        split: which part was trained on, which part chose the checkpoint.
        metrics: measured figures, each with its protocol and number of items.
        licence: of the weights.

    ``input``, ``calibration`` and ``metrics`` hold JSON values with text keys and finite numbers.

    Raises:
        ValueError: a field is empty, of the wrong kind, or no JSON.
    """

    name: str
    version: str
    role: str
    labels: LabelSet
    input: Mapping[str, Any]
    preprocessing: str
    calibration: Mapping[str, Any]
    corpus: str
    split: str
    metrics: Mapping[str, Any]
    licence: str

    def __post_init__(self) -> None:
        for key in _TEXT:
            value = getattr(self, key)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{key} must be a text that is not empty, got {value!r}")
        if self.role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, got {self.role!r}")
        if not isinstance(self.labels, LabelSet):
            raise ValueError(f"labels must be a LabelSet, got {self.labels!r}")
        for key in ("input", "calibration", "metrics"):
            _check_json_object(key, getattr(self, key))
        _check_input(self.input)

    @property
    def at_version(self) -> str:
        """``name@version``, as results state it."""
        return f"{self.name}@{self.version}"

    def to_props(self) -> dict[str, str]:
        """The ``metadata_props`` of an ONNX file."""
        values: dict[str, Any] = {key: getattr(self, key) for key in _JSON}
        values["labels"] = list(self.labels.names)
        return {
            **{PREFIX + key: str(getattr(self, key)) for key in _TEXT},
            **{PREFIX + key: _dumps(value) for key, value in values.items()},
        }

    @classmethod
    def from_props(cls, props: Mapping[str, str]) -> ModelMetadata:
        """Read what :meth:`ModelMetadata.to_props` wrote; other keys are ignored.

        Raises:
            ModelIntegrityError: a key is missing or holds something impossible; names the key.
        """
        missing = [PREFIX + key for key in (*_TEXT, *_JSON) if PREFIX + key not in props]
        if missing:
            if len(missing) == len(_TEXT) + len(_JSON):
                raise ModelIntegrityError(
                    "not an emoscope model: its metadata has no emoscope.* entry"
                )
            raise ModelIntegrityError(f"the metadata lacks {', '.join(missing)}")
        values: dict[str, Any] = {key: props[PREFIX + key] for key in _TEXT}
        for key in _JSON:
            try:
                values[key] = json.loads(props[PREFIX + key], parse_constant=_refuse_constant)
            except (ValueError, RecursionError) as error:
                raise ModelIntegrityError(
                    f"the metadata {PREFIX}{key} is no JSON: {error}"
                ) from error
        names = values["labels"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ModelIntegrityError(f"the metadata {PREFIX}labels is no list of texts")
        try:
            values["labels"] = LabelSet(tuple(names))
            return cls(**values)
        except ValueError as error:
            raise ModelIntegrityError(f"the metadata is wrong: {error}") from error


def _dumps(value: Any) -> str:
    plain = dict(value) if isinstance(value, Mapping) else value
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _check_json_object(key: str, value: object) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{key} must be a mapping with text keys, got {value!r}")
    try:
        _dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{key} must hold JSON values: {error}") from error


def _check_input(value: Mapping[str, Any]) -> None:
    name, dtype, shape = (value.get(key) for key in ("name", "dtype", "shape"))
    if not isinstance(name, str) or not name:
        raise ValueError(f"input.name must be a text, got {name!r}")
    if dtype not in DTYPES:
        raise ValueError(f"input.dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    if not isinstance(shape, list | tuple) or not shape or not all(map(_is_dimension, shape)):
        raise ValueError(f"input.shape must be a list of sizes and names, got {shape!r}")


def _is_dimension(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return (isinstance(value, int) and value > 0) or (isinstance(value, str) and value != "")
