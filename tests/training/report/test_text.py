from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from emoscope.labels import SHARED
from emoscope.training.evaluate.figures import Evaluation, Figure
from emoscope.training.metrics import Metrics, measure
from emoscope.training.report import classification_table
from emoscope.training.report.text import confusions, notes, to_markdown


def found(
    truth: list[int], answer: list[int], labels: tuple[str, ...] = SHARED, speakers: bool = False
) -> Metrics:
    probs = np.full((len(truth), len(labels)), 0.01)
    probs[np.arange(len(truth)), answer] = 1 - 0.01 * (len(labels) - 1)
    who = [str(row % 2) for row in range(len(truth))] if speakers else None
    return measure(probs, np.array(truth), labels, who)


def evaluation(metrics: Metrics, **changes: object) -> Evaluation:
    main = Figure("unseen", "speakers never met in training: ravdess 07", metrics)
    plain = Evaluation("voice", "m@1", "ravdess", "unseen", main)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_the_table_is_that_of_scikit_learn(seed: int) -> None:
    judge = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(7), rng.integers(0, 7, 900)])
    answer = np.where(rng.random(907) < 0.6, truth, rng.integers(0, 7, 907))
    got = classification_table(found(truth.tolist(), answer.tolist()))
    wanted = judge.classification_report(truth, answer, target_names=SHARED, digits=3)
    assert got.split() == wanted.split()
    assert got.splitlines()[0].index("precision") > got.splitlines()[2].index("angry")


def test_the_table_has_gaps_where_nothing_can_be_said() -> None:
    rows = classification_table(found([0, 0, 1, 1], [0, 0, 0, 2])).splitlines()
    told = {row.split()[0]: row.split()[1:] for row in rows if row.strip()}
    assert told["angry"] == ["0.667", "1.000", "0.800", "2"]
    assert told["disgust"] == ["–", "0.000", "0.000", "2"]
    assert told["fear"] == ["0.000", "–", "–", "0"]
    assert told["happy"] == ["–", "–", "–", "0"]
    assert told["macro"] == ["avg", "0.333", "0.500", "0.400", "4"]
    assert told["accuracy"] == ["0.500", "4"]


def test_columns_stand_below_each_other_with_long_labels() -> None:
    labels = ("my old neighbour/surprise", "happy")
    lines = classification_table(found([0, 1], [0, 1], labels)).splitlines()
    ends = {len(line) for line in lines if line}
    assert len(ends) == 1


def test_confusions_are_the_largest_first() -> None:
    metrics = found([0] * 10 + [1] * 4 + [2] * 2, [3] * 4 + [0] * 6 + [2] * 3 + [1] + [0, 1])
    assert confusions(metrics) == ["disgust → fear: 75% (3 of 4)", "angry → happy: 40% (4 of 10)"]
    assert confusions(found([0, 1], [0, 1])) == []


def test_the_report_says_what_was_found() -> None:
    main = found([0, 1, 2] * 20, [0, 1, 3] * 20, speakers=True)
    control = Figure("duration_only", "control: length alone", found([0, 1], [0, 0]))
    votes = Figure("ferplus_majority", "more than half agree", found([0, 1], [0, 1]))
    text = to_markdown(
        evaluation(
            main,
            further=(control, votes),
            notes=("In 3 clips no speech was heard.",),
            warnings=("Leaky: the same speakers.",),
        ),
        ["confusion.png", "mistakes.png"],
    )
    low, high = (f"{100 * bound:.1f}" for bound in main.macro_f1_interval)
    for wanted in (
        "# m@1 on ravdess, unseen\n",
        "Speakers never met in training: ravdess 07. n = 60.\n",
        "> **Warning.** Leaky: the same speakers.\n",
        "| | n | accuracy | UAR | macro-F1 | ECE (if calibrated) | NLL |\n",
        f"({low} to {high})",
        "| **Unseen** | 60 | **66.7%** (54.1 to 77.3)",
        "| Duration only | 2 | 50.0%",
        "| FER+ majority | 2 | 100.0%",
        "weighted avg",
        "- fear → happy: 100% (20 of 20)\n",
        "![Confusion matrix](confusion.png)\n",
        "![Surest mistakes](mistakes.png)\n",
        "- In 3 clips no speech was heard.\n",
        "- Duration only: Control: length alone.\n",
        "over speakers",
        "No item is happy or sad or surprise or neutral",
    ):
        assert wanted in text, wanted
    assert "curves.png" not in text


def test_names_cannot_change_the_page() -> None:
    metrics = found([0, 1], [0, 1])
    text = to_markdown(evaluation(metrics, model="a|b*c\n# d <i>`[x](y)"), [])
    assert text.startswith("# a\\|b\\*c # d \\<i>\\`\\[x\\](y) on ravdess")


def test_intervals_by_speaker_stand_only_where_there_are_speakers() -> None:
    truth, answer = [0, 1] * 10, [0, 1] * 9 + [1, 0]
    assert any("over speakers" in n for n in notes(evaluation(found(truth, answer, speakers=True))))
    assert not any("over speakers" in n for n in notes(evaluation(found(truth, answer))))
