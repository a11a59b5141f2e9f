"""The fitted numbers of fusion: a small JSON file, read strictly; nothing in it is executed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from emoscope.errors import ModelIntegrityError
from emoscope.fusion.quality import MEASURES, MODALITIES, Curve, all_present
from emoscope.labels import SHARED
from emoscope.models import store

SCHEMA = "emoscope.fusion/1"
MAX_BYTES = 256 * 1024
CASES: tuple[str, ...] = tuple(
    "+".join(names) for size in (1, 2, 3) for names in combinations(MODALITIES, size)
)
"""What can be there: ``face``, ``voice``, ``words``, ``face+voice`` and so on."""

_TEXT = ("name", "version", "licence", "protocol")
_KEYS = {
    "schema", *_TEXT, "corpora", "reliabilities", "temperatures", "priors", "curves", "metrics",
}  # fmt: skip


def case_of(names: Sequence[str]) -> str:
    """Name of a set of modalities, see :data:`CASES`.

    Raises:
        ValueError: one is unknown.
    """
    return "+".join(all_present(names))


@dataclass(frozen=True)
class FusionModel:
    """What pooling needs.

    Attributes:
        name: of the model, without the version.
        version: of the numbers.
        reliabilities: per modality, not negative; one that is not in it was not measured and takes
            no part beside others.
        temperatures: per case of two or more modalities, positive.
        priors: per modality, what its model answers on average: seven positive numbers.
        curves: per modality and measure, see :data:`emoscope.fusion.quality.MEASURES`.
        corpora: what it was fitted on, a line each.
        protocol: how, in words.
        licence: of the numbers.
        metrics: what was measured, JSON values.

    Raises:
        ValueError: an unknown modality, case or measure, or a number that is out of range.
    """

    name: str
    version: str
    reliabilities: Mapping[str, float]
    temperatures: Mapping[str, float]
    priors: Mapping[str, tuple[float, ...]]
    curves: Mapping[str, Mapping[str, Curve]]
    corpora: tuple[str, ...] = ()
    protocol: str = ""
    licence: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _known("modality", self.reliabilities, MODALITIES)
        _known("case", self.temperatures, CASES[len(MODALITIES) :])
        _known("modality", self.priors, MODALITIES)
        _known("modality", self.curves, MODALITIES)
        for name, curves in self.curves.items():
            _known(f"measure of {name}", curves, MEASURES[name])
        _demand(
            all(math.isfinite(r) and r >= 0 for r in self.reliabilities.values()),
            f"reliabilities must be finite and not negative, got {dict(self.reliabilities)}",
        )
        _demand(
            all(0.05 <= t <= 20 for t in self.temperatures.values()),
            f"temperatures must lie within [0.05, 20], got {dict(self.temperatures)}",
        )
        for name, prior in self.priors.items():
            fits = len(prior) == len(SHARED) and all(0 < p <= 1 for p in prior)
            _demand(
                fits and abs(sum(prior) - 1) < 1e-3,
                f"the prior of {name} must be {len(SHARED)} positive numbers that sum to 1",
            )

    @property
    def at_version(self) -> str:
        """``name@version``, as results state it."""
        return f"{self.name}@{self.version}"

    def to_json(self) -> str:
        """The file's text."""
        document = {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "licence": self.licence,
            "protocol": self.protocol,
            "corpora": list(self.corpora),
            "reliabilities": dict(self.reliabilities),
            "temperatures": dict(self.temperatures),
            "priors": {name: list(prior) for name, prior in self.priors.items()},
            "curves": {
                name: {measure: [list(p) for p in curve.points] for measure, curve in some.items()}
                for name, some in self.curves.items()
            },
            "metrics": dict(self.metrics),
        }
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def parse(data: bytes, source: str = "<bytes>") -> FusionModel:
    """Read the file's bytes.

    Raises:
        ModelIntegrityError: too large, no JSON, unknown or missing keys, or values that are wrong.
    """
    try:
        _demand(len(data) <= MAX_BYTES, f"larger than {MAX_BYTES} bytes")
        document = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
        )
        _demand(isinstance(document, dict), "not an object")
        _demand(document.get("schema") == SCHEMA, f"its schema is not {SCHEMA}")
        wrong = sorted(set(document) ^ _KEYS)
        _demand(not wrong, f"keys missing or unknown: {', '.join(wrong)}")
        for key in _TEXT:
            _demand(isinstance(document[key], str), f"{key} must be text")
        corpora = document["corpora"]
        _demand(
            isinstance(corpora, list) and all(isinstance(line, str) for line in corpora),
            "corpora must be lines of text",
        )
        _demand(isinstance(document["metrics"], dict), "metrics must be an object")
        return FusionModel(
            name=document["name"],
            version=document["version"],
            reliabilities=_numbers(document["reliabilities"]),
            temperatures=_numbers(document["temperatures"]),
            priors={key: _row(row) for key, row in _object(document["priors"]).items()},
            curves={
                key: {measure: _curve(points) for measure, points in _object(some).items()}
                for key, some in _object(document["curves"]).items()
            },
            corpora=tuple(corpora),
            protocol=document["protocol"],
            licence=document["licence"],
            metrics=document["metrics"],
        )
    except (ValueError, RecursionError) as error:
        raise ModelIntegrityError(
            f"{source}: not a fusion model of emoscope: {error}; install emoscope again"
        ) from error


@cache
def load() -> FusionModel:
    """The model that ships.

    Raises:
        ModelUnavailableError: its file is missing.
        ModelIntegrityError: its file is damaged.
    """
    path = store.path_of("emoscope-fusion")
    return read(path)


def read(path: Path) -> FusionModel:
    """A model from a file.

    Raises:
        ModelIntegrityError: it cannot be read, or is no such model.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ModelIntegrityError(f"{path}: cannot be read: {error.strerror}") from error
    return parse(data, str(path))


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _known(what: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = sorted(set(given) - set(known))
    _demand(not unknown, f"unknown {what}: {', '.join(unknown)}; there are {', '.join(known)}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    _demand(len(found) == len(pairs), "a key stands twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _object(value: Any) -> dict[str, Any]:
    _demand(isinstance(value, dict), "expected an object")
    found: dict[str, Any] = value
    return found


def _number(value: Any) -> float:
    _demand(isinstance(value, int | float) and not isinstance(value, bool), "expected a number")
    return float(value)


def _numbers(value: Any) -> dict[str, float]:
    return {key: _number(item) for key, item in _object(value).items()}


def _row(value: Any) -> tuple[float, ...]:
    _demand(isinstance(value, list), "expected a list of numbers")
    return tuple(_number(item) for item in value)


def _curve(value: Any) -> Curve:
    _demand(isinstance(value, list), "expected a list of points")
    points = [_row(point) for point in value]
    _demand(all(len(point) == 2 for point in points), "a point is two numbers")
    return Curve(tuple((x, y) for x, y in points))
