"""Statistics of speech: known tones have known pitch, MFCC agree with SciPy's transform."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

librosa = pytest.importorskip("librosa", reason="librosa is not installed")

from emoscope.errors import MissingExtraError, ModelIntegrityError  # noqa: E402
from emoscope.voice.statistics import (  # noqa: E402
    FEATURES,
    NAME,
    speech_statistics,
    statistics_of,
)

RATE = 16_000


def named(waveform: np.ndarray) -> dict[str, float]:
    found = speech_statistics(waveform.astype(np.float32))
    return dict(zip(FEATURES, found.tolist(), strict=True))


def voice(hz: np.ndarray, level: float = 0.3) -> np.ndarray:
    """A sawtooth of changing pitch."""
    return level * ((np.cumsum(hz) / RATE) % 1 - 0.5)


def test_a_steady_tone_is_where_it_is() -> None:
    found = named(voice(np.full(RATE, 200.0)))
    assert found["pitch mean"] == pytest.approx(1.0, abs=0.02)  # an octave above 100 Hz
    assert found["pitch voiced"] > 0.95
    assert found["pitch range"] < 0.02
    assert found["pitch movement"] < 0.1


@pytest.mark.parametrize("octaves", [1.0, -1.0])
def test_a_glide_has_its_slope(octaves: float) -> None:
    found = named(voice(200.0 * 2 ** (octaves * np.arange(RATE) / RATE)))
    assert found["pitch slope"] == pytest.approx(octaves, abs=0.05)
    assert found["pitch mean"] == pytest.approx(1 + octaves / 2, abs=0.05)
    assert found["pitch range"] == pytest.approx(0.8, abs=0.06)  # of an octave, 10% to 90%
    assert found["pitch deviation"] == pytest.approx(1 / np.sqrt(12), abs=0.03)
    assert found["pitch movement"] == pytest.approx(1.0, abs=0.1)


def test_noise_has_no_pitch() -> None:
    hiss = np.random.default_rng(0).standard_normal(RATE)
    half = named(np.concatenate([voice(np.full(RATE, 150.0)), 0.1 * hiss]))
    assert half["pitch voiced"] == pytest.approx(0.5, abs=0.06)
    found = named(0.1 * hiss)
    assert all(found[name] == 0 for name in FEATURES if name.startswith("pitch"))


def test_gain_is_no_cue() -> None:
    speech = voice(np.linspace(120, 260, RATE)) + 0.01
    quiet, loud = (speech_statistics((g * speech).astype(np.float32)) for g in (0.001, 2.0))
    np.testing.assert_allclose(quiet, loud, atol=1e-3)


def test_coefficients_agree_with_scipy() -> None:
    scipy = pytest.importorskip("scipy", reason="scipy is not installed")
    rng = np.random.default_rng(3)
    speech = voice(np.linspace(100, 200, 8000)) + 0.05 * rng.standard_normal(8000)
    found = named(speech)

    level = speech / np.sqrt(np.mean(speech**2))
    padded = np.pad(level, 256)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 512)[::160]
    window = scipy.signal.get_window("hann", 512)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    mel = power @ librosa.filters.mel(sr=RATE, n_fft=512, n_mels=40).T
    decibels = 10 * np.log10(np.maximum(mel, 1e-10))
    decibels = np.maximum(decibels, decibels.max() - 80)
    mfcc = scipy.fft.dct(decibels, norm="ortho")[:, :20]
    slopes = scipy.signal.savgol_filter(mfcc, 9, 1, deriv=1, axis=0, mode="nearest")
    for n in range(20):
        assert found[f"mfcc{n} mean"] == pytest.approx(mfcc[:, n].mean(), abs=1e-2)
        assert found[f"mfcc{n} deviation"] == pytest.approx(mfcc[:, n].std(), abs=1e-2)
        assert found[f"mfcc{n} delta deviation"] == pytest.approx(slopes[:, n].std(), abs=1e-2)


def test_the_numbers_behind_the_name_stay() -> None:
    """Models learnt from these: where they change on purpose, the features get a new name."""
    time = np.arange(RATE) / RATE
    speech = ((time * (120 + 40 * time)) % 1 - 0.5) * np.sin(np.pi * time) ** 2 * 0.3
    found = named(speech + 0.01 * np.sin(2 * np.pi * 2300 * time))
    assert NAME == "mfcc-pitch-statistics/1"
    assert len(FEATURES) == 66
    assert {name: found[name] for name in ("mfcc0 mean", "mfcc1 mean", "mfcc12 mean")} == {
        "mfcc0 mean": pytest.approx(-22.32, abs=0.1),
        "mfcc1 mean": pytest.approx(43.81, abs=0.1),
        "mfcc12 mean": pytest.approx(-5.95, abs=0.1),
    }
    assert found["mfcc3 deviation"] == pytest.approx(5.82, abs=0.05)
    assert found["mfcc0 delta deviation"] == pytest.approx(6.89, abs=0.05)
    assert found["pitch mean"] == pytest.approx(0.67, abs=0.02)
    assert found["pitch voiced"] == pytest.approx(0.92, abs=0.03)


@pytest.mark.parametrize("samples", [1, 100, 1023, 1025, 4000])
@pytest.mark.parametrize("kind", ["silence", "constant", "tone", "noise"])
def test_short_and_silent_stretches_have_finite_statistics(samples: int, kind: str) -> None:
    time = np.arange(samples) / RATE
    noise = np.random.default_rng(samples).standard_normal(samples)
    waveform = {
        "silence": np.zeros(samples),
        "constant": np.full(samples, 0.5),
        "tone": np.sin(2 * np.pi * 200 * time),
        "noise": noise,
    }[kind].astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = speech_statistics(waveform)
    assert found.dtype == np.float32
    assert found.shape == (len(FEATURES),)
    assert np.isfinite(found).all()


def test_a_model_finds_its_statistics() -> None:
    assert statistics_of(NAME, len(FEATURES)) is speech_statistics


@pytest.mark.parametrize(
    ("name", "width"), [("mfcc-pitch-statistics/2", 66), (NAME, 65), (None, 3)]
)
def test_unknown_statistics_say_what_is_known(name: object, width: int) -> None:
    with pytest.raises(ModelIntegrityError, match=r"known here are 66 .*/1'; update emoscope: pip"):
        statistics_of(name, width)


def test_without_librosa_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emoscope\[pitch\]'"):
        statistics_of(NAME, len(FEATURES))
