"""``emoscope-voice``: our voice model, on all corpora of acted speech there are here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.labels import VOICE_LABELS, LabelSet
from emoscope.training.datasets.corpora import SpeechCorpus
from emoscope.training.export import round_to_half
from emoscope.training.loop import Batch, Schedule
from emoscope.training.nets import whisper
from emoscope.training.nets.voice import VoiceNet
from emoscope.training.recipe import Judged, Settings, Trained
from emoscope.training.splits import Fold
from emoscope.training.voice_recipe import VoiceRecipe, front_batch, name_tess_voices
from emoscope.training.voice_views import views_of

SMOOTHING = 0.1
# TESS is one text read 200 times by one voice: a sample of it each epoch, and fewer views.
TESS_PER_EPOCH = 400
# Views of a recording: whole, and pieces of speech.
VIEWS = (8, 6)
TESS_VIEWS = (3, 2)
TURNS = 4  # trainings more, for the temperature

# Reported: four RAVDESS actors, two EMO-DB speakers, the younger TESS voice.
TEST_SPEAKERS = {"ravdess": ("17", "18", "19", "20"), "emodb": ("12", "14"), "tess": ("YAF",)}
# Neither learnt from nor reported: for choices, and part of what the temperature is fitted on.
HELD_SPEAKERS = {"ravdess": ("15", "16")}

# RAVDESS has half as many neutral clips as of any other label; EMO-DB is small and uneven.
_WEIGHTS = {
    ("ravdess", "neutral"): 2.0,
    ("emodb", ""): 2.0,
    ("emodb", "angry"): 1.5,
    ("emodb", "disgust"): 2.8,
}


class EmoscopeVoice(VoiceRecipe):
    """Perceptrons on what a network hears that follows speech; it ships.

    Views of the clips are made once and kept: they cost more than many epochs of learning.

    *Calm* exists only in RAVDESS: for the other corpora a neutral clip may be called either, so
    that *calm* does not become the name of a corpus. *Boredom*, which only EMO-DB has, is not
    answered by the model that ships.
    """

    name = "emoscope-voice"
    summary = "our default: perceptrons on the first layer of a speech encoder (Whisper)"
    corpora = ("ravdess", "tess", "emodb")
    protocol = "own"
    preprocessing = (
        "inside the graph: log-mel (80 bands, 25 ms every 10 ms; those above 6.6 kHz repeat the "
        "one below) from 35 ms before the first 8 ms to 100 ms behind the last frame that is "
        "heard, at one level, without offset; mean and deviation of the first layer of Whisper "
        "tiny's encoder as smart-turn 3.2 has it (MIT, BSD-2-Clause), as each frame is heard"
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
        self._views: dict[tuple[str, int], NDArray[np.float16]] = {}

    def network(self, classes: int, settings: Settings) -> nn.Module:
        network = VoiceNet(labels=classes)
        if not settings.from_scratch:
            whisper.load(network.front, settings.checkpoint)
        return network

    def finish(self, network: nn.Module) -> None:
        round_to_half(network)

    def judge(
        self,
        trained: Trained[SpeechCorpus],
        learn: SpeechCorpus,
        held: SpeechCorpus,
        labels: LabelSet,
        run_dir: Path,
        settings: Settings,
    ) -> Judged:
        """Answers to what was held back, and to all speakers learnt from, left out in turn.

        How sure to be of two strangers says little of how sure to be of the next.
        """
        parts = [super().judge(trained, learn, held, labels, run_dir, settings)]
        everyone = np.arange(len(learn))
        for number, part in enumerate(turns(learn), start=1):
            rest, out = learn.take(np.setdiff1d(everyone, part)), learn.take(part)
            place = run_dir / f"turn-{number}"
            other = self.train(rest, out, labels, place, settings)
            parts.append(super().judge(other, rest, out, labels, place, settings))
        return Judged(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.truth for part in parts]),
            "items held back, or of speakers learnt from who were left out in turn",
        )

    def prepare(self, items: SpeechCorpus, protocol: str) -> SpeechCorpus:
        """The labels of the shipped model; under other protocols each corpus keeps its own."""
        if protocol != "own":
            return name_tess_voices(items, protocol)
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
        drawn = np.stack([self._view(front, items, row, rng) for row in index.tolist()])
        right, weight = targets(items.take(index))
        heard = torch.from_numpy(drawn.astype(np.float32))
        return front_batch((heard,)) | {"right": right, "weight": weight}

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Each one's smoothed cross-entropy over the answers that count as right, summed."""
        logits = network.answers(network.embed(batch["front0"]))  # type: ignore[operator]
        log_p = F.log_softmax(logits.float(), dim=2)
        right = torch.log(batch["right"] + 1e-9)[:, None]
        answer = torch.logsumexp(log_p + right, dim=2)
        loss = -((1 - SMOOTHING) * answer + SMOOTHING * log_p.mean(2)).sum(1)
        return (loss * batch["weight"]).mean()

    def _view(
        self, front: nn.Module, items: SpeechCorpus, row: int, rng: np.random.Generator
    ) -> NDArray[np.float16]:
        """One of a recording's views."""
        assert isinstance(front, whisper.WhisperEncoder)
        clip = items.clips[row]
        key = (str(clip.path), len(items.waveforms[row]))
        if key not in self._views:
            whole, pieces = TESS_VIEWS if clip.corpus == "tess" else VIEWS
            self._views[key] = views_of(front, items, row, whole, pieces)
        view: NDArray[np.float16] = self._views[key][int(rng.integers(len(self._views[key])))]
        return view


def _part(corpus: str, speaker: str) -> str:
    if speaker in TEST_SPEAKERS.get(corpus, ()):
        return "test"
    return "held" if speaker in HELD_SPEAKERS.get(corpus, ()) else "learn"


def turns(items: SpeechCorpus) -> list[NDArray[np.int64]]:
    """Index arrays that hold every speaker once, some of each corpus in each.

    Who speaks alone, or one of two, in a corpus stays: without them it would be an unheard corpus.
    """
    people: dict[str, list[str]] = {}
    for corpus, speaker in sorted({(clip.corpus, clip.speaker) for clip in items.clips}):
        people.setdefault(corpus, []).append(speaker)
    turn = {
        (corpus, speaker): number % TURNS
        for corpus, speakers in people.items()
        for number, speaker in enumerate(speakers)
        if len(speakers) > 2
    }
    mine = np.array([turn.get((clip.corpus, clip.speaker), -1) for clip in items.clips])
    return [part for number in range(TURNS) if len(part := np.flatnonzero(mine == number))]


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
