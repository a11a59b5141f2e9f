"""Fixtures of the command line's tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emoscope.apps.cli import main


@dataclass(frozen=True)
class Ran:
    """What one run of the command left."""

    status: int
    out: str
    err: str

    @property
    def documents(self) -> list[Any]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``emoscope`` in this process."""

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["emoscope", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        found = capsys.readouterr()
        code = stopped.value.code
        return Ran(code if isinstance(code, int) else 0, found.out, found.err)

    return call


@pytest.fixture
def models(
    tmp_path: Path, tiny_face_model: Callable[..., Path], tiny_voice_model: Callable[..., Path]
) -> Sequence[object]:
    """Options that put tiny models and the packaged detector and gate in place."""
    tiny_face_model(tmp_path / "face.onnx")
    tiny_voice_model(tmp_path / "voice.onnx")
    return (
        "--face-model", tmp_path / "face.onnx", "--voice-model", tmp_path / "voice.onnx",
        "--detector", "haar", "--speech", "light",
    )  # fmt: skip


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """A picture without a face."""
    path = tmp_path / "blank.png"
    cv2.imwrite(str(path), np.full((120, 160, 3), 200, np.uint8))
    return path
