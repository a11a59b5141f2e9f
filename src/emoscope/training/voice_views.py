"""Varied views of a recording: other speeds, rooms, microphones, noise, vocal tracts."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets.corpora import SpeechCorpus
from emoscope.training.nets.voice import VoiceFront
from emoscope.training.voice_recipe import pad
from emoscope.voice.features import FIRST_LOW_BIN, LOW_BINS, MELS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """What the network hears of a view, in half precision, as many of them are kept.

    Attributes:
        functionals: ``(size,)``.
        encoded: ``(512,)``, from the speaker encoder.
        frames: ``(63, t)``, only those within the recording.
        heard: ``(t,)``, 1 where something is heard.
    """

    functionals: NDArray[np.float16]
    encoded: NDArray[np.float16]
    frames: NDArray[np.float16]
    heard: NDArray[np.float16]


def views_of(front: VoiceFront, items: SpeechCorpus, row: int, count: int) -> list[View]:
    """Views of a recording, the first as it is.

    They depend on the recording's name alone, so that neither the order in which they are asked for
    nor a resumed run changes anything.
    """
    clip = items.clips[row]
    rng = np.random.default_rng(zlib.crc32(f"{clip.corpus}/{clip.path.name}".encode()))
    start, end = items.extents[row].tolist()
    varied = [vary(items.waveforms[row], start, end, rng) for _ in range(count - 1)]
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    with torch.no_grad():
        waveforms = pad([items.speech(row), *varied])
        mel, mask = front.spectrum(*waveforms)
        mel = torch.cat([mel[:1], warp_bands(mel[1:], generator)])
        functionals, frames, heard = front.listen(mel, mask)
        parts = (functionals, front.encoder(*waveforms), frames, heard)
    lengths = mask.sum(1).int().tolist()
    return [
        View(one.copy(), other.copy(), frames[:, :length].copy(), heard[:length].copy())
        for one, other, frames, heard, length in zip(
            *(part.half().numpy() for part in parts), lengths, strict=True
        )
    ]


def vary(
    waveform: NDArray[np.float32], start: int, end: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A random view: speed ±15%, cut about the speech, room, emphasis, noise at 10 to 40 dB.

    Args:
        waveform: ``(time,)`` at 16 kHz.
        start: first sample of the speech.
        end: behind its last sample.
        rng: of the view.
    """
    start = max(0, start - int(rng.uniform(-0.05, 0.25) * SAMPLE_RATE))
    end = min(len(waveform), end + int(rng.uniform(-0.05, 0.25) * SAMPLE_RATE))
    x = waveform[min(start, len(waveform) - 2) : max(end, start + 2)].astype(np.float64)
    speed = rng.uniform(0.87, 1.15)
    x = np.interp(np.arange(0, max(1, len(x) - 1), speed), np.arange(len(x)), x)
    if rng.random() < 0.35:
        room = _room(rng)
        size = _power_of_two(len(x) + len(room))
        heard = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(room, size), size)
        x = heard[: len(x) + int(rng.uniform(0, 0.15) * SAMPLE_RATE)]
    if rng.random() < 0.5:  # another microphone: tilt the spectrum
        x = np.append(x[:1], x[1:] - rng.uniform(-0.6, 0.6) * x[:-1])
    if rng.random() < 0.5:
        level = np.sqrt(np.mean(np.square(x)) + 1e-12) * 10 ** (-rng.uniform(10, 40) / 20)
        x = x + level * _noise(len(x), rng)
    return np.asarray(x, np.float32)


def _power_of_two(size: int) -> int:
    """The next one, at which Fourier transforms are quick."""
    return 1 << (size - 1).bit_length()


def _room(rng: np.random.Generator) -> Floats:
    """A made impulse response: the voice itself, then noise that dies away in 0.12 to 0.5 s."""
    length = int(rng.uniform(0.12, 0.5) * SAMPLE_RATE)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail[: SAMPLE_RATE // 500] = 0.0
    tail *= 10 ** (-rng.uniform(-2, 10) / 20) / np.sqrt(np.square(tail).sum())
    tail[0] = 1.0
    return tail


def _noise(length: int, rng: np.random.Generator) -> Floats:
    """Noise between white and beyond pink, RMS 1."""
    size = _power_of_two(length)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hz = np.maximum(np.arange(len(spectrum)) * SAMPLE_RATE / size, 50.0)
    made = np.fft.irfft(spectrum * hz ** -rng.uniform(0, 1), size)[:length]
    found: Floats = made / np.sqrt(np.mean(np.square(made)) + 1e-12)
    return found


def warp_bands(mel: Tensor, generator: torch.Generator, most: float = 0.08) -> Tensor:
    """Stretch mel bands and, by another factor, low bins: other vocal tracts and pitches."""
    parts = torch.split(mel, [MELS, LOW_BINS], dim=1)
    return torch.cat(
        [
            _stretch(part, first, 1 + (torch.rand(len(mel), 1, generator=generator) * 2 - 1) * most)
            for part, first in zip(parts, (0, FIRST_LOW_BIN), strict=True)
        ],
        dim=1,
    )


def _stretch(bands: Tensor, first: int, factor: Tensor) -> Tensor:
    """Read ``(n, bands, frames)`` at stretched places; band 0 stands at ``first``."""
    count = bands.shape[1]
    place = ((torch.arange(count)[None] + first) * factor - first).clamp(0, count - 1)
    low = place.floor().long()
    below = torch.gather(bands, 1, low[:, :, None].expand_as(bands))
    above = torch.gather(bands, 1, (low + 1).clamp(max=count - 1)[:, :, None].expand_as(bands))
    return torch.lerp(below, above, (place - low)[:, :, None])
