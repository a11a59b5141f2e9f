"""Pooling: one modality alone is given as it is; order, bounds, zeros and contradictions."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emoscope.fusion.model import FusionModel
from emoscope.fusion.pool import Evidence, pool, pool_rows
from emoscope.fusion.quality import MODALITIES, Curve
from emoscope.labels import SHARED

EVEN = (1 / 7,) * 7
MODEL = FusionModel(
    name="test",
    version="1",
    reliabilities={"face": 1.0, "voice": 0.5, "words": 0.8},
    temperatures={
        "face+voice": 0.6, "face+words": 0.5, "voice+words": 0.5, "face+voice+words": 0.4,
    },
    priors={
        "face": (0.1, 0.05, 0.1, 0.3, 0.15, 0.1, 0.2),
        "voice": EVEN,
        "words": (0.1, 0.05, 0.05, 0.4, 0.1, 0.1, 0.2),
    },
    curves={
        "face": {"size_px": Curve(((0.0, 0.0), (48.0, 1.0)))},
        "voice": {"voiced_s": Curve(((0.0, 0.0), (2.0, 1.0)))},
    },
)  # fmt: skip


def row(label: str, share: float = 0.7) -> tuple[float, ...]:
    rest = (1 - share) / 6
    return tuple(share if name == label else rest for name in SHARED)


def said(probabilities: tuple[float, ...], **measures: float) -> Evidence:
    return Evidence(probabilities, measures)


@st.composite
def distributions(draw: st.DrawFn) -> tuple[float, ...]:
    values = draw(arrays(np.float64, 7, elements=st.floats(0, 1)))
    assume(values.sum() > 0.01)
    return tuple((values / values.sum()).tolist())


measured = st.floats(allow_nan=True, allow_infinity=True)


@given(distributions(), st.sampled_from(MODALITIES), measured)
def test_one_alone_is_given_bit_for_bit(
    probabilities: tuple[float, ...], name: str, measure: float
) -> None:
    found = pool(MODEL, {name: said(probabilities, size_px=measure, voiced_s=measure)})
    assert found is not None
    assert found.probabilities == probabilities
    assert found.weights == {other: float(other == name) for other in MODALITIES}
    assert found.congruence is None
    assert found.pairs == {}


@given(distributions(), distributions(), distributions(), st.floats(0, 60), st.floats(0, 3))
def test_the_answer_is_a_distribution_whatever_comes_first(
    face: tuple[float, ...],
    voice: tuple[float, ...],
    words: tuple[float, ...],
    size: float,
    seconds: float,
) -> None:
    evidence = {
        "face": said(face, size_px=size), "voice": said(voice, voiced_s=seconds),
        "words": said(words),
    }  # fmt: skip
    found = [
        pool(MODEL, {name: evidence[name] for name in order}) for order in permutations(evidence)
    ]
    assert all(one == found[0] for one in found)
    first = found[0]
    assert first is not None
    assert sum(first.probabilities) == pytest.approx(1.0)
    assert all(0 <= p <= 1 for p in first.probabilities)
    assert list(first.weights) == list(MODALITIES)
    assert sum(first.weights.values()) == pytest.approx(1.0)


def test_it_is_the_stated_formula() -> None:
    """By hand: a = (2/3, 1/3), so 1 / (4/9 + 1/9) = 1.8 equal shares of 2, sharpened by 0.8."""
    face, voice = row("happy", 0.6), row("angry", 0.5)
    found = pool(MODEL, {"face": said(face), "voice": said(voice)})
    assert found is not None
    sharper = 0.8 * (1 / 0.6 - 1)
    expected = []
    for f, v, prior in zip(face, voice, MODEL.priors["face"], strict=True):
        mixed = 2 / 3 * math.log(f) + 1 / 3 * math.log(v)
        base = 2 / 3 * math.log(prior) + 1 / 3 * math.log(1 / 7)
        expected.append(math.exp((1 + sharper) * mixed - sharper * base))
    assert found.probabilities == pytest.approx([x / sum(expected) for x in expected])
    assert found.weights == pytest.approx({"face": 2 / 3, "voice": 1 / 3, "words": 0.0})


def test_two_that_agree_are_surer_than_either() -> None:
    found = pool(MODEL, {"voice": said(row("sad")), "words": said(row("sad"))})
    assert found is not None
    assert found.probabilities[SHARED.index("sad")] > 0.7
    assert found.congruence == pytest.approx(1.0)


def test_contradiction_is_a_result() -> None:
    smile, anger = row("happy", 0.97), row("angry", 0.97)
    found = pool(MODEL, {"face": said(smile), "voice": said(anger)})
    assert found is not None
    assert found.congruence is not None
    assert found.congruence < 0.2
    assert found.pairs.keys() == {"face+voice"}
    assert max(found.probabilities) < 0.97


def test_an_even_voice_leaves_the_order_of_the_face() -> None:
    face = (0.05, 0.02, 0.1, 0.5, 0.2, 0.03, 0.1)
    even_prior = FusionModel("t", "1", MODEL.reliabilities, MODEL.temperatures, {}, MODEL.curves)
    found = pool(even_prior, {"face": said(face), "voice": said(EVEN)})
    assert found is not None
    assert np.argsort(found.probabilities).tolist() == np.argsort(face).tolist()


def test_a_voice_that_fades_goes_without_a_step() -> None:
    face, voice = row("happy", 0.6), row("angry", 0.9)
    alone = pool(MODEL, {"face": said(face)})
    assert alone is not None
    distances = []
    for seconds in (2.0, 0.5, 0.05, 1e-4, 1e-9):
        found = pool(MODEL, {"face": said(face), "voice": said(voice, voiced_s=seconds)})
        assert found is not None
        distances.append(np.abs(np.subtract(found.probabilities, alone.probabilities)).max())
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-6


def test_a_reading_without_quality_takes_no_part_and_is_told() -> None:
    face, voice = row("happy"), row("angry")
    found = pool(MODEL, {"face": said(face, size_px=0.0), "voice": said(voice)})
    assert found is not None
    assert found.probabilities == voice
    assert found.qualities == {"face": 0.0, "voice": 1.0}
    assert found.weights["face"] == 0.0


def test_where_none_has_quality_all_count_as_if_they_had() -> None:
    bad = pool(
        MODEL, {"face": said(row("sad"), size_px=0.0), "voice": said(row("sad"), voiced_s=0.0)}
    )
    good = pool(MODEL, {"face": said(row("sad")), "voice": said(row("sad"))})
    assert bad is not None
    assert good is not None
    assert bad.probabilities == good.probabilities
    assert bad.weights == good.weights


@pytest.mark.parametrize(
    "wrong", [(math.nan,) * 7, (0.0,) * 7, (0.5, 0.5), (-1.0, 2.0, 0, 0, 0, 0, 0)]
)
def test_what_is_no_distribution_takes_no_part(wrong: tuple[float, ...]) -> None:
    found = pool(MODEL, {"face": said(wrong), "voice": said(row("sad"))})
    assert found is not None
    assert found.probabilities == row("sad")
    assert pool(MODEL, {"face": said(wrong)}) is None


def test_nothing_gives_nothing_and_unknown_names_are_refused() -> None:
    assert pool(MODEL, {}) is None
    with pytest.raises(ValueError, match="gait"):
        pool(MODEL, {"gait": said(EVEN)})


def test_no_one_rules_an_emotion_out_alone() -> None:
    sure = tuple(float(name == "happy") for name in SHARED)
    other = tuple(float(name == "angry") for name in SHARED)
    found = pool(MODEL, {"voice": said(sure), "words": said(other)})
    assert found is not None
    assert found.probabilities[SHARED.index("happy")] > 1e-3
    assert found.probabilities[SHARED.index("angry")] > 1e-3


def test_a_modality_that_was_never_measured_has_no_say_beside_others() -> None:
    without = FusionModel("t", "1", {"face": 1.0, "voice": 0.5}, {"face+voice": 0.6}, {}, {})
    found = pool(without, {"face": said(row("sad")), "words": said(row("happy"))})
    assert found is not None
    assert found.probabilities == row("sad")
    alone = pool(without, {"words": said(row("happy"))})
    assert alone is not None
    assert alone.probabilities == row("happy")


def test_many_rows_are_pooled_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(7), (5, 3))
    weights = rng.uniform(0.1, 1, (5, 3))
    priors = rng.dirichlet(np.full(7, 5.0), 3)
    whole = pool_rows(probs, weights, 0.5, priors)
    for index in range(5):
        alone = pool_rows(probs[index : index + 1], weights[index : index + 1], 0.5, priors)
        np.testing.assert_allclose(alone[0], whole[index])
    np.testing.assert_allclose(whole.sum(1), 1.0)
    assert (whole > 0).all()
