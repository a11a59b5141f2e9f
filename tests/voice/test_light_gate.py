from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emoscope.voice.activity import Span, SpeechGate
from emoscope.voice.light_features import BANDS, LightFeatures
from emoscope.voice.light_gate import LightGate

RATE = 16_000
Floats = NDArray[np.float32]
Run = Callable[..., list[Span]]
Make = Callable[..., Floats]

LEVELS_DB = (-60, -30, -5)


def sudden(sound: Floats) -> Floats:
    out = sound.copy()
    out[: out.size // 3] *= 1e-3
    return out


def swelling(sound: Floats) -> Floats:
    phase = 2 * np.pi * 0.13 * np.arange(sound.size) / RATE
    return (sound * 10 ** ((-15 + 15 * np.sin(phase)) / 20)).astype(np.float32)


def steady(sound: Floats) -> Floats:
    return sound


def decoded(path: Path) -> Floats:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        pieces = [p for f in container.decode(audio=0) for p in resampler.resample(f)]
    pieces += resampler.resample(None)
    return np.concatenate([p.to_ndarray()[0] for p in pieces])


def test_digital_silence_is_no_speech(run_gate: Run) -> None:
    assert run_gate(LightGate(), np.zeros(10 * RATE, dtype=np.float32)) == []


def test_dither_is_no_speech(run_gate: Run) -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):
        dither = np.round(rng.uniform(-1, 1, 10 * RATE)).astype(np.float32) / 32768
        assert run_gate(LightGate(), dither) == []


@pytest.mark.parametrize("course", [steady, sudden, swelling])
@pytest.mark.parametrize("level_db", LEVELS_DB)
@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_noise_is_no_speech(
    exponent: float,
    level_db: int,
    course: Callable[[Floats], Floats],
    coloured_noise: Make,
    run_gate: Run,
) -> None:
    for seed in range(2):
        noise = course(coloured_noise(exponent, 9.0, seed)) * np.float32(10 ** (level_db / 20))
        assert run_gate(LightGate(), noise) == []


@pytest.mark.parametrize("course", [steady, sudden, swelling])
@pytest.mark.parametrize("harmonics", [1, 3, 12, 30])
@pytest.mark.parametrize("base_hz", [50.0, 60.0])
def test_mains_hum_is_no_speech(
    base_hz: float,
    harmonics: int,
    course: Callable[[Floats], Floats],
    hum: Make,
    run_gate: Run,
) -> None:
    for seed in range(2):
        sound = course(hum(base_hz, 9.0, seed, harmonics)) * np.float32(0.1)
        assert run_gate(LightGate(), sound) == []


@pytest.mark.parametrize("course", [steady, sudden])
@pytest.mark.parametrize("hz", [75, 110, 150, 220, 300, 440, 1000, 3000])
def test_a_pure_tone_is_no_speech(
    hz: int, course: Callable[[Floats], Floats], run_gate: Run
) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(6 * RATE) / RATE).astype(np.float32)
    assert run_gate(LightGate(), course(tone) * np.float32(0.3)) == []


@pytest.mark.parametrize("period_s", [0.05, 0.25, 1.1])
def test_clicks_are_no_speech(period_s: float, run_gate: Run) -> None:
    sound = np.zeros(8 * RATE, dtype=np.float32)
    for offset in range(3):
        sound[offset :: int(period_s * RATE)] = 0.8
    assert run_gate(LightGate(), sound) == []


@pytest.mark.parametrize("pitch_hz", [100.0, 150.0, 220.0])
def test_speech_like_sound_is_found_where_it_is(
    pitch_hz: float, babbler: Make, run_gate: Run
) -> None:
    sound = np.zeros(6 * RATE, dtype=np.float32)
    sound[2 * RATE : 4 * RATE] = 0.2 * babbler(2.0, 3, pitch_hz)
    spans = run_gate(LightGate(), sound)
    assert spans
    assert 1.6 <= spans[0].start_s <= 2.3
    assert 3.7 <= spans[-1].end_s <= 4.4
    assert sum(span.end_s - span.start_s for span in spans) >= 1.6


def test_real_speech_is_found(shared_dir: Path, run_gate: Run) -> None:
    speech = decoded(shared_dir / "media" / "speech.flac")
    spans = run_gate(LightGate(), speech)
    found = sum(span.end_s - span.start_s for span in spans)
    assert 0.7 * speech.size / RATE <= found <= speech.size / RATE


def test_real_speech_is_found_in_white_noise_10_db_below(shared_dir: Path, run_gate: Run) -> None:
    speech = decoded(shared_dir / "media" / "speech.flac")
    noise = np.random.default_rng(5).standard_normal(speech.size) * speech.std() * 10**-0.5
    quiet = np.random.default_rng(6).standard_normal(5 * RATE) * speech.std() * 10**-0.5
    sound = np.concatenate([quiet, speech + noise, quiet]).astype(np.float32)
    spans = run_gate(LightGate(), sound)
    assert spans[0].start_s >= 4.5
    assert spans[-1].end_s <= 5.5 + speech.size / RATE
    assert sum(span.end_s - span.start_s for span in spans) >= 0.65 * speech.size / RATE


@pytest.mark.parametrize("gain_db", [-20, 20])
def test_loudness_is_no_cue(gain_db: int, shared_dir: Path, run_gate: Run) -> None:
    speech = decoded(shared_dir / "media" / "speech.flac") * np.float32(0.1)
    plain = run_gate(LightGate(), speech)
    changed = run_gate(LightGate(), speech * np.float32(10 ** (gain_db / 20)))
    assert len(plain) == len(changed)
    for a, b in zip(plain, changed, strict=True):
        assert abs(a.start_s - b.start_s) <= 0.064
        assert abs(a.end_s - b.end_s) <= 0.064


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 7 * RATE), max_size=12),
    seed=st.integers(0, 3),
    missing=st.integers(0, 5000),
)
def test_chunk_sizes_change_nothing(
    cuts: list[int], seed: int, missing: int, babbler: Make, run_gate: Run
) -> None:
    sound = _scene(babbler, seed)[: 7 * RATE - missing]
    whole = run_gate(LightGate(), sound, sound.size)
    gate: SpeechGate = LightGate()
    spans: list[Span] = []
    edges = sorted({0, sound.size, *(cut for cut in cuts if cut < sound.size)})
    for first, last in itertools.pairwise(edges):
        spans += gate.push(sound[first:last])
    spans += gate.flush()
    assert whole
    assert spans == whole
    ends = [edge for span in spans for edge in (span.start_s, span.end_s)]
    assert ends == sorted(set(ends))
    assert ends[0] >= 0
    assert ends[-1] <= sound.size / RATE


def test_single_samples_give_the_same_spans(babbler: Make, run_gate: Run) -> None:
    sound = _scene(babbler, 0)[: 3 * RATE]
    assert run_gate(LightGate(), sound, 1) == run_gate(LightGate(), sound, sound.size)


@pytest.mark.parametrize("samples", [1, 100, 16_000, 70_001])
@pytest.mark.parametrize("chunk", [160, 1_000_000])
def test_digital_silence_before_moves_no_span(
    samples: int, chunk: int, babbler: Make, run_gate: Run
) -> None:
    """However much of it there is, and also what a codec makes of it."""
    speech = _scene(babbler, 1)
    speech = speech[np.flatnonzero(np.abs(speech) > 1e-4)[0] :]
    alone = run_gate(LightGate(), speech, len(speech))
    assert alone
    for silence in (np.zeros(samples), np.resize([2e-6, -1e-6, np.nan], samples)):
        scene = np.concatenate([silence.astype(np.float32), speech])
        later = run_gate(LightGate(), scene, chunk)
        for span, other in zip(alone, later, strict=True):
            assert other.start_s - span.start_s == pytest.approx(samples / 16_000, abs=1e-9)
            assert other.end_s - span.end_s == pytest.approx(samples / 16_000, abs=1e-9)


def test_a_flushed_gate_starts_over(babbler: Make, run_gate: Run) -> None:
    gate = LightGate()
    sound = _scene(babbler, 1)
    first = run_gate(gate, sound)
    assert first
    assert run_gate(gate, sound) == first
    gate.push(sound[: 3 * RATE])
    gate.reset()
    assert not gate.speaking
    assert run_gate(gate, sound) == first


def test_speaking_follows_the_speech(babbler: Make) -> None:
    gate = LightGate()
    gate.push(np.zeros(2 * RATE, dtype=np.float32))
    assert not gate.speaking
    gate.push(0.2 * babbler(3.0, 2))
    assert gate.speaking
    gate.push(np.zeros(2 * RATE, dtype=np.float32))
    assert not gate.speaking


def test_memory_does_not_grow(babbler: Make) -> None:
    gate = LightGate()
    sound = np.tile(0.2 * babbler(2.0, 4), 15)

    def held() -> int:
        owners = [vars(gate), vars(gate._features)]
        arrays = [a for o in owners for a in o.values() if isinstance(a, np.ndarray)]
        return sum(a.nbytes if a.base is None else a.base.nbytes for a in arrays)

    gate.push(sound)
    before = held()
    gate.push(sound)
    gate.push(sound)
    assert held() <= before


def test_not_a_number_is_silence(babbler: Make, run_gate: Run) -> None:
    sound = _scene(babbler, 2)
    broken = np.concatenate([np.full(4000, np.nan, dtype=np.float32), sound[4000:]])
    broken[4000] = np.inf
    whole = np.concatenate([np.zeros(4001, dtype=np.float32), sound[4001:]])
    assert run_gate(LightGate(), broken) == run_gate(LightGate(), whole)


def test_nothing_gives_nothing() -> None:
    gate = LightGate()
    assert gate.push(np.zeros(0, dtype=np.float32)) == []
    assert gate.flush() == []


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(time,\)"):
        LightGate().push(np.zeros((2, 100), dtype=np.float32))


def test_the_weights_are_plain_and_small() -> None:
    data = (resources.files("emoscope.voice") / "light_gate.npz").read_bytes()
    assert len(data) < 200_000
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        assert all(np.isfinite(arrays[name]).all() for name in arrays.files)


def test_features_hear_the_pitch() -> None:
    time = np.arange(RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 160 * k * time) / k for k in range(1, 12))
    rows = LightFeatures().push(np.asarray(buzz[:15872], dtype=np.float32))[5:]
    assert rows[:, BANDS].min() > 0.9
    np.testing.assert_allclose(65 * 2 ** rows[:, BANDS + 1], 160, rtol=0.03)
    assert rows[:, BANDS + 2].min() > 0.98


def _scene(babbler: Make, seed: int) -> Floats:
    noise = np.random.default_rng(seed).standard_normal(7 * RATE) * 0.002
    noise[RATE : 3 * RATE] += 0.2 * babbler(2.0, seed)
    noise[int(4.5 * RATE) : 6 * RATE] += 0.1 * babbler(1.5, seed + 10, 190.0)
    return noise.astype(np.float32)
