"""Varied views of a recording: other speeds and pitches, rooms, microphones, noise."""

from __future__ import annotations

import zlib

import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets.corpora import SpeechCorpus
from emoscope.training.nets.whisper import WhisperEncoder
from emoscope.training.voice_recipe import pad

Floats = NDArray[np.float64]


def views_of(
    front: WhisperEncoder, items: SpeechCorpus, row: int, whole: int, pieces: int
) -> NDArray[np.float16]:
    """Views of a recording: what the network hears of them, ``(whole + pieces, size)``.

    The first is the recording as it is, those up to ``whole`` are varied. The rest are pieces of
    speech, as whoever cuts what goes on has them: by turns a part of the recording, and a stretch
    of it joined to another of the same voice and label among ``items``. A network that knows only
    whole sentences reads such pieces badly (docs/experiments.md).

    In half precision, as many of them are kept. They depend on the names of the recordings alone,
    so that neither the order in which they are asked for nor a resumed run changes anything.
    """
    clip = items.clips[row]
    rng = np.random.default_rng(zlib.crc32(f"{clip.corpus}/{clip.path.name}".encode()))
    start, end = items.extents[row].tolist()
    speech = items.speech(row)
    heard = [speech]
    heard += [vary(items.waveforms[row], start, end, rng) for _ in range(whole - 1)]
    alike = _alike(items, row)
    for number in range(pieces):
        said = speech
        if number % 2:
            said = _joined(speech, items.speech(alike[rng.integers(len(alike))]), rng)
        piece = _part(said, rng)
        heard.append(vary(piece, 0, len(piece), rng))
    with torch.no_grad():
        (told,) = front(*pad(heard))
    found: NDArray[np.float16] = told.half().numpy()
    return found


def _alike(items: SpeechCorpus, row: int) -> list[int]:
    """Other recordings of this voice and label, by name; the recording itself where none is."""
    wanted = items.clips[row]
    found = [
        (clip.path.name, other)
        for other, clip in enumerate(items.clips)
        if other != row
        and (clip.corpus, clip.speaker, clip.label) == (wanted.corpus, wanted.speaker, wanted.label)
    ]
    return [other for _, other in sorted(found)] or [row]


def _joined(
    one: NDArray[np.float32], other: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Two stretches of speech in either order, with a pause as a speech gate bridges it."""
    pause = np.zeros(int(rng.uniform(0.05, 0.6) * SAMPLE_RATE), np.float32)
    first, second = (one, other) if rng.random() < 0.5 else (other, one)
    return np.concatenate([first, pause, second])


def _part(speech: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """30 to 90% of it, but half a second at least where there is as much."""
    size = max(int(len(speech) * rng.uniform(0.3, 0.9)), min(len(speech), SAMPLE_RATE // 2))
    start = int(rng.integers(len(speech) - size + 1))
    return speech[start : start + size]


def vary(
    waveform: NDArray[np.float32], start: int, end: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A random view: speed ±15%, cut about the speech, room, microphone, noise at 10 to 60 dB.

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
    if rng.random() < 0.5:  # a codec, or a rate between: nothing above some frequency
        x = _dulled(x, rng.uniform(5_000, 8_000))
    if rng.random() < 0.7:
        level = np.sqrt(np.mean(np.square(x)) + 1e-12) * 10 ** (-rng.uniform(10, 60) / 20)
        x = x + level * _noise(len(x), rng)
    return np.asarray(x, np.float32)


def _power_of_two(size: int) -> int:
    """The next one, at which Fourier transforms are quick."""
    return 1 << (size - 1).bit_length()


def _dulled(x: Floats, hz: float) -> Floats:
    """Without what lies above ``hz``; half of it is gone 200 Hz below."""
    size = _power_of_two(len(x))
    place = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    kept = np.clip((hz - place) / 400, 0.0, 1.0)
    found: Floats = np.fft.irfft(np.fft.rfft(x, size) * kept, size)[: len(x)]
    return found


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
