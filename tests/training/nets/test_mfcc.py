from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
librosa = pytest.importorskip("librosa", reason="librosa is not installed")

from emoscope.training.nets import mfcc  # noqa: E402
from emoscope.training.voice_recipe import pad  # noqa: E402

Waveform = np.ndarray


def speechlike(samples: int, seed: int = 0) -> Waveform:
    """A gliding voice in faint noise that swells and fades to below 80 dB."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(9 * time)) / 16_000
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    swell = np.sin(3 * time) ** 8
    return (0.2 * swell * (voice + 0.01 * rng.standard_normal(samples))).astype(np.float32)


CLIPS = {
    "two seconds": speechlike(32_000),
    "loud": speechlike(20_000, 1) * 4,
    "faint": speechlike(25_000, 2) * 1e-4,
    "tone": np.sin(np.arange(16_000, dtype=np.float32) * 0.3) * 0.5,
    "silence": np.zeros(9_000, np.float32),
    "one sample": np.full(1, 0.3, np.float32),
    "just under one hop": speechlike(40_000)[9_000:9_511],
    "just one hop": speechlike(40_000)[9_000:9_512],
    "eight frames": speechlike(40_000)[9_000 : 9_000 + 7 * 512],
    "nine frames": speechlike(40_000)[9_000 : 9_000 + 8 * 512],
}


def of_librosa(waveform: Waveform) -> Waveform:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a clip is shorter than a window
        found: Waveform = librosa.feature.mfcc(y=waveform, sr=16_000, n_mfcc=40)
    return found


def computed(clips: list[Waveform]) -> list[tuple[Waveform, Waveform]]:
    """Coefficients and deltas of each clip's own frames, all from one padded batch."""
    values, mask = mfcc.Mfcc()(*pad(clips))
    slopes = mfcc.delta(values, mask)
    for made in (values, slopes):
        assert torch.isfinite(made).all()
        assert made.mul(1 - mask[:, None]).abs().max() == 0, "nothing behind a clip's frames"
    return [
        (v[:, : int(n)].numpy(), s[:, : int(n)].numpy())
        for v, s, n in zip(values, slopes, mask.sum(1), strict=True)
    ]


@pytest.fixture(scope="module")
def batch() -> dict[str, tuple[Waveform, Waveform]]:
    return dict(zip(CLIPS, computed(list(CLIPS.values())), strict=True))


@pytest.mark.parametrize("name", CLIPS)
def test_coefficients_are_those_of_librosa(
    batch: dict[str, tuple[Waveform, Waveform]], name: str
) -> None:
    wanted = of_librosa(CLIPS[name])
    found, _ = batch[name]
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 1e-3


@pytest.mark.parametrize("name", [n for n, clip in CLIPS.items() if len(clip) >= 8 * 512])
def test_deltas_are_those_of_librosa(
    batch: dict[str, tuple[Waveform, Waveform]], name: str
) -> None:
    wanted = librosa.feature.delta(of_librosa(CLIPS[name]))
    assert np.abs(batch[name][1] - wanted).max() < 1e-3


def test_a_clip_too_short_for_librosas_deltas_has_the_slope_of_its_line(
    batch: dict[str, tuple[Waveform, Waveform]],
) -> None:
    values, slopes = batch["eight frames"]
    assert values.shape[1] == 8
    line = np.polyfit(np.arange(8), values.T.astype(float), 1)[0]
    assert np.abs(slopes - line[:, None]).max() < 1e-3
    assert np.abs(line).max() > 1
    assert np.all(batch["one sample"][1] == 0)


@pytest.mark.parametrize("name", CLIPS)
def test_padding_and_company_change_nothing(
    batch: dict[str, tuple[Waveform, Waveform]], name: str
) -> None:
    for alone, together in zip(computed([CLIPS[name]])[0], batch[name], strict=True):
        assert np.abs(alone - together).max() < 1e-3


def test_what_stands_in_the_padding_is_not_heard() -> None:
    clip = CLIPS["two seconds"]
    waveform, lengths = pad([clip, np.zeros(60_000, np.float32)])
    dirty = waveform.clone()
    dirty[0, len(clip) :] = 0.9
    front = mfcc.Mfcc()
    assert torch.equal(front(waveform, lengths)[0], front(dirty, lengths)[0])


def test_fronts_give_rows_of_one_size() -> None:
    clips = [CLIPS["two seconds"], CLIPS["nine frames"], CLIPS["one sample"]]
    values = [of_librosa(clip) for clip in clips]
    means = mfcc.MfccMean()(*pad(clips))[0].numpy()
    both = mfcc.MfccDeltaMean()(*pad(clips))[0].numpy()
    frames = mfcc.MfccFrames(20)(*pad(clips))[0].numpy()
    assert (means.shape, both.shape, frames.shape) == ((3, 40), (3, 80), (3, 40, 20))
    for row, wanted in enumerate(values):
        assert np.abs(means[row] - wanted.mean(1)).max() < 1e-3
        assert np.abs(both[row, :40] - wanted.mean(1)).max() < 1e-3
        held = np.pad(wanted, ((0, 0), (0, 20)))[:, :20]
        assert np.abs(frames[row] - held).max() < 1e-3
    for row in (0, 1):
        assert np.abs(both[row, 40:] - librosa.feature.delta(values[row]).mean(1)).max() < 1e-3
    assert np.all(both[2, 40:] == 0)


@pytest.mark.parametrize("shape", [(50, 3), (50, 3, 7)])
def test_standardise_takes_mean_and_deviation_of_all_it_learnt_from(shape: tuple[int, ...]) -> None:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = values * torch.tensor([1.0, 30.0, 0.1]).view(-1, *[1] * (len(shape) - 2)) - 400
    layer = mfcc.Standardise(3)
    assert not list(layer.parameters())
    for part in values.split([1, 9, 40]):  # a batch of one has no spread of its own
        assert torch.isfinite(layer(part)).all()
    layer.eval()
    rows = layer(values).transpose(0, 1).flatten(1)
    assert rows.mean(1).abs().max() < 1e-2
    assert (rows.std(1, correction=0) - 1).abs().max() < 1e-2
    before = {key: value.clone() for key, value in layer.state_dict().items()}
    layer(values * 2)
    for key, value in layer.state_dict().items():
        assert torch.equal(value, before[key]), "answering is not learning"
