"""How the light speech gate learnt: ``python -m emoscope.training.recipes.speech_gate --help``.

Clean clips of RAVDESS, TESS and EMO-DB are labelled by Silero (the teacher, at a level it likes),
then filtered, resampled, reverberated, mixed with made noise and set between stretches of made
non-speech. Held back: RAVDESS actors 17 to 20, TESS' second speaker (YAF), EMO-DB's speakers 13
and 14; the benchmark measures on those.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE
from emoscope.voice.light_features import STEP, WIDTH, LightFeatures
from emoscope.voice.light_gate import CONTEXT, STEPS_AFTER, STEPS_BEFORE, stretches
from emoscope.voice.silero_gate import SileroGate

Floats = NDArray[np.float32]
Rng = np.random.Generator

SECONDS = 10
_LENGTH = SECONDS * SAMPLE_RATE // STEP * STEP
_HIDDEN = (32, 16)


def read_clip(path: Path) -> Floats:
    """A corpus clip as 16 kHz mono, shape ``(time,)``."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(path)) as container:
        chunks = [
            piece.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for piece in resampler.resample(frame)
        ]
    chunks += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    return np.concatenate(chunks).astype(np.float32)


def training_clips(data: Path) -> list[Path]:
    """Clips of the speakers that are not held back."""
    ravdess = [p for p in data.glob("ravdess/Actor_*/*.flac") if int(p.stem[-2:]) <= 16]
    tess = list(data.glob("tess/OAF_*/*.flac"))
    emodb = [p for p in data.glob("emodb/wav/*.flac") if p.stem[:2] not in {"13", "14"}]
    return sorted(ravdess)[::2] + sorted(tess)[::4] + sorted(emodb)


def _coloured(rng: Rng, size: int) -> Floats:
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    shape = np.maximum(hz, 20.0) ** -(rng.choice([0.0, 0.5, 1.0]) + rng.uniform(-0.15, 0.25))
    if rng.random() < 0.3:
        centre, width = rng.uniform(100, 5000), rng.uniform(0.3, 2.0)
        shape = shape * (0.03 + np.exp(-0.5 * (np.log2(np.maximum(hz, 20) / centre) / width) ** 2))
    return _unit(np.fft.irfft(spectrum * shape, size))


def _hum(rng: Rng, size: int) -> Floats:
    time = np.arange(size) / SAMPLE_RATE
    base = rng.choice([50.0, 60.0, 100.0, 120.0, rng.uniform(25, 450)]) * rng.uniform(0.995, 1.005)
    count = int(rng.integers(1, 40))
    tilt = rng.uniform(0.0, 2.0)
    sound = np.zeros(size)
    for harmonic in range(1, count + 1):
        if base * harmonic > 7900:
            break
        level = harmonic**-tilt * rng.uniform(0.1, 1.0)
        phase = 2 * np.pi * base * harmonic * time + rng.uniform(0, 6.3)
        if rng.random() < 0.1:
            phase += 0.3 * np.sin(2 * np.pi * rng.uniform(0.1, 1) * time)
        sound += level * np.sin(phase)
    return _unit(sound + rng.choice([0, 1e-3, 3e-2]) * rng.standard_normal(size))


def _tones(rng: Rng, size: int) -> Floats:
    time = np.arange(size) / SAMPLE_RATE
    sound = np.zeros(size)
    for _ in range(int(rng.integers(1, 4))):
        start = 40 * 2 ** rng.uniform(0, 7.5)
        if rng.random() < 0.2:  # a slow glide
            hz = start * 2 ** (rng.uniform(-0.2, 0.2) * time)
            sound += np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE)
        else:
            sound += rng.uniform(0.2, 1) * np.sin(2 * np.pi * start * time + rng.uniform(0, 6.3))
    if rng.random() < 0.4:
        sound *= (np.sin(2 * np.pi * rng.uniform(0.3, 4) * time) > rng.uniform(-0.8, 0.8)) + 0.0
    return _unit(sound)


def _music(rng: Rng, size: int) -> Floats:
    sound = np.zeros(size)
    beat = int(SAMPLE_RATE * rng.uniform(0.15, 1.2))
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    root = 65 * 2 ** rng.uniform(0, 2)
    decay, tilt = rng.uniform(0.1, 8), rng.uniform(0.5, 2)
    for start in range(int(rng.integers(0, beat)), size, beat):
        length = min(size - start, int(beat * rng.uniform(0.7, 1.5)))
        time = np.arange(length) / SAMPLE_RATE
        envelope = np.exp(-decay * time) * np.minimum(1, time / 0.01)
        envelope *= np.minimum(1, (length / SAMPLE_RATE - time) / 0.02)
        for note in rng.choice(scale, int(rng.integers(1, 5)), replace=False):
            hz = root * 2 ** (note / 12)
            for harmonic in range(1, int(rng.integers(2, 10))):
                if hz * harmonic < 7900:
                    wave = np.sin(2 * np.pi * hz * harmonic * time + rng.uniform(0, 6.3))
                    sound[start : start + length] += envelope * wave * harmonic**-tilt
    return _unit(sound)


def _clicks(rng: Rng, size: int) -> Floats:
    sound = np.zeros(size)
    positions = rng.integers(0, size, int(rng.integers(1, 60)))
    if rng.random() < 0.4:
        positions = np.arange(0, size, int(SAMPLE_RATE * rng.uniform(0.05, 1.0)))
    for start in positions:
        length = min(size - start, int(SAMPLE_RATE * 10 ** rng.uniform(-3.8, -1.1)))
        time = np.arange(length) / max(length, 1)
        body = rng.standard_normal(length)
        if rng.random() < 0.5:
            body = np.sin(2 * np.pi * rng.uniform(80, 4000) * np.arange(length) / SAMPLE_RATE)
        if rng.random() < 0.3:
            body = np.ones(length)
        sound[start : start + length] += rng.uniform(0.1, 1) * body * np.exp(-5 * time)
    return _unit(sound)


def _quiet(rng: Rng, size: int) -> Floats:
    """Dither of one step of 16 bits, or digital silence."""
    if rng.random() < 0.5:
        return np.zeros(size, dtype=np.float32)
    return (np.round(rng.uniform(-1, 1, size) + rng.uniform(-0.5, 0.5)) / 32768).astype(np.float32)


_MAKERS: tuple[Callable[[Rng, int], Floats], ...] = (_coloured, _hum, _tones, _music, _clicks)
_SHARES = (0.30, 0.32, 0.12, 0.16, 0.10)


def made_noise(rng: Rng, size: int) -> Floats:
    """Non-speech of one or two kinds, unit power, with sudden or slow changes of level."""
    sound = np.zeros(size)
    for _ in range(1 if rng.random() < 0.7 else 2):
        maker = _MAKERS[int(rng.choice(len(_MAKERS), p=_SHARES))]
        part = maker(rng, size) * 10 ** rng.uniform(-1, 0)
        form = rng.random()
        if form < 0.35:  # sudden on and off
            edges = np.sort(rng.integers(0, size, 2 * int(rng.integers(1, 4))))
            gate = np.zeros(size) + rng.choice([0.0, 0.0, 0.03])
            for first, last in edges.reshape(-1, 2):
                gate[first:last] = 1.0
            part = part * gate
        elif form < 0.6:  # slow ramps, in decibels
            knots = rng.uniform(-25, 0, int(rng.integers(2, 7)))
            line = np.interp(np.arange(size), np.linspace(0, size, len(knots)), knots)
            part = part * 10 ** (line / 20)
        sound += part
    return sound.astype(np.float32)


def _unit(sound: NDArray[np.floating]) -> Floats:
    return np.asarray(sound / (np.sqrt(np.mean(sound**2)) + 1e-9), dtype=np.float32)


def _filtered(rng: Rng, clip: Floats) -> Floats:
    hz = np.fft.rfftfreq(clip.size, 1 / SAMPLE_RATE)
    response = 10 ** (rng.uniform(-6, 6) * np.log2(np.maximum(hz, 50) / 1000) / 20)
    response = np.clip(response, 0.05, 20)
    if rng.random() < 0.3:
        response = response / (1 + (hz / rng.uniform(3000, 7500)) ** 12)
    if rng.random() < 0.3:
        response = response / (1 + (rng.uniform(80, 350) / np.maximum(hz, 1)) ** 6)
    clip = np.fft.irfft(np.fft.rfft(clip) * response, clip.size).astype(np.float32)
    if rng.random() < 0.3:
        tail = int(SAMPLE_RATE * rng.uniform(0.08, 0.4))
        echo = rng.standard_normal(tail) * np.exp(-6.9 * np.arange(tail) / tail)
        echo[0] = rng.uniform(2, 8)
        size = clip.size + tail
        wet = np.fft.irfft(np.fft.rfft(clip, size) * np.fft.rfft(echo, size), size)
        clip = wet[: clip.size].astype(np.float32)
    return clip


def speech_scene(rng: Rng, clips: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Ten seconds with some clips in it, and the teacher's probability for every step."""
    sound = np.zeros(_LENGTH, dtype=np.float32)
    labels = np.zeros(_LENGTH // STEP, dtype=np.float32)
    position = int(rng.integers(0, 60)) if rng.random() < 0.7 else 0
    while position < len(labels) - 20:
        clip, teacher = clips[int(rng.integers(len(clips)))]
        speed = rng.uniform(0.87, 1.15) if rng.random() < 0.5 else 1.0
        times = np.arange(0, clip.size - 1, speed)
        clip = np.interp(times, np.arange(clip.size), clip).astype(np.float32)
        teacher = np.interp(
            np.arange(0, len(teacher) - 1, speed), np.arange(len(teacher)), teacher
        ).astype(np.float32)
        clip = _filtered(rng, clip) * 10 ** (rng.uniform(-6, 6) / 20)
        start = position * STEP
        length = min(clip.size, _LENGTH - start)
        steps = min(len(teacher), len(labels) - position)
        sound[start : start + length] += clip[:length]
        labels[position : position + steps] = teacher[:steps]
        position += steps + int(rng.integers(0, 60))
    kind = rng.random()
    active = np.repeat(labels > 0.5, STEP)
    power = float(np.mean(sound[active] ** 2)) if active.any() else 1e-3
    if kind < 0.75:
        noise = _coloured(rng, _LENGTH) if rng.random() < 0.55 else made_noise(rng, _LENGTH)
        sound = sound + noise * np.sqrt(power) * 10 ** (-rng.uniform(5, 40) / 20)
    return sound * np.float32(10 ** (rng.uniform(-45, 5) / 20)), labels


def noise_scene(rng: Rng) -> tuple[Floats, Floats]:
    """Ten seconds without speech."""
    labels = np.zeros(_LENGTH // STEP, dtype=np.float32)
    sound = _quiet(rng, _LENGTH)
    if rng.random() < 0.92:
        sound = sound + made_noise(rng, _LENGTH) * np.float32(10 ** rng.uniform(-4, 0))
    return sound, labels


def _features(sound: Floats) -> Floats:
    extractor = LightFeatures()
    silence = LightFeatures().push(np.zeros(STEP, dtype=np.float32))
    after = np.zeros(STEPS_AFTER * STEP, dtype=np.float32)
    rows = extractor.push(np.concatenate([sound, after]))
    return np.concatenate([np.repeat(silence, STEPS_BEFORE, axis=0), rows])


def train(data: Path, scenes: int, seed: int, epochs: int) -> dict[str, NDArray[np.generic]]:
    """Train from scratch; returns the arrays of ``light_gate.npz``, weights in half precision."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    teacher = SileroGate()
    clips: list[tuple[Floats, Floats]] = []
    for path in training_clips(data):
        clip = read_clip(path)
        clip = clip * np.float32(0.5 / max(float(np.abs(clip).max()), 1e-6))
        clips.append((clip, teacher.probabilities(clip)))
    made = [noise_scene(rng) if i % 5 < 2 else speech_scene(rng, clips) for i in range(scenes)]
    rows = np.stack([_features(sound) for sound, _ in made])
    labels = np.stack([label for _, label in made])

    middle = stretches(rows[0])
    for scene in rows[1:60]:
        middle = np.concatenate([middle, stretches(scene)])
    mean, spread = middle.mean(axis=0), middle.std(axis=0) + 0.05

    sizes = (CONTEXT * WIDTH, *_HIDDEN, 1)
    layers = [torch.nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    network = torch.nn.Sequential(
        layers[0], torch.nn.ReLU(), torch.nn.Dropout(0.1), layers[1], torch.nn.ReLU(), layers[2]
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=2e-3)
    per_batch = 12
    total = epochs * (scenes // per_batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=total)
    for _ in range(epochs):
        order = rng.permutation(scenes)
        for first in range(0, scenes - per_batch + 1, per_batch):
            batch = order[first : first + per_batch]
            inputs = np.concatenate([stretches(rows[i]) for i in batch])
            target = torch.from_numpy(labels[batch].reshape(-1))
            logits = network(torch.from_numpy((inputs - mean) / spread))[:, 0]
            # A false alarm on made noise costs more than a missed step of speech.
            quiet = torch.from_numpy((labels[batch].max(axis=1) == 0).repeat(labels.shape[1]))
            weight = torch.where(quiet, 3.0, 1.0)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, weight)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()

    arrays: dict[str, NDArray[np.generic]] = {}
    for index, layer in enumerate(layers):
        weight_ = layer.weight.detach().numpy().T.astype(np.float64)
        bias = layer.bias.detach().numpy().astype(np.float64)
        if index == 0:  # fold the standardisation into the first layer
            weight_ = weight_ / spread[:, None]
            bias = bias - mean @ weight_
        arrays[f"weight{index}"] = weight_.astype(np.float16)
        arrays[f"bias{index}"] = bias.astype(np.float32)
    return arrays


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train the light speech gate.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora")
    parser.add_argument("--out", type=Path, required=True, help="where the .npz goes")
    parser.add_argument("--scenes", type=int, default=2000, help="ten-second scenes")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    arrays = train(options.data, options.scenes, options.seed, options.epochs)
    with options.out.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
