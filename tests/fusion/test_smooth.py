"""Smoothing: functions of time stamps, checked against naive versions."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.fusion.smooth import (
    ExponentialMean,
    Hold,
    LabelHysteresis,
    RollingMean,
    Smoother,
    certain,
)

Series = list[tuple[float, tuple[float, ...]]]
MAKERS: list[Callable[[], Smoother]] = [lambda: RollingMean(0.7), lambda: ExponentialMean(0.7)]
both = pytest.mark.parametrize("make", MAKERS, ids=["window", "exponential"])


@st.composite
def series(draw: st.DrawFn) -> Series:
    # Whole sixteenths, so that times add up without rounding.
    gaps = draw(st.lists(st.integers(0, 24), min_size=1, max_size=20))
    time, found = 0, []
    for gap in gaps:
        time += gap
        first = draw(st.floats(0, 1))
        found.append((time / 16, (first, 1 - first)))
    return found


def run(smoother: Smoother, rows: Series) -> list[tuple[float, ...]]:
    return [smoother.push(time_s, row) for time_s, row in rows]


@given(series())
def test_the_window_agrees_with_a_naive_one(rows: Series) -> None:
    for index, found in enumerate(run(RollingMean(0.7), rows)):
        now = rows[index][0]
        kept = [row for time_s, row in rows[: index + 1] if now - time_s < 0.7]
        assert found == pytest.approx([sum(c) / len(kept) for c in zip(*kept, strict=True)])


@given(series())
def test_the_exponential_mean_agrees_with_its_sum(rows: Series) -> None:
    """Each row holds since the one before it; what is older than it fades by exp(-t / constant)."""
    for index, found in enumerate(run(ExponentialMean(0.7), rows)):
        now, total = rows[index][0], [0.0, 0.0]
        for place, (time_s, row) in enumerate(rows[: index + 1]):
            since = math.exp(-(now - rows[place - 1][0]) / 0.7) if place else 0.0
            share = math.exp(-(now - time_s) / 0.7) - since
            total = [t + share * x for t, x in zip(total, row, strict=True)]
        assert found == pytest.approx(total, abs=1e-9)


@both
@given(rows=series())
def test_a_constant_stays_itself(make: Callable[[], Smoother], rows: Series) -> None:
    constant = [(time_s, (0.3, 0.7)) for time_s, _ in rows]
    for found in run(make(), constant):
        assert found == pytest.approx((0.3, 0.7))


@both
@given(rows=series())
def test_answers_stay_distributions_within_what_was_seen(
    make: Callable[[], Smoother], rows: Series
) -> None:
    seen = [row[0] for _, row in rows]
    for found in run(make(), rows):
        assert sum(found) == pytest.approx(1.0)
        assert min(seen) - 1e-9 <= found[0] <= max(seen) + 1e-9


@both
@given(rows=series(), shift=st.integers(0, 1000))
def test_when_it_began_does_not_matter(
    make: Callable[[], Smoother], rows: Series, shift: int
) -> None:
    later = [(time_s + shift, row) for time_s, row in rows]
    for here, there in zip(run(make(), rows), run(make(), later), strict=True):
        assert here == pytest.approx(there)


@both
@given(rows=series())
def test_labels_may_change_places(make: Callable[[], Smoother], rows: Series) -> None:
    turned = [(time_s, row[::-1]) for time_s, row in rows]
    for here, there in zip(run(make(), rows), run(make(), turned), strict=True):
        assert here == pytest.approx(there[::-1])


@given(series(), st.integers(0, 19), st.floats(0.01, 0.99))
def test_a_row_pushed_on_the_way_changes_nothing(rows: Series, place: int, share: float) -> None:
    """The exponential mean does not depend on the rate of frames."""
    place = place % len(rows)
    time_s, row = rows[place]
    before_s = rows[place - 1][0] if place else time_s
    split = [*rows[:place], (before_s + share * (time_s - before_s), row), *rows[place:]]
    assert run(ExponentialMean(0.7), split)[-1] == pytest.approx(
        run(ExponentialMean(0.7), rows)[-1]
    )


@both
def test_misuse_is_answered(make: Callable[[], Smoother]) -> None:
    smoother = make()
    smoother.push(1.0, (0.5, 0.5))
    with pytest.raises(ValueError, match="backwards"):
        smoother.push(0.9, (0.5, 0.5))
    with pytest.raises(ValueError, match="expected 2 values"):
        smoother.push(1.1, (1.0,))
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="> 0"):
            type(smoother)(wrong)  # type: ignore[call-arg]


def test_a_label_changes_at_once_by_a_margin_and_after_a_while_without() -> None:
    label = LabelHysteresis(margin=0.2, dwell_s=0.5)
    assert label.push(0.0, (0.6, 0.4)) == 0
    assert label.push(0.1, (0.45, 0.55)) == 0
    assert label.push(0.5, (0.45, 0.55)) == 0
    assert label.push(0.6, (0.45, 0.55)) == 1
    assert label.push(0.7, (0.9, 0.1)) == 0


def test_a_lead_that_breaks_off_begins_anew() -> None:
    label = LabelHysteresis(margin=0.5, dwell_s=0.5)
    label.push(0.0, (0.6, 0.4))
    assert label.push(0.3, (0.4, 0.6)) == 0
    assert label.push(0.6, (0.6, 0.4)) == 0
    assert label.push(0.9, (0.4, 0.6)) == 0
    assert label.push(1.2, (0.4, 0.6)) == 0
    assert label.push(1.5, (0.4, 0.6)) == 1


@given(series())
def test_without_margin_and_dwell_the_best_label_holds(rows: Series) -> None:
    label = LabelHysteresis(margin=0.0, dwell_s=0.0)
    for time_s, row in rows:
        assert row[label.push(time_s, row)] == max(row)


@given(series())
def test_hysteresis_never_changes_more_often_than_the_best_label(rows: Series) -> None:
    label = LabelHysteresis(margin=0.3, dwell_s=0.5)
    held = [label.push(time_s, row) for time_s, row in rows]
    best = [max(range(2), key=row.__getitem__) for _, row in rows]

    def changes(labels: list[int]) -> int:
        return sum(a != b for a, b in pairwise(labels))

    assert changes(held) <= changes(best)


def test_a_short_miss_is_held_and_a_long_one_is_not() -> None:
    hold: Hold[str] = Hold(0.5)
    assert hold.push(0.0, None) is None
    assert hold.push(0.1, "face") == "face"
    assert hold.push(0.6, None) == "face"
    assert hold.push(0.7, None) is None
    assert hold.push(0.8, None) is None
    with pytest.raises(ValueError, match="backwards"):
        hold.push(0.2, "face")


def test_it_abstains_below_the_confidence() -> None:
    assert certain(1, (0.4, 0.6), 0.6) == 1
    assert certain(1, (0.4, 0.6), 0.61) is None
