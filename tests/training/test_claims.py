from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")

from emoscope.errors import DatasetError  # noqa: E402
from emoscope.labels import SHARED  # noqa: E402
from emoscope.training.claims import (  # noqa: E402
    ALL,
    CLAIMS,
    LEARNT,
    REPORTED,
    claims_table,
    figure_of,
    write_claims,
)
from emoscope.training.predictions import Predictions  # noqa: E402
from emoscope.training.recipes import RECIPES  # noqa: E402
from emoscope.training.splits import PROTOCOLS  # noqa: E402

Build = Callable[..., Path]


@pytest.fixture
def run(
    tmp_path: Path, make_fer: Build, tiny_face_model: Build, grey_of: Callable[[str], int]
) -> Path:
    """A run of ``cnn48`` that learnt 7 pictures, 5 of which it answers rightly, of 9 in all."""
    train = [(label, grey_of(label)) for label in SHARED[:5]]
    train += [(label, grey_of("happy")) for label in SHARED[5:]]
    held = [("happy", grey_of("happy")), ("happy", grey_of("sad"))]
    data = make_fer(tmp_path / "fer", {"train": train, "validation": held})
    run = tmp_path / "runs" / "mine"
    (run / "report").mkdir(parents=True)
    tiny_face_model(run / "model.onnx")
    asked = {"recipe": "cnn48", "data": {"fer2013": str(data)}, "protocol": "usage"}
    (run / "config.json").write_text(json.dumps(asked))
    (run / "report" / "evaluation.json").write_text("{}")
    names = sorted(path.relative_to(data).as_posix() for path in data.rglob("*.png"))
    with (run / "split.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "part", "label", "speaker"))
        for name in names:
            writer.writerow((name, "learn" if name.startswith("train") else "test", "", ""))
    probs = np.full((2, 7), 0.05)
    probs[0, SHARED.index("happy")] = probs[1, SHARED.index("sad")] = 0.7
    truth = np.full(2, SHARED.index("happy"), np.int64)
    Predictions(("a", "b"), truth, probs, SHARED, ("", "")).save(run / "predictions.npz")
    return run


def test_the_parts_of_a_run_are_told_apart(run: Path) -> None:
    found = {part: figure_of(run, part) for part in (REPORTED, LEARNT, ALL)}
    assert {part: m.n for part, m in found.items()} == {REPORTED: 2, LEARNT: 7, ALL: 9}
    assert found[REPORTED].accuracy == pytest.approx(1 / 2)
    assert found[LEARNT].accuracy == pytest.approx(5 / 7)
    assert found[ALL].accuracy == pytest.approx(6 / 9)


def test_the_table_has_every_claim_and_says_what_was_not_run(run: Path) -> None:
    page = claims_table([run.parent])
    for claim in CLAIMS:
        assert claim.text in page
    rows = [line for line in page.splitlines() if "CNN 66.5%" in line]
    assert len(rows) == 1
    assert "50.0% (9.5 to 90.5), UAR 50.0%" in rows[0]
    assert "n 2" in rows[0]
    assert "not run" in next(line for line in page.splitlines() if "MFCC DNN 85%" in line)
    assert str(run) not in page, "a committed page names no machine's folders"


def test_a_run_can_be_named_itself_and_the_page_is_written(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "docs" / "claims.md"
    text = write_claims([run], out)
    assert out.read_text("utf-8") == text == claims_table([run.parent])


def test_a_corpus_that_has_changed_is_noticed(run: Path, tmp_path: Path) -> None:
    next((tmp_path / "fer").rglob("train/*/*.png")).unlink()
    with pytest.raises(DatasetError, match="6 of the 7 items"):
        figure_of(run, LEARNT)


def test_no_finished_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no finished run"):
        claims_table([tmp_path])


def test_every_claim_asks_for_runs_that_can_be_made() -> None:
    for claim in CLAIMS:
        for wanted in (*claim.same, *claim.honest):
            assert wanted.recipe in RECIPES
            assert wanted.protocol in PROTOCOLS
            assert wanted.command.startswith(f"emoscope train {wanted.recipe} --data")
        assert all(wanted.protocol != "random" for wanted in claim.honest)
        assert all(wanted.part == REPORTED for wanted in claim.honest)
