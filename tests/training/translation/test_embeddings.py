from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from emoscope.labels import SHARED, VOICE_LABELS
from emoscope.training.datasets.corpora import Clip
from emoscope.training.translation import embeddings
from emoscope.training.translation.embeddings import part_of, some, voice_side
from emoscope.voice.recognise import VoiceRecogniser


def test_speakers_keep_to_the_part_that_the_voice_model_gave_them() -> None:
    assert [part_of("ravdess", actor) for actor in ("01", "15", "20")] == ["learn", "held", "test"]
    assert (part_of("tess", "OAF"), part_of("tess", "YAF")) == ("learn", "test")
    assert (part_of("emodb", "12"), part_of("emodb", "13")) == ("test", "learn")


def test_a_sample_has_as_many_of_each_label() -> None:
    labels = ["happy"] * 9 + ["sad"] * 2 + ["fear"] * 5
    clips = [Clip(Path(f"{i}.wav"), "tess", "OAF", label) for i, label in enumerate(labels)]
    chosen = some(clips, 3, np.random.default_rng(0))
    counts = {label: sum(clip.label == label for clip in chosen) for label in set(labels)}
    assert counts == {"happy": 3, "sad": 2, "fear": 3}
    assert chosen == [clip for clip in clips if clip in chosen]
    assert some([], 3, np.random.default_rng(0)) == []


def test_voices_are_read_once_in_the_shared_seven(
    tmp_path: Path,
    make_ravdess: Callable[..., Path],
    tiny_voice_model: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tiny_voice_model(tmp_path / "voice.onnx", name="tiny", version="3")
    monkeypatch.setattr(
        embeddings, "VoiceRecogniser", lambda threads: VoiceRecogniser(model, threads)
    )
    monkeypatch.setattr(embeddings, "VIEWS", 2)
    tone = 0.3 * np.sin(np.arange(16_000) / 9)
    clips = {(actor, code): tone for actor in (1, 15, 17) for code in (1, 2, 5)}
    folder = make_ravdess(tmp_path / "ravdess", clips)
    said: list[str] = []
    side = voice_side({"ravdess": folder}, tmp_path / "kept", said.append)
    assert (side.model, side.labels) == ("tiny@3", VOICE_LABELS)
    assert {part: len(items) for part, items in side.parts.items()} == {
        "learn": 9,  # each clip as it is, and two varied views
        "held": 3,
        "test": 3,
    }
    # Codes 1, 2, 5: neutral, calm (which counts as neutral), angry.
    names = [SHARED[label] for label in side.parts["test"].labels]
    assert names == ["neutral", "neutral", "angry"]
    assert set(side.parts["test"].groups) == {"ravdess 17"}
    again = voice_side({}, tmp_path / "kept", said.append)
    assert "embeddings of tiny@3 from" in said[-1]
    np.testing.assert_array_equal(again.parts["learn"].values, side.parts["learn"].values)
