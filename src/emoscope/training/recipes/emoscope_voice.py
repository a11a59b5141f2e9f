"""``emoscope-voice``: our voice model, on all corpora of acted speech there are here."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.labels import VOICE_LABELS
from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets.corpora import SpeechCorpus
from emoscope.training.loop import Batch, Schedule
from emoscope.training.nets.voice import VoiceNet
from emoscope.training.recipe import Settings
from emoscope.training.splits import Fold
from emoscope.training.voice_recipe import VoiceRecipe, front_batch, pad
from emoscope.voice.features import FIRST_LOW_BIN, LOW_BINS, MELS

VIEW_S = 2.6
SMOOTHING = 0.1
# TESS is one text read 200 times by one voice: a sample of it each epoch is enough.
TESS_PER_EPOCH = 250

# Reported: four RAVDESS actors, two EMO-DB speakers, the younger TESS voice.
TEST_SPEAKERS = {"ravdess": ("17", "18", "19", "20"), "emodb": ("12", "14"), "tess": ("YAF",)}
# The temperature is fitted on these.
HELD_SPEAKERS = {"ravdess": ("15", "16")}


class EmoscopeVoice(VoiceRecipe):
    """A residual network on a log spectrum that pools under a mask; the model that ships.

    *Calm* exists only in RAVDESS: for the other corpora a neutral clip may be called either, so
    that *calm* does not become the name of a corpus. *Boredom*, which only EMO-DB has, is left out.
    """

    name = "emoscope-voice"
    summary = "our default: log spectrum inside the graph, residual convolutions, masked pooling"
    corpora = ("ravdess", "tess", "emodb")
    protocol = "own"
    preprocessing = (
        "inside the graph: log spectrum (64 mel bands, 64 low bins; 50 ms every 10 ms) relative to "
        "the loudest frame, pooled under the mask of lengths"
    )
    schedule = Schedule(
        epochs=40,
        batch_size=32,
        learning_rate=2e-3,
        weight_decay=0.05,
        warmup=0.1,
        average=0.998,
    )

    def network(self, classes: int, settings: Settings) -> nn.Module:
        return VoiceNet(labels=classes)

    def prepare(self, items: SpeechCorpus, protocol: str) -> SpeechCorpus:
        kept = np.array([clip.label in VOICE_LABELS.names for clip in items.clips], bool)
        items = items.take(kept)
        return items.relabel([clip.label for clip in items.clips])

    def own_split(self, items: SpeechCorpus) -> list[Fold]:
        """No speaker in two parts; the same ones reported for every version."""
        part = np.array([_part(clip.corpus, clip.speaker) for clip in items.clips])
        learn, held, test = (np.flatnonzero(part == name) for name in ("learn", "held", "test"))
        told = "; ".join(
            f"{name} {', '.join(who)}"
            for name, who in TEST_SPEAKERS.items()
            if any(clip.corpus == name for clip in items.clips)
        )
        return [Fold("", learn, held, test, f"speakers never heard in training: {told}")]

    def order(self, items: SpeechCorpus, rng: np.random.Generator) -> NDArray[np.int64]:
        tess = np.array([clip.corpus == "tess" for clip in items.clips], bool)
        if tess.all():
            return rng.permutation(len(items))
        some = rng.permutation(np.flatnonzero(tess))[:TESS_PER_EPOCH]
        return rng.permutation(np.concatenate([np.flatnonzero(~tess), some]))

    def augment(
        self, items: SpeechCorpus, index: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        start, end = items.extents[index].tolist()
        return vary(items.waveforms[index], start, end, rng)

    def batch(
        self,
        front: nn.Module,
        items: SpeechCorpus,
        index: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> Batch:
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        views = [self.augment(items, int(i), rng) for i in index]
        with torch.no_grad():
            mel, mask = front(*pad(views))
        right, weight = targets(items.take(index))
        made = mix(
            {"mel": warp_bands(mel, generator), "mask": mask, "right": right, "weight": weight},
            generator,
        )
        mel, mask = mask_bands(made.pop("mel"), generator), made.pop("mask")
        return front_batch((mel, mask)) | made

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Smoothed cross-entropy over the answers that count as right, rare classes weighted up."""
        logits = network.answer(network.embed(batch["front0"], batch["front1"]))  # type: ignore[operator]
        log_p = F.log_softmax(logits.float(), dim=1)
        loss = batch["share"] * _one_loss(log_p, batch["right"], batch["weight"])
        loss = loss + (1 - batch["share"]) * _one_loss(log_p, batch["other"], batch["other_weight"])
        return loss.mean()


def _part(corpus: str, speaker: str) -> str:
    if speaker in TEST_SPEAKERS.get(corpus, ()):
        return "test"
    return "held" if speaker in HELD_SPEAKERS.get(corpus, ()) else "learn"


def vary(
    waveform: NDArray[np.float32], start: int, end: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A random view: speed ±16%, cut about the speech, band emphasis, noise at 12 to 45 dB.

    Args:
        waveform: ``(time,)`` at 16 kHz.
        start: first sample of the speech.
        end: behind its last sample.
        rng: of the view.

    Returns:
        at most ``VIEW_S`` seconds.
    """
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
        for axis, size, widest in ((0, bands, min(16, bands)), (1, frames, min(24, frames))):
            for _ in range(2):
                width = int(torch.randint(0, widest, (1,), generator=generator))
                first = int(torch.randint(0, size - width, (1,), generator=generator))
                mel[row].narrow(axis, first, width).zero_()
    return mel


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


def targets(items: SpeechCorpus) -> tuple[Tensor, Tensor]:
    """Per clip the answers that count as right ``(n, classes)`` and its weight ``(n,)``."""
    labels = items.label_set
    right = torch.zeros(len(items), len(labels))
    weight = torch.ones(len(items))
    for row, clip in enumerate(items.clips):
        right[row, labels.index(clip.label)] = 1.0
        if clip.corpus != "ravdess" and clip.label == "neutral" and "calm" in labels.names:
            right[row, labels.index("calm")] = 1.0
        if clip.corpus == "ravdess" and clip.label == "neutral":
            weight[row] = 2.0  # RAVDESS has half as many of them
    return right, weight
