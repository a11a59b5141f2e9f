"""Views of recordings: finite, repeatable, and different from one another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.training import voice_views  # noqa: E402
from emoscope.training.datasets.corpora import Clip, SpeechCorpus, label_set_of  # noqa: E402
from emoscope.training.nets.voice import CHANNELS, VoiceFront  # noqa: E402


def spoken() -> SpeechCorpus:
    """Two recordings of one sound, with a fifth of a second of nothing about it."""
    time = np.arange(9_600) / 16_000
    sound = np.sin(2 * np.pi * 170 * time) * np.sin(2 * np.pi * 3 * time) ** 2 * 0.2
    wave = np.pad(sound.astype(np.float32), 3_200)
    clips = tuple(Clip(Path(f"{name}.wav"), "ravdess", "01", "sad") for name in ("a", "b"))
    ends = np.array([[3_200, 12_800]] * 2)
    return SpeechCorpus(clips, (wave, wave), ends, label_set_of(["sad"]))


@pytest.mark.parametrize("samples", [2, 1600, 16_000])
def test_varied_waveforms_stay_finite_and_about_as_long(samples: int) -> None:
    rng = np.random.default_rng(samples)
    speech = (rng.standard_normal(samples) * 0.1).astype(np.float32)
    for _ in range(20):
        view = voice_views.vary(speech, 0, len(speech), rng)
        assert view.dtype == np.float32
        assert 0 < len(view) <= 1.2 * samples + 4_000
        assert np.isfinite(view).all()


def test_the_first_view_is_the_speech_as_it_is() -> None:
    front, items = VoiceFront(), spoken()
    view = voice_views.views_of(front, items, 0, 3)[0]
    wave = torch.from_numpy(items.speech(0))
    with torch.inference_mode():
        functionals, encoded, frames, heard = front(wave[None], torch.tensor([len(wave)]))
    assert np.abs(view.functionals - functionals[0].numpy()).max() < 0.02
    assert np.abs(view.encoded - encoded[0].numpy()).max() < 0.001
    assert view.frames.shape == (CHANNELS, len(view.heard))
    assert np.abs(view.frames - frames[0, :, : len(view.heard)].numpy()).max() < 0.01
    assert heard[0, len(view.heard) :].sum() == 0


def test_views_differ_and_depend_on_the_name_alone() -> None:
    front, items = VoiceFront(), spoken()
    views = voice_views.views_of(front, items, 0, 4)
    assert len(views) == 4
    assert len({view.functionals.tobytes() for view in views}) == 4
    assert len({view.encoded.tobytes() for view in views}) == 4
    again = voice_views.views_of(front, items.take(np.array([1, 0])), 1, 4)
    other = voice_views.views_of(front, items, 1, 4)
    for view, same, else_ in zip(views, again, other, strict=True):
        np.testing.assert_array_equal(view.functionals, same.functionals)
        if view is not views[0]:
            assert not np.array_equal(view.functionals, else_.functionals)


def test_warped_bands_stay_within_what_they_were() -> None:
    mel = torch.rand(3, 128, 20, generator=torch.Generator().manual_seed(0))
    warped = voice_views.warp_bands(mel, torch.Generator().manual_seed(1))
    assert warped.shape == mel.shape
    assert not torch.equal(warped, mel)
    assert warped.min() >= mel.min()
    assert warped.max() <= mel.max()
