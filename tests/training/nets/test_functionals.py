"""Functionals against what is known of made sounds."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.training.nets.functionals import moments  # noqa: E402
from emoscope.training.nets.voice import VoiceFront  # noqa: E402


def voice(hz: float, seconds: float = 1.0) -> np.ndarray:
    """A steady voice: harmonics that fall off."""
    time = np.arange(int(16_000 * seconds)) / 16_000
    wave = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 20))
    return np.asarray(wave * 0.1, np.float32)


def front(wave: np.ndarray, length: int | None = None) -> tuple[torch.Tensor, ...]:
    """What is learnt from: functionals, frames, which of them are heard."""
    lengths = torch.tensor([len(wave) if length is None else length])
    with torch.inference_mode():
        found: tuple[torch.Tensor, ...] = VoiceFront()(torch.from_numpy(wave)[None], lengths)
    return found


@pytest.mark.parametrize("hz", [100.0, 150.0, 220.0])
def test_pitch_is_found(hz: float) -> None:
    whole = VoiceFront()
    mel, mask = whole.spectrum(torch.from_numpy(voice(hz))[None], torch.tensor([16_000]))
    found = whole.describe(mel, mask)
    middle = found["pitch"][0, 0, 10:40]
    assert float(middle.median()) == pytest.approx(np.log2(hz / 100), abs=0.06)
    assert found["voiced"][0, 10:40].mean() > 0.8


def test_gain_is_no_cue() -> None:
    wave = voice(180.0)
    plain = front(wave)[0]
    torch.testing.assert_close(front(wave * np.float32(0.25))[0], plain, atol=1e-3, rtol=1e-3)


def test_padding_is_no_cue() -> None:
    wave = voice(180.0)
    plain = front(wave)[0]
    padded = front(np.pad(wave, (0, 40_000)), len(wave))[0]
    torch.testing.assert_close(padded, plain, atol=1e-4, rtol=0)


@pytest.mark.parametrize("around", [(16_000, 0), (0, 16_000), (320, 3_200)])
def test_silence_about_the_sound_is_no_cue(around: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    wave = (voice(140.0) * rng.uniform(0.1, 1.0, 16_000)).astype(np.float32)
    torch.testing.assert_close(front(np.pad(wave, around))[0], front(wave)[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("samples", [1, 159, 161, 700])
def test_whatever_is_heard_gives_numbers(samples: int) -> None:
    for wave in (np.zeros(samples, np.float32), voice(200.0)[:samples]):
        assert all(torch.isfinite(part).all() for part in front(wave))


def test_moments_are_those_of_numpy() -> None:
    x = np.random.default_rng(0).gamma(2.0, size=(1, 3, 50)).astype(np.float32)
    mean, deviation, _ = moments(torch.from_numpy(x), torch.ones(1, 50))
    np.testing.assert_allclose(mean.numpy(), x.mean(2), rtol=1e-4)
    np.testing.assert_allclose(deviation.numpy(), x.std(2), rtol=1e-2)
