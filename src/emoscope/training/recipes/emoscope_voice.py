"""``emoscope-voice``: our voice model, on all corpora of acted speech there are here."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.labels import VOICE_LABELS
from emoscope.training.datasets.corpora import SpeechCorpus
from emoscope.training.export import round_to_half
from emoscope.training.loop import Batch, Schedule
from emoscope.training.nets import speaker
from emoscope.training.nets.voice import CHANNELS, VoiceFront, VoiceNet
from emoscope.training.recipe import Settings
from emoscope.training.splits import Fold
from emoscope.training.voice_recipe import VoiceRecipe, front_batch
from emoscope.training.voice_views import View, views_of

SMOOTHING = 0.1
# TESS is one text read 200 times by one voice: a sample of it each epoch, and fewer views.
TESS_PER_EPOCH = 400
VIEWS = 10
TESS_VIEWS = 4
FRAMES = 104  # of 20 ms of a view, at most: 2.1 s

# Reported: four RAVDESS actors, two EMO-DB speakers, the younger TESS voice.
TEST_SPEAKERS = {"ravdess": ("17", "18", "19", "20"), "emodb": ("12", "14"), "tess": ("YAF",)}
# The temperature is fitted on these.
HELD_SPEAKERS = {"ravdess": ("15", "16")}

# RAVDESS has half as many neutral clips as of any other label; EMO-DB is small and uneven.
_WEIGHTS = {
    ("ravdess", "neutral"): 2.0,
    ("emodb", ""): 2.0,
    ("emodb", "angry"): 1.5,
    ("emodb", "disgust"): 2.8,
}


class EmoscopeVoice(VoiceRecipe):
    """Perceptrons on functionals and on a speaker encoder, convolutions over frames; it ships.

    Views of the clips are made once and kept: they cost more than many epochs of learning.

    *Calm* exists only in RAVDESS: for the other corpora a neutral clip may be called either, so
    that *calm* does not become the name of a corpus. *Boredom*, which only EMO-DB has, is left out.
    """

    name = "emoscope-voice"
    summary = "our default: functionals, a speaker encoder and convolutions over frames, averaged"
    corpora = ("ravdess", "tess", "emodb")
    protocol = "own"
    preprocessing = (
        "inside the graph: log spectrum (64 mel bands, 64 low bins; 50 ms every 20 ms) relative to "
        "the loudest frame; functionals and frames of it, and the lower layers of Resemblyzer's "
        "speaker encoder (Apache-2.0), where something is heard"
    )
    schedule = Schedule(
        epochs=60,
        batch_size=32,
        learning_rate=3e-3,
        weight_decay=0.05,
        warmup=0.1,
        average=0.995,
    )

    def __init__(self) -> None:
        self._views: dict[tuple[str, int], list[View]] = {}

    def network(self, classes: int, settings: Settings) -> nn.Module:
        network = VoiceNet(labels=classes)
        if not settings.from_scratch:
            speaker.load(network.front.encoder, settings.checkpoint)
        return network

    def finish(self, network: nn.Module) -> None:
        round_to_half(network)

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

    def batch(
        self,
        front: nn.Module,
        items: SpeechCorpus,
        index: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> Batch:
        drawn = [self._view(front, items, row, rng) for row in index.tolist()]
        frames = np.zeros((len(drawn), CHANNELS, FRAMES), np.float32)
        heard = np.zeros((len(drawn), FRAMES), np.float32)
        for row, view in enumerate(drawn):
            first = int(rng.integers(max(1, len(view.heard) - FRAMES + 1)))
            part = slice(first, first + FRAMES)
            size = len(view.heard[part])
            frames[row, :, :size], heard[row, :size] = view.frames[:, part], view.heard[part]
        functionals = np.stack([view.functionals for view in drawn]).astype(np.float32)
        encoded = np.stack([view.encoded for view in drawn]).astype(np.float32)
        right, weight = targets(items.take(index))
        made = (functionals, encoded, frames, heard, hide(frames.shape, rng))
        return front_batch(tuple(map(torch.from_numpy, made))) | {"right": right, "weight": weight}

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Each part's smoothed cross-entropy over the answers that count as right, summed."""
        front = [batch[f"front{number}"] for number in range(5)]
        logits = network.answers(network.embed(*front))  # type: ignore[operator]
        log_p = F.log_softmax(logits.float(), dim=2)
        right = torch.log(batch["right"] + 1e-9)[:, None]
        answer = torch.logsumexp(log_p + right, dim=2)
        loss = -((1 - SMOOTHING) * answer + SMOOTHING * log_p.mean(2)).sum(1)
        return (loss * batch["weight"]).mean()

    def _view(
        self, front: nn.Module, items: SpeechCorpus, row: int, rng: np.random.Generator
    ) -> View:
        """One of a recording's views."""
        assert isinstance(front, VoiceFront)
        clip = items.clips[row]
        key = (str(clip.path), len(items.waveforms[row]))
        if key not in self._views:
            count = TESS_VIEWS if clip.corpus == "tess" else VIEWS
            self._views[key] = views_of(front, items, row, count)
        views = self._views[key]
        return views[int(rng.integers(len(views)))]


def _part(corpus: str, speaker: str) -> str:
    if speaker in TEST_SPEAKERS.get(corpus, ()):
        return "test"
    return "held" if speaker in HELD_SPEAKERS.get(corpus, ()) else "learn"


def hide(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """SpecAugment (Park et al., 2019): 0 in two stretches of channels and two of time, else 1."""
    shown = np.ones(shape, np.float32)
    for row in shown:
        for axis, widest in ((0, 8), (1, 14)):
            for _ in range(2):
                width = int(rng.integers(widest + 1))
                first = int(rng.integers(row.shape[axis] - width + 1))
                np.swapaxes(row, 0, axis)[first : first + width] = 0.0
    return shown


def targets(items: SpeechCorpus) -> tuple[Tensor, Tensor]:
    """Per clip the answers that count as right ``(n, classes)`` and its weight ``(n,)``."""
    labels = items.label_set
    right = torch.zeros(len(items), len(labels))
    weight = torch.ones(len(items))
    for row, clip in enumerate(items.clips):
        right[row, labels.index(clip.label)] = 1.0
        if clip.corpus != "ravdess" and clip.label == "neutral" and "calm" in labels.names:
            right[row, labels.index("calm")] = 1.0
        weight[row] = _WEIGHTS.get((clip.corpus, clip.label), _WEIGHTS.get((clip.corpus, ""), 1.0))
    return right, weight
