"""A reader that is quick and does as it is told, and runs over made-up files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")

from emoscope.batch import Settings

FAKES = Path(__file__).parent / "stand_ins"


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers can import the stand-ins for readers."""
    monkeypatch.syspath_prepend(str(FAKES))
    known = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(FAKES), known])))
    monkeypatch.delitem(sys.modules, "told_reader", raising=False)


@pytest.fixture
def settings() -> Callable[..., Settings]:
    """Builder: ``settings(timeout_s=60, **options)`` for the reader that does as it is told."""

    def build(timeout_s: float = 60.0, **options: Any) -> Settings:
        return Settings(options=options, factory="told_reader:reader", timeout_s=timeout_s)

    return build


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Path]:
    """Builder: ``files(count, **named)``: a folder of files; each holds what its reader does."""

    def build(count: int, **named: str) -> Path:
        folder = tmp_path / "media"
        folder.mkdir(exist_ok=True)
        for number in range(count):
            (folder / f"{number:04}.txt.jpg").write_text(f"read {number}")
        for name, content in named.items():
            (folder / f"{name}.jpg").write_text(content)
        return folder

    return build
