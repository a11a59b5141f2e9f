"""How far a voice model's answer moves where only the recording changes.

    python benchmarks/voice_invariance.py --data RAVDESS [--model emoscope-voice] [--clips 60]

Clips of RAVDESS actors that ``emoscope-voice`` never heard are read as they are and changed:
silence about them, gain, an offset (DC) as microphones have it, 128 kbit/s MP3, other sample rates,
noise, a small room. Counted is the largest difference of any probability, and how many clips it
moves by more than 0.02. *Gate and model* goes the way of use, so that the speech gate may cut
elsewhere; *model* hears the changed sound of the stretch that was cut from the original; its
answers' UAR stands last.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample_poly
from unheard import ACTORS, unheard

from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets.speech import read_waveform, speech_extent
from emoscope.training.metrics import measure
from emoscope.voice.activity import load_gate
from emoscope.voice.recognise import VoiceRecogniser

Floats = NDArray[np.float32]
SECOND = np.zeros(SAMPLE_RATE, np.float32)


def through_file(wave: Floats, rate: int, codec: str, suffix: str, bit_rate: int = 0) -> Floats:
    """Write a file and read it as in use; a codec's delay at the start is taken off again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"sound{suffix}"
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=rate)
            stream.layout = "mono"
            if bit_rate:
                stream.bit_rate = bit_rate
            resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=rate)
            frame = av.AudioFrame.from_ndarray(wave[None], format="flt", layout="mono")
            frame.sample_rate = rate
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        return read_waveform(path)


def aligned(wave: Floats, like: Floats) -> Floats:
    """``wave`` moved to where it fits ``like`` best, and as long."""
    most = 3_000
    size = min(len(wave), len(like))
    match = fftconvolve(wave[:size], like[:size][::-1])[size - 1 - most : size + most]
    shift = int(match.argmax()) - most
    moved = np.roll(np.pad(wave, (0, max(0, len(like) - len(wave)))), -shift)
    return np.ascontiguousarray(moved[: len(like)])


def mp3(wave: Floats) -> Floats:
    return aligned(through_file(wave, SAMPLE_RATE, "libmp3lame", ".mp3", 128_000), wave)


def at_rate(rate: int) -> Callable[[Floats], Floats]:
    def changed(wave: Floats) -> Floats:
        ratio = np.gcd(rate, SAMPLE_RATE)
        up = resample_poly(wave, rate // ratio, SAMPLE_RATE // ratio).astype(np.float32)
        return aligned(through_file(up, rate, "pcm_f32le", ".wav"), wave)

    return changed


def noisy(wave: Floats) -> Floats:
    rng = np.random.default_rng(len(wave))
    loud = wave[np.abs(wave) > 0.02 * np.abs(wave).max()]
    level = np.sqrt(np.mean(np.square(loud))) / 10
    return np.asarray(wave + level * rng.standard_normal(len(wave)), np.float32)


def in_a_room(wave: Floats) -> Floats:
    """0.3 s until the sound is 60 dB down; as much from the walls as straight."""
    rng = np.random.default_rng(1)
    length = int(0.3 * SAMPLE_RATE)
    walls = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    walls[:32] = 0.0
    walls /= np.sqrt(np.square(walls).sum())
    walls[0] = 1.0
    return np.asarray(fftconvolve(wave, walls)[: len(wave)], np.float32)


CHANGES: dict[str, Callable[[Floats], Floats]] = {
    "a second of silence before": lambda wave: np.concatenate([SECOND, wave]),
    "a second of silence after": lambda wave: np.concatenate([wave, SECOND]),
    "half the gain": lambda wave: wave * np.float32(0.5),
    "twice the gain": lambda wave: wave * np.float32(2.0),
    "an offset of 0.01": lambda wave: wave + np.float32(0.01),
    "MP3, 128 kbit/s": mp3,
    "from 44.1 kHz": at_rate(44_100),
    "from 48 kHz": at_rate(48_000),
    "noise, 20 dB below": noisy,
    "a small room (0.3 s)": in_a_room,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="emoscope-voice")
    parser.add_argument("--clips", type=int, default=60)
    asked = parser.parse_args()
    recogniser = VoiceRecogniser(asked.model, threads=1)
    gate = load_gate("light")
    clips = unheard(asked.data, gate)
    order = np.random.default_rng(0).permutation(len(clips))[: asked.clips]
    clips = [clips[index] for index in order.tolist()]
    waves = [clip.wave for clip in clips]
    names = recogniser.labels.names
    truth = np.array([names.index(clip.label) for clip in clips])
    plain = recogniser.read([clip.wave[clip.start : clip.end] for clip in clips])[0]
    print(f"{recogniser.name}, {len(clips)} clips of RAVDESS actors {', '.join(ACTORS)}")
    print(f"as they are: UAR {measure(plain, truth, names).uar:.1%}\n")
    print(
        "| change | model: median, 95%, most | over 0.02 | gate and model: median, 95%, most "
        "| over 0.02 | same answer | UAR |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, change in CHANGES.items():
        changed = [change(wave) for wave in waves]
        ends = [speech_extent(wave, gate)[:2] for wave in changed]
        used = recogniser.read([w[a:b] for w, (a, b) in zip(changed, ends, strict=True)])[0]
        kept = [
            change(clip.wave[clip.start : clip.end])
            if "silence" in name
            else new[clip.start : clip.end]
            for clip, new in zip(clips, changed, strict=True)
        ]
        alone = recogniser.read(kept)[0]
        told = []
        for found in (alone, used):
            away = np.abs(found - plain).max(1)
            told += [
                f"{np.median(away):.3f}, {np.quantile(away, 0.95):.3f}, {away.max():.3f}",
                str((away > 0.02).sum()),
            ]
        same = (used.argmax(1) == plain.argmax(1)).mean()
        uar = measure(alone, truth, names).uar
        print(f"| {name} | {' | '.join(told)} | {same:.0%} | {uar:.1%} |", flush=True)
    minute = [np.tile(waves[0], 40)[: 5 * SAMPLE_RATE] for _ in range(12)]
    recogniser.read(minute)
    times = []
    for _ in range(5):
        start = time.process_time()
        recogniser.read(minute)
        times.append(time.process_time() - start)
    print(f"\na minute of speech, in pieces of 5 s, one core: {min(times):.2f} s")


if __name__ == "__main__":
    main()
