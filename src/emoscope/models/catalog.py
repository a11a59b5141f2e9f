"""The catalog: every model that emoscope knows by name, read from ``catalog.toml``."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emoscope.errors import UnknownModelError

ROLES = ("face", "voice", "words", "speech", "detector", "translation", "fusion")
CONVERSIONS = ("keras-mini-xception",)
NO_DIGEST = "0" * 64  # a packaged model that has not been trained yet


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the catalog.

    Attributes:
        name: what users call it.
        role: one of :data:`ROLES`.
        title: one line for lists.
        version: of the weights.
        file: packaged models: path relative to this package; others: name of the published file.
        sha256: digest of the file, 64 lower-case hexadecimal digits.
        size_bytes: size of the file.
        url: where the file is published, pinned to a commit; None for packaged models.
        packaged: the file ships with emoscope.
        licence: of the weights, and the limits of the corpus.
        source: paper or corpus.
        conversion: step between the published file and the ONNX file that is run, or None.
        extra: the extra of this package that the conversion needs, or None.
    """

    name: str
    role: str
    title: str
    version: str
    file: str
    sha256: str
    size_bytes: int
    packaged: bool
    licence: str
    source: str
    url: str | None = None
    conversion: str | None = None
    extra: str | None = None

    def __post_init__(self) -> None:
        def demand(holds: bool, what: str) -> None:
            if not holds:
                raise ValueError(f"catalog entry {self.name!r}: {what}")

        demand(re.fullmatch(r"[a-z0-9][a-z0-9-]*", self.name) is not None, "bad name")
        demand(self.role in ROLES, f"role must be one of {ROLES}, got {self.role!r}")
        demand(re.fullmatch(r"[0-9a-f]{64}", self.sha256) is not None, "bad sha256")
        demand(self.packaged == (self.url is None), "either packaged or with a url")
        demand(self.packaged or self.size_bytes > 0, "size_bytes must be positive")
        demand(self.packaged or Path(self.file).name == self.file, "file must be a plain name")
        demand(self.conversion in (None, *CONVERSIONS), f"unknown conversion {self.conversion!r}")

    @property
    def at_version(self) -> str:
        """``name@version``, as results state it."""
        return f"{self.name}@{self.version}"


def parse(text: str) -> Mapping[str, ModelSpec]:
    """Entries of a catalog in TOML, by name.

    Raises:
        ValueError: an entry is incomplete or holds an impossible value.
    """
    specs: dict[str, ModelSpec] = {}
    for name, entry in tomllib.loads(text).items():
        fields: dict[str, Any] = {"name": name, **entry}
        try:
            specs[name] = ModelSpec(**fields)
        except TypeError as error:
            raise ValueError(f"catalog entry {name!r}: {error}") from error
    return MappingProxyType(specs)


@cache
def catalog() -> Mapping[str, ModelSpec]:
    """All known models, in the order of ``catalog.toml``."""
    return parse(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))


def find(name: str) -> ModelSpec:
    """The entry called ``name``.

    Raises:
        UnknownModelError: there is none; the message lists the known names.
    """
    known = catalog()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UnknownModelError(f"no model is called {name!r}: {hint}known are {', '.join(known)}")
