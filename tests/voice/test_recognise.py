"""The voice recogniser: batches change nothing, and spans are cut evenly."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.errors import MissingExtraError, ModelIntegrityError
from emoscope.labels import SHARED, VOICE_LABELS
from emoscope.voice import recognise
from emoscope.voice.recognise import VoiceRecogniser, reading_spans
from emoscope.voice.spans import Span


@pytest.fixture
def voice(tmp_path: Path, tiny_voice_model: Callable[..., Path]) -> VoiceRecogniser:
    return VoiceRecogniser(tiny_voice_model(tmp_path / "voice.onnx"), threads=1)


def level(label: str, samples: int) -> np.ndarray:
    value = (VOICE_LABELS.index(label) + 0.5) / len(VOICE_LABELS)
    return np.full(samples, value, np.float32)


def test_answers_come_in_the_order_of_the_waveforms(voice: VoiceRecogniser) -> None:
    labels = ["happy", "angry", "calm", "sad"]
    waveforms = [level(x, n) for x, n in zip(labels, (9_000, 100, 16_000, 1), strict=True)]
    probs, embedding = voice.read(waveforms)
    assert [VOICE_LABELS.names[i] for i in probs.argmax(1)] == labels
    assert len(embedding) == 4


def test_batches_change_nothing(voice: VoiceRecogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    waveforms = [rng.uniform(-1, 1, n).astype(np.float32) for n in (5_000, 300, 40_000, 7, 9_000)]
    together, _ = voice.read(waveforms)
    monkeypatch.setattr(recognise, "BATCH_SAMPLES", 1)
    np.testing.assert_allclose(voice.read(waveforms)[0], together, atol=1e-5)


def test_long_waveforms_are_read_in_equal_parts_and_averaged(
    voice: VoiceRecogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    waveform = np.random.default_rng(2).uniform(-1, 1, 1_500).astype(np.float32)
    parts, embeddings = voice.read([waveform[:750], waveform[750:], waveform[:600]])
    monkeypatch.setattr(recognise, "LONGEST_WAVEFORM", 1_000)
    probs, embedding = voice.read([waveform, waveform[:600]])
    np.testing.assert_allclose(probs, [parts[:2].mean(0), parts[2]], atol=1e-6)
    np.testing.assert_allclose(embedding, [embeddings[:2].mean(0), embeddings[2]], atol=1e-6)
    assert np.abs(parts[0] - parts[1]).max() > 1e-4


def test_nothing_gives_nothing_of_the_right_width(voice: VoiceRecogniser) -> None:
    probs, embedding = voice.read([])
    assert probs.shape == (0, len(VOICE_LABELS))
    assert embedding.shape[0] == 0


@pytest.mark.parametrize(
    "wrong", [np.zeros(5), np.zeros((2, 5), np.float32), np.zeros(0, np.float32)]
)
def test_other_shapes_are_refused(voice: VoiceRecogniser, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected float32 waveforms"):
        voice.read([wrong])


def test_a_model_of_one_waveform_at_a_time_gives_the_same(
    voice: VoiceRecogniser, tmp_path: Path, tiny_voice_model: Callable[..., Path]
) -> None:
    path = tiny_voice_model(tmp_path / "single.onnx")
    model = onnx.load(path)
    for node in model.graph.input:
        node.type.tensor_type.shape.dim[0].dim_value = 1
    path.write_bytes(model.SerializeToString())
    rng = np.random.default_rng(2)
    waveforms = [rng.uniform(-1, 1, n).astype(np.float32) for n in (5_000, 300, 9_000, 1)]
    single = VoiceRecogniser(path, threads=1)
    for got, wanted in zip(single.read(waveforms), voice.read(waveforms), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert single.read([])[0].shape == (0, len(VOICE_LABELS))


class TestStatistics:
    """Models on statistics that are computed outside their graph."""

    @pytest.fixture
    def path(self, tmp_path: Path, tiny_statistics_model: Callable[..., Path]) -> Path:
        return tiny_statistics_model(tmp_path / "voice.onnx")

    def test_they_are_computed_for_it(self, path: Path) -> None:
        pytest.importorskip("librosa", reason="librosa is not installed")
        time = np.arange(8_000) / 16_000
        tone = np.sin(2 * np.pi * 200 * time).astype(np.float32)
        hiss = np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
        probs, embedding = VoiceRecogniser(path, threads=1).read([tone, hiss, tone[:7_000]])
        # Its label follows the share of voiced frames: all of the tone, nothing of the hiss.
        assert [SHARED[i] for i in probs.argmax(1)] == [SHARED[-1], SHARED[0], SHARED[-1]]
        assert embedding.shape == (3, 4)

    def test_unknown_ones_name_the_file(
        self, tmp_path: Path, tiny_statistics_model: Callable[..., Path]
    ) -> None:
        path = tiny_statistics_model(tmp_path / "later.onnx", features="mfcc-pitch-statistics/9")
        with pytest.raises(ModelIntegrityError, match=r"later\.onnx: the model wants 66 features"):
            VoiceRecogniser(path, threads=1)

    def test_without_librosa_it_is_refused_at_once(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "librosa", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'emoscope\[pitch\]'"):
            VoiceRecogniser(path, threads=1)


@given(st.floats(0, 100), st.floats(0.01, 60), st.floats(0.5, 10))
def test_spans_are_cut_into_equal_parts_that_touch(
    start: float, length: float, longest: float
) -> None:
    parts = reading_spans(Span(start, start + length), longest)
    assert parts[0].start_s == start
    assert parts[-1].end_s == start + length
    assert all(a.end_s == b.start_s for a, b in pairwise(parts))
    lengths = [part.end_s - part.start_s for part in parts]
    assert max(lengths) <= longest + 1e-6
    assert max(lengths) - min(lengths) < 1e-6
    assert len(parts) == 1 or (len(parts) - 1) * longest < length + 1e-6


def test_a_longest_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="longest_s"):
        reading_spans(Span(0, 1), 0)
