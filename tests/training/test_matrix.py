from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from emoscope.errors import DatasetError  # noqa: E402
from emoscope.training.matrix import cross_corpus  # noqa: E402
from emoscope.training.recipe import Settings  # noqa: E402
from emoscope.training.run import Plan  # noqa: E402

QUICK = Settings(epochs=1, batch_size=8, accelerator="cpu", threads=1)
LETTERS = "WEAFTNL"  # angry, disgust, fear, happy, sad, neutral, boredom


def buzz(code: int, pitch: float) -> np.ndarray:
    time = np.arange(6000) / 16_000
    tone = sum(np.sin(2 * np.pi * pitch * (1 + code / 5) * k * time) / k for k in range(1, 4))
    return (0.2 * tone * np.sin(np.pi * time / time[-1])).astype(np.float32)


@pytest.mark.slow
def test_every_corpus_is_measured_with_every_model(
    tmp_path: Path, make_ravdess: Callable[..., Path], make_wav: Callable[..., Path]
) -> None:
    clips = {(a, c): buzz(c, 120 + 9 * a) for a in range(1, 6) for c in range(1, 9)}
    ravdess = make_ravdess(tmp_path / "ravdess", clips)
    for speaker in ("03", "08", "09", "10"):
        for code, letter in enumerate(LETTERS):
            path = tmp_path / "emodb" / "wav" / f"{speaker}a01{letter}a.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            make_wav(path, buzz(code, 100 + int(speaker) * 7))
    plan = Plan("mfcc-dnn", {"ravdess": ravdess, "emodb": tmp_path / "emodb"}, settings=QUICK)
    out = tmp_path / "out"
    matrix = cross_corpus(plan, out)
    assert [(c.trained_on, c.tested_on) for c in matrix.cells] == [
        ("ravdess", "ravdess"),
        ("ravdess", "emodb"),
        ("emodb", "ravdess"),
        ("emodb", "emodb"),
    ]
    counts = [cell.metrics.n for cell in matrix.cells]
    assert counts[1] == 24, "all of EMO-DB but boredom"
    assert counts[2] == 35, "RAVDESS without surprise, which EMO-DB lacks"
    assert counts[0] < 40
    assert counts[3] < 28
    written = json.loads((out / "matrix.json").read_text())
    assert written == matrix.to_dict()
    assert (out / "matrix.png").stat().st_size > 1000
    assert "| ravdess |" in (out / "matrix.md").read_text()
    told: list[str] = []
    again = cross_corpus(plan, out, say=told.append)
    assert again.to_dict() == matrix.to_dict()
    assert not any("trained in" in line for line in told), "finished runs are read"


def test_one_corpus_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="two corpora"):
        cross_corpus(Plan("mfcc-dnn", {"ravdess": tmp_path}), tmp_path / "out")
