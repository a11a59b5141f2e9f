"""The light speech gate against Silero: agreement on speech, false alarms on made noise, speed.

    python benchmarks/speech_gate.py --data DIR [--recording FILE] [--clips 150]

DIR holds ``ravdess``, ``tess`` and ``emodb``. Only speakers that the light gate never learnt from
are measured: RAVDESS actors 17 to 20, TESS' YAF, EMO-DB's 13 and 14. The reference is Silero on
the clip brought to a peak of 0.5, because quiet clips are beyond it as they are; the gates under
test hear the clip as it is. Counted in steps of 10 ms of the final spans.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from emoscope.voice.activity import Span, SpeechGate, load_gate

RATE = 16_000
Floats = NDArray[np.float32]


def read(path: Path) -> Floats:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        pieces = [p for f in container.decode(audio=0) for p in resampler.resample(f)]
    pieces += resampler.resample(None)
    return np.concatenate([p.to_ndarray()[0] for p in pieces]).astype(np.float32)


def spans_of(gate: SpeechGate, waveform: Floats) -> list[Span]:
    return gate.push(waveform) + gate.flush()


def mask_of(spans: list[Span], samples: int) -> NDArray[np.bool_]:
    mask = np.zeros(-(-samples // 160), dtype=bool)
    for span in spans:
        mask[round(span.start_s * 100) : round(span.end_s * 100)] = True
    return mask


def held_back(data: Path, clips: int, rng: np.random.Generator) -> dict[str, list[Path]]:
    found = {
        "RAVDESS": [p for p in data.glob("ravdess/Actor_*/*.flac") if int(p.stem[-2:]) >= 17],
        "TESS": list(data.glob("tess/YAF_*/*.flac")),
        "EMO-DB": [p for p in data.glob("emodb/wav/*.flac") if p.stem[:2] in {"13", "14"}],
    }
    chosen = {}
    for name, paths in found.items():
        if not paths:
            raise SystemExit(f"no clips of {name} under {data}")
        order = rng.permutation(len(paths))[:clips]
        ordered = sorted(paths)
        chosen[name] = [ordered[i] for i in order]
    return chosen


def white(rng: np.random.Generator, size: int) -> Floats:
    return rng.standard_normal(size).astype(np.float32)


def pink(rng: np.random.Generator, size: int) -> Floats:
    hz = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 20)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(size)) / np.sqrt(hz), size)
    return np.asarray(noise / noise.std(), dtype=np.float32)


def hum(rng: np.random.Generator, size: int) -> Floats:
    time_s = np.arange(size) / RATE
    base = rng.choice([50.0, 60.0])
    parts = [
        rng.uniform(0.2, 1) / k * np.sin(2 * np.pi * base * k * time_s + rng.uniform(0, 6.3))
        for k in range(1, int(rng.integers(2, 20)))
    ]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float32)


def tone(rng: np.random.Generator, size: int) -> Floats:
    hz = 60 * 2 ** rng.uniform(0, 7)
    return np.sin(2 * np.pi * hz * np.arange(size) / RATE).astype(np.float32)


def clicks(rng: np.random.Generator, size: int) -> Floats:
    sound = np.zeros(size, dtype=np.float32)
    sound[rng.integers(0, size, int(rng.integers(1, 80)))] = 1.0
    return sound


def chords(rng: np.random.Generator, size: int) -> Floats:
    time_s = np.arange(size // 16) / RATE
    out = []
    for _ in range(16):
        root = 110 * 2 ** (rng.integers(0, 12) / 12)
        waves = [
            np.sin(2 * np.pi * root * ratio * k * time_s) / k**1.5
            for ratio in (1.0, 1.26, 1.498)
            for k in range(1, 7)
        ]
        out.append(np.sum(waves, axis=0) * np.exp(-2 * time_s) * np.minimum(1, time_s / 0.01))
    return np.concatenate(out).astype(np.float32)


def sudden(make: Callable[[np.random.Generator, int], Floats]) -> Callable[..., Floats]:
    def made(rng: np.random.Generator, size: int) -> Floats:
        sound = make(rng, size)
        sound[: size // 3] *= 0.003
        return sound

    return made


def swelling(make: Callable[[np.random.Generator, int], Floats]) -> Callable[..., Floats]:
    def made(rng: np.random.Generator, size: int) -> Floats:
        sound = make(rng, size)
        decibels = -15 + 15 * np.sin(2 * np.pi * rng.uniform(0.05, 0.2) * np.arange(size) / RATE)
        return np.asarray(sound * 10 ** (decibels / 20), dtype=np.float32)

    return made


def dither(rng: np.random.Generator, size: int) -> Floats:
    return (np.round(rng.uniform(-1, 1, size)) / 32768).astype(np.float32)


NOISES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "dither": dither,
    "white": white,
    "white, sudden": sudden(white),
    "white, swelling": swelling(white),
    "pink": pink,
    "pink, sudden": sudden(pink),
    "pink, swelling": swelling(pink),
    "hum": hum,
    "hum, sudden": sudden(hum),
    "hum, swelling": swelling(hum),
    "tone": tone,
    "tone, sudden": sudden(tone),
    "clicks": clicks,
    "chords": chords,
}


def print_agreement(title: str, pairs: list[tuple[list[Span], list[Span], int]]) -> None:
    masks = [(mask_of(r, n), mask_of(g, n)) for r, g, n in pairs]
    reference = np.concatenate([r for r, _ in masks])
    got = np.concatenate([g for _, g in masks])
    recall = got[reference].mean()
    alarm = got[~reference].mean() if (~reference).any() else float("nan")
    missed = sum(1 for r, g, _ in pairs if r and not g)
    print(
        f"| {title} | {len(pairs)} | {100 * recall:.1f} | {100 * alarm:.1f} "
        f"| {100 * (reference == got).mean():.1f} | {missed} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="The light speech gate against Silero.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recording", type=Path, help="one more recording of speech")
    parser.add_argument("--clips", type=int, default=150, help="clips per corpus")
    parser.add_argument("--noises", type=int, default=40, help="seeds per kind of noise, 20 s each")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    silero, light = load_gate("silero"), load_gate("light")

    print("| speech | clips | recall % | false alarm % | agreement % | clips missed |")
    print("| --- | --- | --- | --- | --- | --- |")
    corpora = held_back(options.data, options.clips, rng)
    if options.recording:
        corpora["recording"] = [options.recording]
    for name, paths in corpora.items():
        rows: dict[str, list[tuple[list[Span], list[Span], int]]] = {}
        for path in paths:
            clip = read(path)
            reference = spans_of(silero, clip * np.float32(0.5 / np.abs(clip).max()))
            power = (
                float(
                    np.mean(clip[np.repeat(mask_of(reference, clip.size), 160)[: clip.size]] ** 2)
                )
                if reference
                else 0.0
            )
            noise = white(rng, clip.size) * np.float32(np.sqrt(power / 10))
            heard = {
                "light": (light, clip),
                "light, +20 dB": (light, clip * np.float32(10)),
                "light, −20 dB": (light, clip * np.float32(0.1)),
                "light, white noise 10 dB below": (light, clip + noise),
                "Silero as it is": (silero, clip),
                "Silero, white noise 10 dB below": (silero, clip + noise),
            }
            for title, (gate, sound) in heard.items():
                rows.setdefault(title, []).append((reference, spans_of(gate, sound), clip.size))
        for title, pairs in rows.items():
            print_agreement(f"{name}: {title}", pairs)

    print("\n| made noise | pieces of 20 s | with spans: light | with spans: Silero |")
    print("| --- | --- | --- | --- |")
    for name, make in NOISES.items():
        alarms = {"light": 0, "silero": 0}
        for _ in range(options.noises):
            sound = make(rng, 20 * RATE)
            if name != "dither":
                sound = sound * np.float32(10 ** rng.uniform(-3.5, -0.5))
            alarms["light"] += bool(spans_of(light, sound))
            alarms["silero"] += bool(spans_of(silero, sound))
        print(f"| {name} | {options.noises} | {alarms['light']} | {alarms['silero']} |")

    print("\n| gate | times real time, one core |")
    print("| --- | --- |")
    sound = white(rng, 60 * RATE) * np.float32(0.1)
    for gate in (light, silero):
        start = time.process_time()
        spans_of(gate, sound)
        print(f"| {gate.name} | {60 / (time.process_time() - start):.0f} |")


if __name__ == "__main__":
    main()
