"""What every network on speech shares: batches of waveforms or kept features, answers, export."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.labels import LabelSet
from emoscope.media import SAMPLE_RATE
from emoscope.models.metadata import ModelMetadata
from emoscope.training.datasets.corpora import SpeechCorpus
from emoscope.training.export import export_voice
from emoscope.training.loop import Batch, Schedule, fit
from emoscope.training.recipe import Recipe, Settings

_AT_ONCE = 16


class VoiceRecipe(Recipe[SpeechCorpus]):
    """A network on waveforms.

    The network is a module with a submodule ``front(waveform, lengths)``, which gives a tuple of
    tensors and has nothing to learn, with ``embed(*front) -> (n, d)`` and with
    ``answer(embedding) -> logits (n, classes)``.

    Attributes:
        schedule: how long and how fast, unless somebody says otherwise.
        keeps_features: whether ``front`` gives one row of fixed size a clip and the waveforms are
            not varied, so that it need be computed only once.
    """

    role = "voice"
    protocol = "speakers"
    schedule: ClassVar[Schedule]
    keeps_features: ClassVar[bool] = False

    @abstractmethod
    def network(self, classes: int, settings: Settings) -> nn.Module:
        """A network to train; ``settings`` names pretrained weights."""

    def augment(
        self, items: SpeechCorpus, index: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """A random view ``(time,)`` of a recording; here: its speech as it is."""
        del rng
        return items.speech(index)

    def order(self, items: SpeechCorpus, rng: np.random.Generator) -> NDArray[np.int64]:
        """Which recordings an epoch has, in order; here: all. Always as many."""
        return rng.permutation(len(items))

    def batch(
        self,
        front: nn.Module,
        items: SpeechCorpus,
        index: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> Batch:
        """A batch to learn from, with ``label`` and what ``front`` gives as ``front0``, ..."""
        views = [self.augment(items, int(i), rng) for i in index]
        with torch.no_grad():
            made = front(*pad(views))
        return front_batch(made) | {"label": torch.from_numpy(items.labels[index])}

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy."""
        return F.cross_entropy(answer(network, batch), batch["label"])

    def begin_epoch(self, network: nn.Module, epoch: int, epochs: int) -> None:
        """Freeze or unfreeze parts of the network; here: nothing."""

    def finish(self, network: nn.Module) -> None:
        """Make a network that has learnt ready for use, before it is calibrated; here: nothing."""

    @property
    def input(self) -> dict[str, Any]:
        return {
            "name": "waveform",
            "dtype": "float32",
            "shape": ["n", "time"],
            "sample_rate": SAMPLE_RATE,
        }

    def train(
        self,
        learn: SpeechCorpus,
        held: SpeechCorpus,
        labels: LabelSet,
        run_dir: Path,
        settings: Settings,
    ) -> TrainedVoice:
        torch.manual_seed(settings.seed)
        network = self.network(len(labels), settings)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        schedule = self.schedule.with_settings(settings)
        made = _KeptTeaching if self.keeps_features else _VoiceTeaching
        teaching = made(self, network, learn, held)
        network = fit(network, teaching, schedule, run_dir, settings)
        self.finish(network)
        return TrainedVoice(network, self)


class TrainedVoice:
    """A trained voice network."""

    def __init__(self, network: nn.Module, recipe: VoiceRecipe) -> None:
        self.network, self._recipe = network, recipe

    def logits(self, items: SpeechCorpus) -> NDArray[np.float64]:
        with torch.inference_mode():
            front = self.network.get_submodule("front")
            rows = [answer(self.network, batch) for batch in _whole(front, items)]
        found: NDArray[np.float64] = torch.cat(rows).double().numpy()
        return found

    def export(self, temperature: float, metadata: ModelMetadata, path: Path) -> float:
        return export_voice(self.network, temperature, metadata, path)


class _VoiceTeaching:
    """A recipe with its data, as the loop asks for it."""

    def __init__(
        self, recipe: VoiceRecipe, network: nn.Module, learn: SpeechCorpus, held: SpeechCorpus
    ) -> None:
        # A copy that stays on the processor when the network moves to a card.
        self._front = copy.deepcopy(network.get_submodule("front"))
        self._recipe, self._learn = recipe, learn
        self._held = list(_whole(self._front, held))
        self._count = len(recipe.order(learn, np.random.default_rng(0)))
        self.loss = recipe.loss
        self.begin_epoch = recipe.begin_epoch

    def steps(self, batch_size: int) -> int:
        return max(1, self._count // batch_size)

    def batches(self, epoch: int, batch_size: int, seed: int) -> Iterator[Batch]:
        rng = np.random.default_rng([seed, epoch])
        order = self._recipe.order(self._learn, rng)
        for step in range(self.steps(batch_size)):
            index = order[step * batch_size : (step + 1) * batch_size]
            yield self._recipe.batch(self._front, self._learn, index, rng)

    def held_batches(self) -> Iterator[Batch]:
        yield from self._held

    def logits(self, network: nn.Module, batch: Batch) -> Tensor:
        return answer(network, batch)


class _KeptTeaching(_VoiceTeaching):
    """Features computed once, for recipes that do not vary the waveforms."""

    def __init__(
        self, recipe: VoiceRecipe, network: nn.Module, learn: SpeechCorpus, held: SpeechCorpus
    ) -> None:
        super().__init__(recipe, network, learn, held)
        parts = list(_whole(self._front, learn))
        self._kept = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}

    def batches(self, epoch: int, batch_size: int, seed: int) -> Iterator[Batch]:
        rng = np.random.default_rng([seed, epoch])
        order = self._recipe.order(self._learn, rng)
        for step in range(self.steps(batch_size)):
            index = torch.from_numpy(order[step * batch_size : (step + 1) * batch_size])
            yield {key: value[index] for key, value in self._kept.items()}


def answer(network: nn.Module, batch: Batch) -> Tensor:
    """Logits ``(n, classes)`` of a batch."""
    front = [batch[f"front{i}"] for i in range(sum(key.startswith("front") for key in batch))]
    logits: Tensor = network.answer(network.embed(*front))  # type: ignore[operator]
    return logits


def name_tess_voices(items: SpeechCorpus, protocol: str) -> SpeechCorpus:
    """Name the speaker in TESS' labels, ``OAF/angry``, where both voices are learnt from.

    So do the published figures that count 14 classes.
    """
    if items.corpus != "tess" or protocol != "random":
        return items
    return items.relabel([f"{clip.speaker}/{clip.label}" for clip in items.clips])


def pad(waveforms: list[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Zero-padded ``(n, time)`` and lengths ``(n,)``."""
    lengths = torch.tensor([len(w) for w in waveforms])
    padded = torch.zeros(len(waveforms), int(lengths.max()))
    for row, waveform in enumerate(waveforms):
        padded[row, : len(waveform)] = torch.from_numpy(waveform)
    return padded, lengths


def _whole(front: nn.Module, items: SpeechCorpus) -> Iterator[Batch]:
    """Every recording's speech, as it is, in order."""
    labels = torch.from_numpy(items.labels)
    for start in range(0, len(items), _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, len(items)))
        with torch.no_grad():
            made = front(*pad([items.speech(row) for row in rows]))
        yield front_batch(made) | {"label": labels[start : start + _AT_ONCE]}


def front_batch(front: tuple[Tensor, ...]) -> Batch:
    """What ``front`` gave, as part of a batch."""
    return {f"front{number}": tensor for number, tensor in enumerate(front)}
