from __future__ import annotations

import pytest

from emoscope.apps.live.rates import Rates


def test_it_counts_what_was_shown_lately() -> None:
    rates = Rates()
    for step in range(100):
        rates.push(step / 25, 0.030 if step % 2 else 0.050)
    rate, delay_s = rates.at(99 / 25)
    assert rate == pytest.approx(25)
    assert delay_s == pytest.approx(0.04, abs=0.011)


def test_nothing_shown_is_no_rate() -> None:
    rates = Rates()
    assert rates.at(0.0) == (None, None)
    rates.push(0.0, 0.01)
    rates.push(0.1, 0.01)
    assert rates.at(5.0) == (None, None)
