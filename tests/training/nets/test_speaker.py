"""The speaker encoder: its mel power against librosa's, its layers against their definition."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.errors import ModelIntegrityError, ModelUnavailableError  # noqa: E402
from emoscope.training.nets import speaker  # noqa: E402
from emoscope.training.voice_recipe import pad  # noqa: E402


def voice(samples: int, seed: int = 0) -> np.ndarray:
    """A gliding voice in faint noise that swells and fades."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(9 * time)) / 16_000
    tones = sum(np.sin(k * phase) / k for k in range(1, 20))
    swell = 0.1 + np.sin(3 * time) ** 2
    return (0.1 * swell * (tones + 0.01 * rng.standard_normal(samples))).astype(np.float32)


@pytest.fixture(scope="module")
def encoder() -> speaker.SpeakerEncoder:
    """With large random weights, so that it is not deaf."""
    found, generator = speaker.SpeakerEncoder(), torch.Generator().manual_seed(0)
    for parameter in found.layers.parameters():
        parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return found


def heard_by(encoder: speaker.SpeakerEncoder, *waveforms: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        found: np.ndarray = encoder(*pad(list(waveforms))).numpy()
    return found


def test_mel_power_is_librosas_at_one_level() -> None:
    librosa = pytest.importorskip("librosa", reason="librosa is not installed")
    waveform = voice(20_000)
    mel, heard = speaker.SpeakerMel()(*pad([waveform]))
    longer = np.pad(waveform, (160, 160))  # frames that meet the clip with a corner count too
    power = np.abs(librosa.stft(longer, n_fft=400, hop_length=160, pad_mode="constant")) ** 2
    loud = power.sum(0) > power.sum(0).max() * np.exp(-9.0)
    first = int(loud.argmax())
    wanted = (librosa.filters.mel(sr=16_000, n_fft=400, n_mels=40) @ power).T[first:]
    np.testing.assert_array_equal(heard[0, : len(wanted)].numpy() > 0, loud[first:])
    # White noise of RMS -30 dB would have this power in a frame: the window's energy a bin.
    level = power[:, loud].sum(0).mean() / (10**-3 * 150 * 200)
    found = mel[0, : len(wanted)].numpy()
    np.testing.assert_allclose(found, wanted / level, rtol=0.01, atol=1e-5 * found.max())


def test_layers_are_lstms_as_defined(encoder: speaker.SpeakerEncoder) -> None:
    """Against the equations of Hochreiter and Schmidhuber with a forget gate, step by step."""
    waveform = voice(6_000)
    mel, heard = encoder.mel(*pad([waveform]))
    x = mel[0].numpy().astype(np.float64)
    for layer in range(2):
        weights = {
            name: getattr(encoder.layers, f"{name}_l{layer}").numpy().astype(np.float64)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        state, cell, states = np.zeros(256), np.zeros(256), []
        for step in x:
            gates = weights["weight_ih"] @ step + weights["weight_hh"] @ state
            gates += weights["bias_ih"] + weights["bias_hh"]
            let_in, keep, new, let_out = np.split(gates, 4)
            opened = [1 / (1 + np.exp(-gate)) for gate in (let_in, keep, let_out)]
            cell = opened[1] * cell + opened[0] * np.tanh(new)
            state = opened[2] * np.tanh(cell)
            states.append(state)
        x = np.array(states)
    counted = x[heard[0].numpy() > 0]
    wanted = np.concatenate([counted.mean(0), np.sqrt(counted.var(0) + 1e-6)])
    assert wanted[:256].std() > 1e-3
    np.testing.assert_allclose(heard_by(encoder, waveform)[0], wanted, atol=1e-4)


def test_silence_padding_and_gain_are_no_cue(encoder: speaker.SpeakerEncoder) -> None:
    waveform = voice(9_000)
    alone = heard_by(encoder, waveform)[0]
    second = np.zeros(16_000, np.float32)
    for same in (
        np.concatenate([second, waveform]),
        np.concatenate([waveform, second]),
        waveform * 0.5,
        waveform * 2,
    ):
        np.testing.assert_allclose(heard_by(encoder, same)[0], alone, atol=1e-5)
    np.testing.assert_allclose(heard_by(encoder, voice(30_000, 1), waveform)[1], alone, atol=1e-5)
    assert np.abs(heard_by(encoder, voice(9_000, 1)[::-1].copy())[0] - alone).max() > 0.01


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 400])
def test_short_and_silent_clips_are_finite(encoder: speaker.SpeakerEncoder, samples: int) -> None:
    for waveform in (voice(samples), np.zeros(samples, np.float32)):
        assert np.isfinite(heard_by(encoder, waveform)).all()


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as the published one."""
    generator = torch.Generator().manual_seed(3)
    state = {
        f"lstm.{name}": torch.randn(value.shape, generator=generator)
        for name, value in speaker.SpeakerEncoder().layers.named_parameters()
    }
    path = tmp_path / "base" / "pretrained.pt"
    path.parent.mkdir()
    torch.save({"step": 1, "model_state": {**state, "linear.bias": torch.zeros(2)}}, path)
    monkeypatch.setattr(speaker, "DIGEST", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_published_weights_are_taken_in_half_precision(published: Path) -> None:
    for checkpoint in (str(published), str(published.parent)):
        encoder = speaker.SpeakerEncoder()
        speaker.load(encoder, checkpoint)
        wanted = torch.load(published, weights_only=True)["model_state"]
        for name, value in encoder.layers.named_parameters():
            assert torch.equal(value, wanted[f"lstm.{name}"].half().float())
            assert not value.requires_grad


def test_weights_that_are_not_there_or_others_are_refused(published: Path, tmp_path: Path) -> None:
    encoder = speaker.SpeakerEncoder()
    with pytest.raises(ModelUnavailableError, match=r"Resemblyzer 0\.1\.4.*--checkpoint"):
        speaker.load(encoder, str(tmp_path / "nowhere"))
    (tmp_path / "pretrained.pt").write_bytes(published.read_bytes() + b"x")
    with pytest.raises(ModelIntegrityError, match="Resemblyzer"):
        speaker.load(encoder, str(tmp_path))
    weights = torch.load(published, weights_only=True)["model_state"]
    with pytest.raises(ModelIntegrityError, match=r"lstm\.weight_hh_l1 should be \(1024, 256\)"):
        speaker.fill(encoder, {**weights, "lstm.weight_hh_l1": torch.zeros(4, 4)})
    weights.pop("lstm.bias_ih_l0")
    with pytest.raises(ModelIntegrityError, match=r"lstm\.bias_ih_l0"):
        speaker.fill(encoder, weights)
