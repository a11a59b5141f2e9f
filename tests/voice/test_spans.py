from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.media import SAMPLE_RATE
from emoscope.voice.spans import Span, SpanBuilder, SpanRule

STEP = 512
RULE = SpanRule()


def naive_spans(probabilities: list[float], end: int, rule: SpanRule) -> list[Span]:
    """The rule, read out sample by sample over the whole recording."""
    on = np.zeros(len(probabilities) * STEP, dtype=bool)
    inside = False
    for index, probability in enumerate(probabilities):
        if probability >= rule.on:
            inside = True
        if probability < rule.off:
            inside = False
        on[index * STEP : (index + 1) * STEP] = inside
    turns = np.flatnonzero(np.diff(np.concatenate([[False], on[:end], [False]]).astype(int)))
    runs = turns.reshape(-1, 2).tolist()
    groups: list[list[list[int]]] = []
    # A pause ends a span at the end of a step, so its length is told in whole steps.
    shortest_pause = -(-rule.merge_gap_s * SAMPLE_RATE // STEP) * STEP
    for run in runs:
        if groups and run[0] - groups[-1][-1][1] < shortest_pause:
            groups[-1].append(run)
        else:
            groups.append([run])
    spans = []
    for members in groups:
        if sum(b - a for a, b in members) >= round(rule.min_speech_s * SAMPLE_RATE):
            pad = round(rule.pad_s * SAMPLE_RATE)
            first, last = max(0, members[0][0] - pad), min(end, members[-1][1] + pad)
            spans.append(Span(first / SAMPLE_RATE, last / SAMPLE_RATE))
    return spans


def built_spans(probabilities: list[float], end: int, rule: SpanRule) -> list[Span]:
    builder = SpanBuilder(rule, STEP)
    return builder.push(np.array(probabilities, dtype=np.float64)) + builder.flush(end)


blocks = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.36, 0.45, 0.5, 0.9]), st.integers(1, 30)), max_size=14
)


@given(blocks, st.integers(0, STEP - 1))
def test_agrees_with_the_naive_reading(parts: list[tuple[float, int]], missing: int) -> None:
    probabilities = [value for value, count in parts for _ in range(count)]
    end = max(0, len(probabilities) * STEP - missing)
    assert built_spans(probabilities, end, RULE) == naive_spans(probabilities, end, RULE)


@given(blocks)
def test_spans_are_ordered_apart_and_within_the_medium(parts: list[tuple[float, int]]) -> None:
    probabilities = [value for value, count in parts for _ in range(count)]
    end = len(probabilities) * STEP
    spans = built_spans(probabilities, end, RULE)
    edges = [edge for span in spans for edge in (span.start_s, span.end_s)]
    assert edges == sorted(edges)
    assert all(a.end_s < b.start_s for a, b in itertools.pairwise(spans))
    assert all(0 <= edge <= end / SAMPLE_RATE for edge in edges)


def test_hysteresis_holds_between_the_thresholds() -> None:
    spans = built_spans([0.0] * 20 + [0.6] + [0.4] * 19 + [0.0] * 40, 80 * STEP, RULE)
    assert spans == [
        Span(20 * STEP / SAMPLE_RATE - 0.12, 40 * STEP / SAMPLE_RATE + 0.12),
    ]


def test_a_span_is_given_as_soon_as_the_pause_is_long_enough() -> None:
    builder = SpanBuilder(RULE, STEP)
    assert builder.push(np.ones(20)) == []
    assert builder.speaking
    assert builder.push(np.zeros(12)) == []
    assert builder.speaking
    assert len(builder.push(np.zeros(1))) == 1
    assert not builder.speaking


def test_blips_are_dropped_and_are_not_speaking() -> None:
    builder = SpanBuilder(RULE, STEP)
    builder.push(np.ones(7))
    assert not builder.speaking
    assert builder.push(np.zeros(40)) == []


@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_speech_without_end_is_cut_into_spans_that_touch(steps: int) -> None:
    rule = SpanRule(longest_s=2.0)
    builder = SpanBuilder(rule, STEP)
    total = 10 * SAMPLE_RATE // STEP
    spans: list[Span] = []
    for start in range(0, total, steps):
        spans += builder.push(np.ones(min(steps, total - start)))
    spans += builder.flush(total * STEP)
    assert spans[0].start_s == 0.0
    assert spans[-1].end_s == total * STEP / SAMPLE_RATE
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(spans))
    assert all(span.end_s - span.start_s <= 2.0 + STEP / SAMPLE_RATE for span in spans)


def test_a_cut_in_a_pause_leaves_the_pause_out() -> None:
    rule = SpanRule(longest_s=2.0)
    second = SAMPLE_RATE // STEP
    speech = [1.0] * (2 * second - 2) + [0.0] * (2 * second) + [1.0] * second
    spans = built_spans(speech, len(speech) * STEP, rule)
    assert len(spans) == 2
    assert spans[1].start_s - spans[0].end_s > 1.5


@pytest.mark.parametrize(
    "values",
    [
        {"longest_s": 1.0},
        {"on": 0.3, "off": 0.4},
        {"off": 0.0},
        {"pad_s": 0.3},
        {"min_speech_s": -1.0},
        {"on": 1.1},
    ],
)
def test_senseless_rules_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        SpanRule(**values)


@pytest.mark.parametrize("edges", [(1.0, 1.0), (-1.0, 2.0), (0.0, float("nan"))])
def test_senseless_spans_are_refused(edges: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Span(*edges)
