from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.labels import EMODB_LABELS, RAVDESS_LABELS, SHARED, VOICE_LABELS  # noqa: E402
from emoscope.training.datasets.speech import Clip  # noqa: E402
from emoscope.training.recipes import emoscope_face, emoscope_voice  # noqa: E402


def clips() -> list[Clip]:
    made = [
        *(("ravdess", f"{n:02d}", name) for n in range(1, 25) for name in RAVDESS_LABELS.names),
        *(("emodb", f"{n:02d}", name) for n in range(3, 17) for name in EMODB_LABELS.names),
        *(("tess", who, name) for who in ("OAF", "YAF") for name in SHARED),
    ]
    return [Clip(Path(f"{c}-{s}-{name}.wav"), c, s, name) for c, s, name in made]


def test_no_speaker_is_in_two_parts() -> None:
    parts = {
        part: {(c.corpus, c.speaker) for c in emoscope_voice.speakers_part(clips(), part)}
        for part in ("train", "held", "test")
    }
    assert all(parts.values())
    assert not parts["train"] & parts["held"]
    assert not parts["train"] & parts["test"]
    assert not parts["held"] & parts["test"]
    assert set.union(*parts.values()) == {(c.corpus, c.speaker) for c in clips()}


def test_training_knows_only_labels_of_the_model() -> None:
    learned = emoscope_voice.speakers_part(clips(), "train")
    assert {c.label for c in learned} == set(VOICE_LABELS.names)


def test_neutral_may_be_called_calm_where_nobody_says_calm() -> None:
    chosen = [c for c in clips() if c.speaker in ("01", "03", "OAF")]
    chosen = [c for c in chosen if c.label in VOICE_LABELS.names]
    right, weight = emoscope_voice.targets(chosen)
    calm = VOICE_LABELS.index("calm")
    for clip, row, heavy in zip(chosen, right, weight, strict=True):
        assert row[VOICE_LABELS.index(clip.label)] == 1
        both = clip.label == "neutral" and clip.corpus != "ravdess"
        assert row.sum() == (2 if both else 1)
        assert (row[calm] == 1) == (both or clip.label == "calm")
        assert heavy == (2 if clip.corpus == "ravdess" and clip.label == "neutral" else 1)


@pytest.mark.parametrize("samples", [1600, 16_000, 80_000])
def test_voice_views_stay_finite_and_short(samples: int) -> None:
    rng = np.random.default_rng(samples)
    speech = (rng.standard_normal(samples) * 0.1).astype(np.float32)
    for _ in range(20):
        view = emoscope_voice.augment(speech, rng)
        assert view.dtype == np.float32
        assert 0 < len(view) <= emoscope_voice.VIEW_S * 16_000
        assert np.isfinite(view).all()


def test_speech_extent_leaves_silence_out() -> None:
    waveform = np.zeros(16_000, np.float32)
    waveform[4800:8000] = 0.3
    assert emoscope_voice.speech_extent(waveform) == (4800, 8000)


def test_bands_are_masked_and_the_rest_stays() -> None:
    mel = torch.ones(5, 64, 200)
    masked = emoscope_voice.mask_bands(mel.clone(), torch.Generator().manual_seed(0))
    assert masked.shape == mel.shape
    assert set(masked.unique().tolist()) == {0.0, 1.0}
    assert 0.4 < masked.mean() < 1.0


@pytest.mark.parametrize("view", [40, 48])
def test_face_views_keep_shape_and_range(view: int) -> None:
    generator = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (32, 48, 48), generator=generator, dtype=torch.uint8)
    views = emoscope_face.augment(crops, view, generator)
    assert views.shape == (32, view, view)
    assert torch.isfinite(views).all()
    assert views.min() >= 0
    assert views.max() <= 255
    assert not torch.allclose(views[0], views[1])


def test_face_views_depend_on_nothing_but_the_generator() -> None:
    crops = torch.arange(4 * 48 * 48).reshape(4, 48, 48) % 256
    first, again = (
        emoscope_face.augment(crops, 40, torch.Generator().manual_seed(5)) for _ in range(2)
    )
    assert torch.equal(first, again)


def test_parts_of_the_faces_share_no_picture(tmp_path: Path, make_fer: Callable[..., Path]) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (60, 48, 48)).astype(np.uint8)
    train = [("angry", picture) for picture in pictures]
    train += [("happy", picture[:, ::-1]) for picture in pictures[:20]]  # found twice
    reported = [("angry", picture) for picture in pictures[40:50]]
    data = make_fer(tmp_path, {"train": train, "validation": reported})
    learn, held = emoscope_face.training_parts(data)

    def keys(crops: np.ndarray) -> set[bytes]:
        return {min(crop.tobytes(), crop[:, ::-1].tobytes()) for crop in crops}

    assert len(held) == int(0.05 * 70)
    assert not keys(learn.crops) & keys(held.crops)
    assert not keys(learn.crops) & keys(pictures[40:50])
    assert not keys(held.crops) & keys(pictures[40:50])
    assert 70 - 2 * len(held) <= len(learn) <= 70 - len(held)
