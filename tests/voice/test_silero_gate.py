from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.errors import MissingExtraError
from emoscope.voice import silero_gate
from emoscope.voice.activity import Span, load_gate
from emoscope.voice.light_gate import LightGate
from emoscope.voice.silero_gate import SileroGate, silero_path

RATE = 16_000
Floats = NDArray[np.float32]
Make = Callable[..., Floats]
Run = Callable[..., list[Span]]

needs_words = pytest.mark.skipif(
    silero_path() is None, reason="the words extra (faster-whisper) is not installed"
)


@pytest.fixture
def scene(babbler: Make) -> Floats:
    sound = np.random.default_rng(0).standard_normal(12 * RATE + 77) * 0.001
    sound[2 * RATE : 5 * RATE] += 0.3 * babbler(3.0, 1)
    sound[8 * RATE : 10 * RATE] += 0.3 * babbler(2.0, 2, 200.0)
    return sound.astype(np.float32)


@needs_words
def test_probabilities_match_faster_whispers(scene: Floats) -> None:
    from faster_whisper.vad import get_vad_model

    padded = np.pad(scene, (0, -scene.size % 512))
    expected = get_vad_model()(padded.copy()).reshape(-1)
    got = SileroGate().probabilities(scene)
    assert got.shape == expected.shape
    assert expected.max() > 0.5
    # Its last window loses 64 samples to its own bookkeeping; ours does not.
    np.testing.assert_allclose(got[:-1], expected[:-1], atol=1e-5)


@needs_words
def test_spans_match_faster_whispers(scene: Floats, run_gate: Run) -> None:
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    theirs = get_speech_timestamps(
        scene.copy(),
        VadOptions(
            threshold=0.5,
            neg_threshold=0.35,
            min_speech_duration_ms=250,
            min_silence_duration_ms=400,
            speech_pad_ms=120,
        ),
    )
    ours = run_gate(SileroGate(), scene)
    assert ours
    assert len(ours) == len(theirs)
    for span, other in zip(ours, theirs, strict=True):
        # Its hysteresis counts a pause from the first low step, ours too; steps are 32 ms.
        assert abs(span.start_s * RATE - other["start"]) <= 512
        assert abs(span.end_s * RATE - other["end"]) <= 512


@needs_words
@pytest.mark.parametrize("chunk", [1, 100, 511, 513, 16_000, 10**6])
def test_chunk_sizes_change_nothing(chunk: int, scene: Floats, run_gate: Run) -> None:
    sound = scene[: 6 * RATE] if chunk == 1 else scene
    assert run_gate(SileroGate(), sound, chunk) == run_gate(SileroGate(), sound, 4096)


@needs_words
def test_a_flushed_gate_starts_over(scene: Floats, run_gate: Run) -> None:
    gate = SileroGate()
    assert run_gate(gate, scene) == run_gate(gate, scene)


@needs_words
def test_silence_and_noise_are_no_speech(coloured_noise: Make, run_gate: Run) -> None:
    gate = SileroGate()
    assert run_gate(gate, np.zeros(5 * RATE, dtype=np.float32)) == []
    assert run_gate(gate, coloured_noise(0.0, 5.0, 0) * np.float32(0.05)) == []


@needs_words
def test_broken_samples_do_not_stay_in_the_state(scene: Floats, run_gate: Run) -> None:
    broken = np.concatenate([np.full(512, np.nan, dtype=np.float32), scene])
    assert len(run_gate(SileroGate(), broken)) == len(run_gate(SileroGate(), scene))


@needs_words
def test_the_name_holds_the_graphs_version() -> None:
    path = silero_path()
    assert path is not None
    assert SileroGate().name == "silero@" + path.stem.removeprefix("silero_vad_v")
    assert load_gate("auto").name == SileroGate().name


@needs_words
def test_faster_whisper_is_only_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] in {"faster_whisper", "ctranslate2"}]:
        monkeypatch.delitem(sys.modules, name)
    SileroGate()
    assert "faster_whisper" not in sys.modules
    assert "ctranslate2" not in sys.modules


def test_without_the_extra_auto_takes_the_light_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        assert name == "faster_whisper"

    monkeypatch.setattr(importlib.util, "find_spec", missing)
    assert isinstance(load_gate("auto"), LightGate)
    with pytest.raises(MissingExtraError, match=r"emoscope\[words\]"):
        load_gate("silero")


def test_the_newest_graph_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets").mkdir()
    names = ["silero_vad_v5.onnx", "silero_vad_v10.onnx", "silero_vad_half.onnx"]
    for name in names:
        (tmp_path / "assets" / name).write_bytes(b"")

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(silero_gate.importlib.util, "find_spec", lambda name: Spec())
    found = silero_path()
    assert found is not None
    assert found.name == "silero_vad_v10.onnx"


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="light"):
        load_gate("loud")  # type: ignore[arg-type]
