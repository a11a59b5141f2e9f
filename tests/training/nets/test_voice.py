"""The voice network's front end against the transform as it is defined."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from emoscope.training.nets.voice import BEFORE, STEP, LogSpectrum  # noqa: E402
from emoscope.voice import features  # noqa: E402


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4_000, 16_001])
def test_folded_powers_are_those_of_the_whole_transform(samples: int) -> None:
    waves = np.random.default_rng(samples).standard_normal((2, samples)).astype(np.float32)
    spectrum = LogSpectrum()
    kept = spectrum.powers(torch.from_numpy(waves)).numpy()
    spectrum.basis = torch.from_numpy(features.folded_matrices()[:, None])
    found = spectrum.powers(torch.from_numpy(waves)).numpy()

    padded = np.pad(waves, ((0, 0), (BEFORE, 2 * features.WINDOW)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, features.WINDOW, axis=1)
    whole = frames[:, :: STEP * features.HOP] @ features.fourier_matrix().T
    bins = features.FFT // 2 + 1
    power = whole[..., :bins] ** 2 + whole[..., bins:] ** 2
    heard = power[..., : features.HEARD_BINS]
    wanted = np.concatenate([heard[..., ::2], heard[..., 1::2]], axis=-1)
    wanted = wanted[:, : found.shape[1]]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)
    loudest = wanted.max(axis=-1, keepdims=True)
    assert (np.abs(kept - wanted) <= 1e-3 * (wanted + loudest) + 1e-3).all(), "half precision"
    last = (found.shape[1] - 1) * STEP * features.HOP - BEFORE
    assert last + STEP * features.HOP >= samples, "every window that meets the sound is there"


def test_no_band_hears_a_bin_that_is_left_out() -> None:
    assert not features.band_matrix()[features.HEARD_BINS :].any()
