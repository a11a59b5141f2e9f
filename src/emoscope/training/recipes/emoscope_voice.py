"""Train ``emoscope-voice``: ``python -m emoscope.training.recipes.emoscope_voice``.

Speakers are kept apart: the ones that are reported (and the ones the temperature is fitted on) are
never heard in training. *Calm* exists only in RAVDESS: for the other corpora a neutral clip may be
called either, so that *calm* does not become the name of a corpus.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.labels import VOICE_LABELS
from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets.speech import Clip, list_clips, read_waveforms
from emoscope.training.loop import Batch, Schedule, fit
from emoscope.training.nets.voice import VoiceNet
from emoscope.voice.features import FIRST_LOW_BIN, LOW_BINS, MELS

BATCH = 32
VIEW_S = 2.6
SMOOTHING = 0.1
# TESS is one text read 200 times by one voice: a sample of it each epoch is enough.
TESS_PER_EPOCH = 250

# Reported: four RAVDESS actors, two EMO-DB speakers, the younger TESS voice.
TEST_SPEAKERS = {"ravdess": ("17", "18", "19", "20"), "emodb": ("12", "14"), "tess": ("YAF",)}
# The temperature is fitted on these.
HELD_SPEAKERS = {"ravdess": ("15", "16"), "emodb": (), "tess": ()}


def speakers_part(clips: list[Clip], part: str) -> list[Clip]:
    """The clips of one part: ``train``, ``held`` or ``test``; *boredom* is left out of training."""
    test = [c for c in clips if c.speaker in TEST_SPEAKERS[c.corpus]]
    held = [c for c in clips if c.speaker in HELD_SPEAKERS[c.corpus]]
    if part == "test":
        return test
    if part == "held":
        return held
    taken = set(test) | set(held)
    return [c for c in clips if c not in taken and c.label in VOICE_LABELS.names]


def speech_extent(waveform: NDArray[np.float32]) -> tuple[int, int]:
    """First and last sample within 35 dB of the loudest 20 ms."""
    frames = len(waveform) // 320
    if frames == 0:
        return 0, len(waveform)
    energy = np.square(waveform[: frames * 320].reshape(frames, 320)).mean(1)
    loud = np.flatnonzero(energy >= energy.max() * 10**-3.5)
    return int(loud[0]) * 320, (int(loud[-1]) + 1) * 320


def augment(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A random view: speed ±16%, cut about the speech, band emphasis, noise at 12 to 45 dB.

    Returns:
        at most ``VIEW_S`` seconds.
    """
    start, end = speech_extent(waveform)
    start = max(0, start - int(rng.uniform(0, 0.3) * SAMPLE_RATE))
    end = min(len(waveform), end + int(rng.uniform(0, 0.3) * SAMPLE_RATE))
    x = waveform[start:end]
    speed = rng.uniform(0.85, 1.18)
    x = np.interp(np.arange(0, len(x) - 1, speed), np.arange(len(x)), x).astype(np.float32)
    longest = int(VIEW_S * SAMPLE_RATE)
    if len(x) > longest:
        first = int(rng.integers(len(x) - longest))
        x = x[first : first + longest]
    if rng.random() < 0.5:  # another microphone: tilt the spectrum
        tilt = np.float32(rng.uniform(-0.6, 0.6))
        x = np.append(x[:1], x[1:] - tilt * x[:-1])
    if rng.random() < 0.5:
        level = np.sqrt(np.mean(np.square(x)) + 1e-12) * 10 ** (-rng.uniform(12, 45) / 20)
        x = x + level * rng.standard_normal(len(x)).astype(np.float32)
    return np.asarray(x, np.float32)


def mask_bands(mel: Tensor, generator: torch.Generator) -> Tensor:
    """SpecAugment (Park et al., 2019): zero two stretches of bands and two of time, in place."""
    n, bands, frames = mel.shape
    for row in range(n):
        for axis, size, widest in ((0, bands, 16), (1, frames, 24)):
            for _ in range(2):
                width = int(torch.randint(0, widest, (1,), generator=generator))
                first = int(torch.randint(0, size - width, (1,), generator=generator))
                mel[row].narrow(axis, first, width).zero_()
    return mel


def loss_of(network: nn.Module, batch: Batch) -> Tensor:
    """Smoothed cross-entropy over the answers that count as right, rare classes weighted up."""
    assert isinstance(network, VoiceNet)
    embedding = network.encode(batch["mel"], batch["mask"])
    log_p = F.log_softmax(network.head(network.dropout(embedding)), dim=1)
    loss = batch["share"] * _one_loss(log_p, batch["right"], batch["weight"])
    loss = loss + (1 - batch["share"]) * _one_loss(log_p, batch["other"], batch["other_weight"])
    return loss.mean()


def _one_loss(log_p: Tensor, right: Tensor, weight: Tensor) -> Tensor:
    answer = torch.logsumexp(log_p + torch.log(right + 1e-9), dim=1)
    return -((1 - SMOOTHING) * answer + SMOOTHING * log_p.mean(1)) * weight


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


def mix(batch: Batch, generator: torch.Generator) -> Batch:
    """Mixup (Zhang et al., 2018): a third of the clips is overlaid with another."""
    n = len(batch["mel"])
    order = torch.randperm(n, generator=generator)
    share = 0.5 + 0.5 * torch.rand(n, generator=generator)
    share = torch.where(torch.rand(n, generator=generator) < 0.67, torch.ones(n), share)
    mel = batch["mel"] * share[:, None, None] + batch["mel"][order] * (1 - share)[:, None, None]
    return {
        "mel": mel,
        "mask": torch.where(
            share[:, None] < 1, batch["mask"].maximum(batch["mask"][order]), batch["mask"]
        ),
        "share": share,
        "right": batch["right"],
        "weight": batch["weight"],
        "other": batch["right"][order],
        "other_weight": batch["weight"][order],
    }


def targets(clips: list[Clip]) -> tuple[Tensor, Tensor]:
    """Per clip the answers that count as right ``(n, 8)`` and its weight ``(n,)``."""
    right = torch.zeros(len(clips), len(VOICE_LABELS))
    weight = torch.ones(len(clips))
    for row, clip in enumerate(clips):
        right[row, VOICE_LABELS.index(clip.label)] = 1.0
        if clip.corpus != "ravdess" and clip.label == "neutral":
            right[row, VOICE_LABELS.index("calm")] = 1.0
        if clip.corpus == "ravdess" and clip.label == "neutral":
            weight[row] = 2.0  # RAVDESS has half as many of them
    return right, weight


def train(
    clips: list[Clip], run_dir: Path, schedule: Schedule, *, verbose: bool = True
) -> VoiceNet:
    """Train (or go on training) in ``run_dir`` on the training part of ``clips``."""
    learn, held = speakers_part(clips, "train"), speakers_part(clips, "held")
    waveforms, held_waveforms = read_waveforms(learn), read_waveforms(held)
    right, weight = targets(learn)
    tess = np.array([clip.corpus == "tess" for clip in learn])
    always, sometimes = np.flatnonzero(~tess), np.flatnonzero(tess)
    per_epoch = len(always) + min(TESS_PER_EPOCH, len(sometimes))
    torch.manual_seed(schedule.seed)
    network = VoiceNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng([schedule.seed, epoch])
        generator = torch.Generator().manual_seed(schedule.seed * 1000 + epoch)
        some = rng.permutation(sometimes)[:TESS_PER_EPOCH]
        order = rng.permutation(np.concatenate([always, some]))
        for first in range(0, per_epoch - BATCH + 1, BATCH):
            index = order[first : first + BATCH]
            waveform, lengths = pad([augment(waveforms[i], rng) for i in index])
            with torch.no_grad():
                mel, mask = network.front(waveform, lengths)
            batch = {"mel": warp_bands(mel, generator), "mask": mask}
            batch |= {"right": right[index], "weight": weight[index]}
            batch = mix(batch, generator)
            batch["mel"] = mask_bands(batch["mel"], generator)
            yield batch

    def measure(averaged: nn.Module) -> dict[str, float]:
        answers = [_answer(averaged, w) for w in held_waveforms]
        hits = [VOICE_LABELS.names[a] == c.label for a, c in zip(answers, held, strict=True)]
        return {"held_accuracy": float(np.mean(hits))} if hits else {}

    result = fit(
        network,
        batches,
        per_epoch // BATCH,
        loss_of,
        schedule,
        run_dir,
        measure=measure,
        report=(lambda record: print(record, flush=True)) if verbose else None,  # noqa: T201
    )
    assert isinstance(result, VoiceNet)
    return result


def pad(waveforms: list[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Zero-padded ``(n, time)`` and lengths ``(n,)``."""
    lengths = torch.tensor([len(w) for w in waveforms])
    padded = torch.zeros(len(waveforms), int(lengths.max()))
    for row, waveform in enumerate(waveforms):
        padded[row, : len(waveform)] = torch.from_numpy(waveform)
    return padded, lengths


def _answer(network: nn.Module, waveform: NDArray[np.float32]) -> int:
    start, end = speech_extent(waveform)
    logits, _ = network(*pad([waveform[start:end]]))
    return int(logits.argmax())


def main() -> None:
    """Command line of the recipe."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ravdess", type=Path, required=True)
    parser.add_argument("--tess", type=Path, required=True)
    parser.add_argument("--emodb", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="run folder")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    clips = [
        c
        for name in ("ravdess", "tess", "emodb")
        for c in list_clips(name, getattr(arguments, name))
    ]
    train(clips, arguments.out, Schedule(epochs=arguments.epochs, learning_rate=2e-3))


if __name__ == "__main__":
    main()
