"""Views of recordings: finite, repeatable, and different from one another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.training import voice_views  # noqa: E402
from emoscope.training.datasets.corpora import Clip, SpeechCorpus, label_set_of  # noqa: E402
from emoscope.training.nets.whisper import WhisperEncoder  # noqa: E402


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


@pytest.mark.parametrize("hz", [5_000, 7_000])
def test_dulled_sound_lacks_what_lies_above(hz: int) -> None:
    x = np.random.default_rng(hz).standard_normal(16_384)
    found = np.abs(np.fft.rfft(voice_views._dulled(x, hz))) / np.abs(np.fft.rfft(x))
    place = np.fft.rfftfreq(len(x), 1 / 16_000)
    np.testing.assert_allclose(found[place < hz - 401], 1.0, atol=1e-6)
    np.testing.assert_allclose(found[place > hz + 1], 0.0, atol=1e-6)


def test_parts_are_stretches_of_the_speech() -> None:
    speech, rng = np.arange(40_000, dtype=np.float32), np.random.default_rng(0)
    parts = [voice_views._part(speech, rng) for _ in range(200)]
    for part in parts:
        np.testing.assert_array_equal(part, np.arange(part[0], part[0] + len(part)))
    sizes, starts = [len(part) for part in parts], [part[0] for part in parts]
    assert 12_000 <= min(sizes) < 14_000 < 34_000 < max(sizes) <= 36_000
    assert min(starts) < 1_000 < 20_000 < max(starts)
    assert len(voice_views._part(speech[:9_000], rng)) >= 8_000
    assert len(voice_views._part(speech[:100], rng)) == 100


def test_joined_speech_is_both_with_a_pause_between() -> None:
    one, other = np.full(5_000, 1, np.float32), np.full(7_000, 2, np.float32)
    orders, pauses = set(), []
    for seed in range(40):
        found = voice_views._joined(one, other, np.random.default_rng(seed))
        heard = found[found > 0]
        orders.add(heard[0])
        assert np.flatnonzero(np.diff(heard)).tolist() == [4_999 if heard[0] == 1 else 6_999]
        assert len(heard) == 12_000
        pauses.append(len(found) - 12_000)
    assert orders == {1, 2}
    assert 800 <= min(pauses) < 2_000 < 8_000 < max(pauses) <= 9_600


def test_only_a_voice_with_the_same_label_is_joined() -> None:
    said = (
        ("d", "ravdess", "01", "sad"),
        ("c", "ravdess", "01", "sad"),
        ("b", "ravdess", "01", "fear"),
        ("a", "ravdess", "02", "sad"),
        ("e", "emodb", "01", "sad"),
        ("a", "ravdess", "01", "sad"),
    )
    clips = tuple(Clip(Path(f"{name}.wav"), *rest) for name, *rest in said)
    wave, ends = np.zeros(100, np.float32), np.array([[0, 100]] * 6)
    items = SpeechCorpus(clips, (wave,) * 6, ends, label_set_of(["fear", "sad"]))
    assert voice_views._alike(items, 0) == [5, 1]
    assert voice_views._alike(items, 2) == [2]


@pytest.fixture(scope="module")
def front() -> WhisperEncoder:
    """With random weights, so that it is not deaf."""
    found, generator = WhisperEncoder(), torch.Generator().manual_seed(0)
    for name, value in found.named_buffers():
        if name.endswith("whole"):
            value.copy_(torch.randint(-127, 128, value.shape, generator=generator))
        elif name.endswith("factor"):
            value.fill_(0.0005)
    return found


def test_the_first_view_is_the_speech_as_it_is(front: WhisperEncoder) -> None:
    items = spoken()
    views = voice_views.views_of(front, items, 0, 2, 1)
    wave = torch.from_numpy(items.speech(0))
    with torch.inference_mode():
        (heard,) = front(wave[None], torch.tensor([len(wave)]))
    assert views.shape == (3, front.size)
    np.testing.assert_allclose(views[0], heard[0].numpy(), rtol=1e-3, atol=2e-3)


def test_views_differ_and_depend_on_the_name_alone(front: WhisperEncoder) -> None:
    items = spoken()
    views = voice_views.views_of(front, items, 0, 4, 4)
    assert len({view.tobytes() for view in views}) == 8
    again = voice_views.views_of(front, items.take(np.array([1, 0])), 1, 4, 4)
    other = voice_views.views_of(front, items, 1, 4, 4)
    np.testing.assert_array_equal(views, again)
    np.testing.assert_allclose(other[0], views[0], rtol=1e-2, atol=1e-2)  # another width of batch
    assert all(not np.allclose(a, b, atol=0.05) for a, b in zip(views[1:], other[1:], strict=True))
