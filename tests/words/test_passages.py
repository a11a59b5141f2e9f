"""Stretches of speech become passages: bounded, in place, whatever the order of asking."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.media import SAMPLE_RATE
from emoscope.words.passages import LONGEST_PAUSE_S, LONGEST_S, Passage, Passages

# Lengths of stretches and of the pauses before them, in tenths of a second.
stretches = st.lists(st.tuples(st.integers(2, 60), st.integers(2, 200)), max_size=12)


def placed(lengths: list[tuple[int, int]]) -> list[tuple[float, int]]:
    at, found = 0, []
    for pause, length in lengths:
        at += pause
        found.append((at / 10, length * SAMPLE_RATE // 10))
        at += length
    return found


def gather(spans: list[tuple[float, int]], *, ask: bool) -> list[Passage]:
    passages, found = Passages(), []
    for number, (start_s, samples) in enumerate(spans, 1):
        if ask:
            # The gate that gave this stretch had heard at least so much, and nobody spoke.
            found += passages.quiet(start_s)
        found += passages.push(start_s, np.full(samples, number, np.float32))
    return found + passages.flush()


@settings(deadline=None)
@given(stretches)
def test_every_sample_of_speech_is_there_once_at_its_time(lengths: list[tuple[int, int]]) -> None:
    spans = placed(lengths)
    found = gather(spans, ask=False)
    for number, (start_s, samples) in enumerate(spans, 1):
        (holder,) = [passage for passage in found if (passage.waveform == number).any()]
        at = np.flatnonzero(holder.waveform == number)
        assert len(at) == samples
        assert holder.start_s + at[0] / SAMPLE_RATE == pytest.approx(start_s, abs=1e-3)
        assert at[-1] - at[0] == samples - 1


@settings(deadline=None)
@given(stretches)
def test_passages_are_short_enough_and_hold_no_long_pause(lengths: list[tuple[int, int]]) -> None:
    for passage in gather(placed(lengths), ask=False):
        assert len(passage.waveform) <= LONGEST_S * SAMPLE_RATE + 1
        edges = np.flatnonzero(np.diff(np.r_[1, passage.waveform, 1] != 0))
        pauses = np.diff(edges)[::2] if len(edges) else np.zeros(0)
        assert (pauses <= LONGEST_PAUSE_S * SAMPLE_RATE + 1).all()


@settings(deadline=None)
@given(stretches)
def test_asking_early_changes_nothing(lengths: list[tuple[int, int]]) -> None:
    spans = placed(lengths)
    early, late = gather(spans, ask=True), gather(spans, ask=False)
    assert [p.start_s for p in early] == [p.start_s for p in late]
    assert all((a.waveform == b.waveform).all() for a, b in zip(early, late, strict=True))


def test_words_come_some_seconds_after_the_speech_ended() -> None:
    passages = Passages()
    passages.push(1.0, np.ones(SAMPLE_RATE, np.float32))
    assert passages.quiet(3.0) == []
    assert len(passages.quiet(9.0)) == 1
    assert passages.quiet(90.0) == passages.flush() == []
