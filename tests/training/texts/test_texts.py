from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

from emoscope.models.session import Session  # noqa: E402
from emoscope.training.texts.corpus import EMOTIONS, held_out, read  # noqa: E402
from emoscope.training.texts.drill import drills  # noqa: E402
from emoscope.training.texts.measure import best_thresholds, f1_each, measure  # noqa: E402
from emoscope.training.texts.train import calibrate, main, run  # noqa: E402

WORDS = ("furious", "gross", "scared", "glad", "lonely", "shocked", "table")
FILES = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Comments whose one telling word says all."""
    rng = random.Random(0)
    fillers = [
        "the",
        "a",
        "of",
        "my",
        "our",
        "that",
        "there",
        "when",
        "then",
        "well",
        "so",
        "and",
        "but",
        "for",
        "with",
    ]
    (tmp_path / "labels.txt").write_text("\n".join(FILES[:6]) + "\n")
    for name, count in (("train", 600), ("dev", 70)):
        rows = []
        for number in range(count):
            which = number % 7
            text = " ".join([*rng.sample(fillers, 4), WORDS[which], *rng.sample(fillers, 2)])
            rows.append(f"{text}\t{which}\t{name}{number}")
        (tmp_path / f"{name}.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_f1_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    shown, said = rng.random((200, 7)) < 0.3, rng.random((200, 7)) < 0.4
    wanted = metrics.f1_score(shown, said, average=None, zero_division=0)
    assert f1_each(shown, said) == pytest.approx(wanted)


def test_thresholds_are_no_worse_than_any_other() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random((300, 7)) < 0.3).astype(np.float32)
    probs = np.clip(labels * 0.3 + rng.random((300, 7)) * 0.7, 0, 1).astype(np.float32)
    best = f1_each(labels > 0, probs >= best_thresholds(labels, probs))
    for other in np.linspace(0.05, 0.95, 19):
        assert (f1_each(labels > 0, probs >= other) <= best + 1e-9).all()


def test_calibration_takes_the_heat_out() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 7, 3000)
    logits = rng.normal(0, 1, (3000, 7)) + 1.5 * np.eye(7)[truth]
    labels = np.eye(7, dtype=np.float32)[truth]
    probs = calibrate((4 * logits).astype(np.float32), labels).apply(
        (4 * logits).astype(np.float32)
    )
    assert probs.sum(1) == pytest.approx(1, abs=1e-5)
    found = measure(labels, probs, np.full(7, 0.5))["single: ECE"]
    assert found.value < 0.03


def test_the_held_out_part_depends_on_names_alone() -> None:
    names = [f"id{number}" for number in range(5000)]
    chosen = held_out(names)
    assert 0.07 < chosen.mean() < 0.13
    assert np.array_equal(held_out(names[::-1])[::-1], chosen)


def test_drills_are_shares_of_emotions() -> None:
    made = drills(random.Random(0), ["a table", "the road"])
    assert made == drills(random.Random(0), ["a table", "the road"])
    for text, shares in made:
        assert isinstance(text, str)
        assert set(shares) <= set(EMOTIONS)
        assert all(0 < share <= 1 for share in shares.values())


@pytest.mark.slow
def test_one_command_gives_a_model_that_learnt(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    main(["--data", str(corpus), "--out", str(out)])
    metadata = Session(out / "model.onnx", threads=1).metadata
    assert (metadata.name, metadata.role) == ("emoscope-words", "words")
    texts, labels, _ = read(corpus / "dev.tsv")
    probs = run(out / "model.onnx", texts)
    assert (probs.argmax(1) == labels.argmax(1)).mean() > 0.8
