"""Learning, controls, the measurement and the file, on made clouds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from emoscope.errors import DatasetError, ModelIntegrityError
from emoscope.fusion.translate import Translator
from emoscope.labels import SHARED, VOICE_LABELS
from emoscope.models.spaces import MODALITIES, Modality
from emoscope.training.translation import __main__ as program
from emoscope.training.translation.embeddings import Side
from emoscope.training.translation.heads import Head, recover
from emoscope.training.translation.learn import (
    derangement,
    learn,
    with_wrong_classes,
    without_labels,
)
from emoscope.training.translation.measure import (
    Answers,
    Bench,
    Gap,
    answer_gaps,
    retrieval_gaps,
)
from emoscope.training.translation.network import TranslationNet

STEPS = 120
CHANCE = 1 / len(SHARED)
MakeSides = Callable[..., dict[Modality, Side]]


def heads_of(sides: Mapping[Modality, Side]) -> dict[Modality, Head]:
    return {
        m: recover(
            s.parts["learn"].values,
            s.parts["learn"].probs,
            s.parts["test"].values,
            s.parts["test"].probs,
        )
        for m, s in sides.items()
    }


@pytest.fixture(scope="module")
def sides(make_sides: MakeSides) -> dict[Modality, Side]:
    return make_sides()


@pytest.fixture(scope="module")
def heads(sides: dict[Modality, Side]) -> dict[Modality, Head]:
    return heads_of(sides)


def train(
    sides: Mapping[Modality, Side], heads: Mapping[Modality, Head], **given: object
) -> TranslationNet:
    parts = {m: sides[m].parts["learn"] for m in MODALITIES}
    labels = {m: sides[m].labels for m in MODALITIES}
    return learn(given.get("parts", parts), heads, labels, steps=STEPS)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def network(sides: dict[Modality, Side], heads: dict[Modality, Head]) -> TranslationNet:
    return train(sides, heads)


@pytest.mark.parametrize("source", MODALITIES)
def test_clouds_that_can_be_told_apart_are_translated(
    source: Modality,
    sides: dict[Modality, Side],
    heads: dict[Modality, Head],
    network: TranslationNet,
) -> None:
    bench = Bench(source, sides, heads, "test")
    ours, chance = (
        bench.row(name, found)
        for name, found in (("o", bench.translated(network)), ("c", bench.chance(network)))
    )
    means = bench.row("m", bench.class_means(network, bench.items.labels))
    assert ours.retrieval is not None
    assert chance.retrieval is not None
    assert ours.answers.uar > 0.9
    assert ours.retrieval.average_precision.mean() > 0.9
    assert ours.retrieval.precision.mean() > 0.9
    assert chance.answers.uar == pytest.approx(CHANCE, abs=0.08)
    assert chance.retrieval.precision.mean() == pytest.approx(CHANCE, abs=0.08)
    # A class mean is right, but as a cloud it has no width.
    assert means.answers.uar == 1.0
    assert ours.distances is not None
    assert means.distances is not None
    assert ours.distances[0] < means.distances[0]
    assert ours.distances[2] < means.distances[2]


@pytest.mark.parametrize("source", MODALITIES)
def test_labels_in_random_order_give_chance(
    source: Modality, sides: dict[Modality, Side], heads: dict[Modality, Head]
) -> None:
    parts = {m: sides[m].parts["learn"] for m in MODALITIES}
    blind = without_labels(parts, seed=0)
    for m in MODALITIES:
        assert sorted(blind[m].labels) == sorted(parts[m].labels)
        assert (blind[m].labels == parts[m].labels).mean() < 0.4
    bench = Bench(source, sides, heads, "test")
    row = bench.row("s", bench.translated(train(sides, heads, parts=blind)))
    # Whole clouds are answered alike, so that few values are possible: 0/7, 1/7, ...
    assert row.retrieval is not None
    assert row.answers.uar < 0.4
    assert row.retrieval.precision.mean() < 0.4


@pytest.mark.parametrize("source", MODALITIES)
def test_confused_classes_are_learnt_and_count_as_wrong(
    source: Modality, sides: dict[Modality, Side], heads: dict[Modality, Head]
) -> None:
    parts = {m: sides[m].parts["learn"] for m in MODALITIES}
    wrong, moved = with_wrong_classes(parts, heads["face"], sides["face"].labels, seed=0)
    made = train(sides, {**heads, "face": moved}, parts=wrong)
    bench = Bench(source, sides, heads, "test")
    found = bench.translated(made)
    assert bench.row("w", found).answers.uar < CHANCE / 2
    order = derangement(len(SHARED), 0)
    meant = order if source == "face" else np.argsort(order)
    assert (found.probs.argmax(1) == meant[bench.items.labels]).mean() > 0.9


def test_copied_scores_are_right_where_the_source_is(
    sides: dict[Modality, Side], heads: dict[Modality, Head]
) -> None:
    row = Bench("voice", sides, heads, "test").copied("copy")
    items = sides["voice"].parts["test"]
    own = VOICE_LABELS.to_shared(items.probs).argmax(1)
    assert row.answers.accuracy == (own == items.labels).mean()
    assert {"map", "frechet"}.isdisjoint(row.to_dict())


def test_a_derangement_moves_everything() -> None:
    for seed in range(20):
        order = derangement(7, seed)
        assert sorted(order) == list(range(7))
        assert (order != np.arange(7)).all()


def test_confusing_needs_the_shared_labels(
    sides: dict[Modality, Side], heads: dict[Modality, Head]
) -> None:
    parts = {m: sides[m].parts["learn"] for m in MODALITIES}
    with pytest.raises(ValueError, match="shared labels"):
        with_wrong_classes(parts, heads["voice"], VOICE_LABELS, 0)


def test_the_same_seed_gives_the_same_network(
    sides: dict[Modality, Side], heads: dict[Modality, Head], network: TranslationNet
) -> None:
    again = train(sides, heads)
    values = sides["face"].parts["test"].values
    np.testing.assert_array_equal(again.read("face", values)[0], network.read("face", values)[0])


def test_a_label_without_items_is_refused(
    sides: dict[Modality, Side], heads: dict[Modality, Head]
) -> None:
    parts = {m: sides[m].parts["learn"] for m in MODALITIES}
    few = replace(
        parts["voice"], labels=np.where(parts["voice"].labels == 3, 0, parts["voice"].labels)
    )
    with pytest.raises(DatasetError, match="nothing to learn happy from"):
        train(sides, heads, parts={**parts, "voice": few})


def test_gaps_of_a_system_with_itself_are_ties_and_of_better_ones_are_not(
    sides: dict[Modality, Side], heads: dict[Modality, Head], network: TranslationNet
) -> None:
    bench = Bench("face", sides, heads, "test")

    def gaps(first: Answers, second: Answers) -> list[Gap]:
        rows = [bench.row("x", found).retrieval for found in (first, second)]
        assert rows[0] is not None
        assert rows[1] is not None
        answers = answer_gaps(bench.items.labels, first.probs, second.probs)
        return [*answers, *retrieval_gaps(rows[0], rows[1])]

    ours, chance = bench.translated(network), bench.chance(network)
    for gap in gaps(ours, ours):
        assert (gap.value, gap.interval, gap.tie) == (0, (0, 0), True)
    for gap in gaps(ours, chance):
        low, high = gap.interval
        assert low <= gap.value <= high
        assert low > 0.5
        assert not gap.tie


def test_one_run_leaves_a_model_and_a_report(
    make_sides: MakeSides, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "learn", lambda *a, **k: learn(*a, **k, steps=3))
    sides = make_sides(per_label=12)
    text = program.run(sides, tmp_path)
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == text
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for direction in ("face to voice", "voice to face"):
        names = [row["name"] for row in document["directions"][direction]["rows"]]
        assert names[0] == "translation"
        assert {
            program.COPY,
            *program.MEANS,
            "shuffled labels",
            "classes confused",
            "chance",
        } < set(names)
        assert f"## {direction}" in text
    translator = Translator(tmp_path, face="tiny-face@1", voice="tiny-voice@1")
    made, probs = translator.translate(sides["face"].parts["test"].values, "voice")
    assert made.shape == (84, 10)
    assert (made >= 0).all()
    np.testing.assert_allclose(probs.sum(1), 1, rtol=1e-5)
    head = heads_of(sides)["voice"]
    np.testing.assert_allclose(probs, head.probs(made), atol=1e-4)
    with pytest.raises(ModelIntegrityError, match="of tiny-face@1, not of tiny-face@2"):
        Translator(tmp_path, face="tiny-face@2", voice="tiny-voice@1")


def test_the_command_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [f"--{name}={tmp_path / name}" for name in ("fer2013", "ravdess", "tess", "emodb")]
    assert program.main([*folders, f"--out={tmp_path / 'out'}"]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert "fer2013" in error
