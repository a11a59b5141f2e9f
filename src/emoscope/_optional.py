"""Lazy import of optional dependencies."""

from __future__ import annotations

import importlib
from types import ModuleType

from emoscope.errors import MissingExtraError


def require(module: str, *, extra: str) -> ModuleType:
    """Import ``module`` or say which extra brings it.

    Args:
        module: dotted name, for example ``"torch"``.
        extra: the extra of this package that installs it.

    Raises:
        MissingExtraError: the module's package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        raise MissingExtraError(module, extra) from error
