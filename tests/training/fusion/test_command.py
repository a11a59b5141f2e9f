"""The command: from corpora to a model file, and one line where they are not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from emoscope.fusion.model import CASES, read
from emoscope.fusion.quality import MEASURES, Curve
from emoscope.training.fusion import __main__ as command
from emoscope.training.fusion import corpora
from emoscope.training.fusion.readings import Readings


def part(name: str, seed: int) -> corpora.Part:
    rng = np.random.default_rng(seed)

    def readings() -> Readings:
        truth = np.arange(140) % 7
        logits = 1.5 * (1.5 * np.eye(7)[truth] + rng.standard_normal((140, 7)))
        probs = np.exp(logits)
        return Readings(
            np.array([f"{name}{row}" for row in range(140)]),
            np.array([f"{name} {row % 4}" for row in range(140)]),
            truth,
            probs / probs.sum(1, keepdims=True),
            np.ones((140, len(MEASURES[name]))),
        )

    curves = {measure: Curve(((0.0, 0.0), (1.0, 1.0))) for measure in MEASURES[name]}
    return corpora.Part(readings(), readings(), curves, f"{name}: 140 to fit, 140 to report")


@pytest.mark.parametrize("with_words", [True, False])
def test_it_fits_measures_and_writes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    with_words: bool,
) -> None:
    asked: list[Mapping[str, Path]] = []

    def voices(folders: Mapping[str, Path], cache: Path | None) -> corpora.Part:
        asked.append(folders)
        return part("voice", 2)

    monkeypatch.setattr(corpora, "faces", lambda folder, cache: part("face", 1))
    monkeypatch.setattr(corpora, "voices", voices)
    monkeypatch.setattr(corpora, "words", lambda folder, cache: part("words", 3))
    monkeypatch.setattr(command, "PER_LABEL", 40)
    monkeypatch.setattr(
        command.catalog, "find", lambda name: type("Spec", (), {"at_version": f"{name}@1"})
    )
    arguments = ["--fer2013", "f", "--ravdess", "r", "--tess", "t"]
    arguments += ["--goemotions", "g"] if with_words else []
    assert command.main([*arguments, "--out", str(tmp_path / "fusion.json")]) == 0
    assert asked == [{"ravdess": Path("r"), "tess": Path("t")}]
    model = read(tmp_path / "fusion.json")
    there = ["face", "voice", *(["words"] if with_words else [])]
    assert list(model.reliabilities) == there
    assert model.corpora[0] == "face: 140 to fit, 140 to report"
    cases = [case for case in CASES if set(case.split("+")) <= set(there)]
    assert [row["case"] for row in model.metrics["cases"]] == cases
    table = capsys.readouterr().out
    assert all(f"| {case.replace('+', ', ')} |" in table for case in cases)


def test_a_missing_corpus_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--fer2013", str(tmp_path / "none"), "--ravdess", str(tmp_path)]
    assert command.main([*arguments, "--out", str(tmp_path / "x.json")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "none" in said
    assert not (tmp_path / "x.json").exists()
