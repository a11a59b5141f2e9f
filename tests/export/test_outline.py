from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.export.outline import Outline, envelope
from emoscope.media import SAMPLE_RATE, Sound


def test_each_column_is_the_least_and_the_greatest_sample(
    tmp_path: Path, make_wav: Callable[..., Path]
) -> None:
    waveform = np.random.default_rng(0).uniform(-0.9, 0.9, 3 * SAMPLE_RATE)
    found = envelope(make_wav(tmp_path / "noise.wav", waveform), 100)
    parts = waveform.reshape(100, -1)
    assert found.shape == (100, 2)
    # Buckets straddle the columns' edges by a hair.
    np.testing.assert_allclose(found[:, 0], parts.min(axis=1), atol=0.05)
    np.testing.assert_allclose(found[:, 1], parts.max(axis=1), atol=0.05)


@given(st.integers(1, 2_000_000), st.integers(1, 700), st.integers(1000, 90_000))
@settings(max_examples=15, deadline=None)
def test_a_click_is_where_it_is_at_any_length(length: int, columns: int, chunk: int) -> None:
    waveform = np.zeros(length, dtype=np.float32)
    click = length * 2 // 3
    waveform[click] = 0.8
    outline = Outline()
    for at in range(0, length, chunk):
        outline.push(Sound(at / SAMPLE_RATE, waveform[at : at + chunk]))
    found = outline.columns(columns)
    loud = np.flatnonzero(found[:, 1] > 0.5)
    assert len(loud) >= 1
    want = click / length * columns
    reach = max(1.0, columns / max(1.0, length / 1024)) + 1
    assert np.abs(loud + 0.5 - want).min() <= reach
    assert (found[:, 0] == 0).all()


def test_memory_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    outline = Outline()
    second = np.full(SAMPLE_RATE, 0.25, dtype=np.float32)
    for at in range(0, 7200, 60):
        outline.push(Sound(float(at), second))
    held = sum(v.nbytes for v in vars(outline).values() if isinstance(v, np.ndarray))
    assert held < 100_000
    found = outline.columns(120)
    assert (found[:, 1] == 0.25).all()


def test_no_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        envelope(tmp_path / "none.wav", 0)
