"""What every face recipe shares: scaled crops, batches, answers, export."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.labels import LabelSet
from emoscope.models.metadata import ModelMetadata
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.datasets.pictures import scaled
from emoscope.training.export import export_face
from emoscope.training.loop import Batch, Schedule, fit
from emoscope.training.recipe import Recipe, Settings

_AT_ONCE = 128
_ACQUAINTED_WITH = 256


class FaceRecipe(Recipe[FaceCorpus]):
    """A network on grey crops.

    The network is a module with ``embed(crops) -> (n, d)``, for crops ``(n, size, size)`` with
    grey values 0 to 255 of any dtype, and ``answer(embedding) -> logits (n, classes)``;
    preprocessing is part of it. Where it has an ``embedding_size``, that many first values of
    ``embed`` are what the model file gives as the embedding; where it has a ``label_answer``, its
    softmax is the file's ``fer2013_probs``.

    Attributes:
        size: side of the crops in pixels.
        schedule: how long and how fast, unless somebody says otherwise.
    """

    role = "face"
    corpora = ("fer2013",)
    protocol = "usage"
    size: ClassVar[int] = 48
    schedule: ClassVar[Schedule]

    @abstractmethod
    def network(self, classes: int, settings: Settings) -> nn.Module:
        """A network to train; ``settings`` names pretrained weights."""

    def acquaint(self, network: nn.Module, crops: Tensor) -> None:
        """See some crops ``(n, size, size)`` before learning begins; here: nothing is done."""

    def finish(self, network: nn.Module, held: FaceCorpus) -> None:
        """Make a network that has learnt ready for use, before its answer is calibrated.

        Args:
            network: changed in place; here: nothing is done.
            held: the part held back, for temperatures of the network's own.
        """

    def augment(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        """Random views of crops ``(n, size, size)`` uint8; here: half of them mirrored."""
        mirrored = torch.rand(len(crops), generator=generator) < 0.5
        return torch.where(mirrored[:, None, None], crops.flip(2), crops)

    def votes(self, learn: FaceCorpus) -> Tensor:
        """What people saw in each item to learn from; here: FER+'s votes ``(n, 8)``."""
        return torch.from_numpy(learn.votes)

    def mixed(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Blend the items of a batch; here: they stay apart."""
        del generator
        return batch

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy; a batch has ``crops``, ``label``, its ``target`` and its ``votes``."""
        return F.cross_entropy(network.answer(network.embed(batch["crops"])), batch["label"])  # type: ignore[operator]

    def begin_epoch(self, network: nn.Module, epoch: int, epochs: int) -> None:
        """Freeze or unfreeze parts of the network; here: nothing."""

    @property
    def input(self) -> dict[str, Any]:
        return {"name": "crops", "dtype": "uint8", "shape": ["n", self.size, self.size]}

    def train(
        self,
        learn: FaceCorpus,
        held: FaceCorpus,
        labels: LabelSet,
        run_dir: Path,
        settings: Settings,
    ) -> TrainedFace:
        torch.manual_seed(settings.seed)
        network = self.network(len(labels), settings)
        some = learn.crops[:: max(1, len(learn) // _ACQUAINTED_WITH)]
        self.acquaint(network, torch.from_numpy(scaled(some, self.size)))
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        schedule = self.schedule.with_settings(settings)
        teaching = _FaceTeaching(self, learn, held)
        network = fit(network, teaching, schedule, run_dir, settings)
        self.finish(network, held)
        return TrainedFace(network, self.size)


def one_hot(items: FaceCorpus) -> Tensor:
    """Labels as distributions ``(n, classes)``, which can be blended."""
    return F.one_hot(torch.from_numpy(items.labels), len(items.label_set)).float()


class TrainedFace:
    """A trained face network."""

    def __init__(self, network: nn.Module, size: int) -> None:
        self.network, self.size = network, size

    def logits(self, items: FaceCorpus) -> NDArray[np.float64]:
        return logits_of(self.network, self.network.answer, items, self.size)  # type: ignore[arg-type]

    def export(self, temperature: float, metadata: ModelMetadata, path: Path) -> float:
        return export_face(self.network, temperature, metadata, path, size=self.size)


class _FaceTeaching:
    """A recipe with its data, as the loop asks for it."""

    def __init__(self, recipe: FaceRecipe, learn: FaceCorpus, held: FaceCorpus) -> None:
        self._recipe = recipe
        self._crops = torch.from_numpy(scaled(learn.crops, recipe.size))
        self._labels = torch.from_numpy(learn.labels)
        self._targets = one_hot(learn)
        self._votes = recipe.votes(learn)
        truth = recipe.truth(held)
        self._held_crops = torch.from_numpy(scaled(held.crops[truth >= 0], recipe.size))
        self._held_truth = torch.from_numpy(truth[truth >= 0])
        self.loss = recipe.loss
        self.begin_epoch = recipe.begin_epoch

    def steps(self, batch_size: int) -> int:
        return max(1, len(self._labels) // batch_size)

    def batches(self, epoch: int, batch_size: int, seed: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order = torch.randperm(len(self._labels), generator=generator)
        for index in torch.split(order, batch_size)[: self.steps(batch_size)]:
            batch = {
                "crops": self._recipe.augment(self._crops[index], generator),
                "label": self._labels[index],
                "target": self._targets[index],
                "votes": self._votes[index],
            }
            yield self._recipe.mixed(batch, generator)

    def held_batches(self) -> Iterator[Batch]:
        for start in range(0, len(self._held_truth), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            yield {"crops": self._held_crops[part], "label": self._held_truth[part]}

    def logits(self, network: nn.Module, batch: Batch) -> Tensor:
        logits: Tensor = network.answer(network.embed(batch["crops"]))  # type: ignore[operator]
        return logits


def logits_of(
    network: nn.Module, answer: Callable[[Tensor], Tensor], items: FaceCorpus, size: int
) -> NDArray[np.float64]:
    """What an answer of a network, ``embedding -> logits``, says of pictures: ``(n, classes)``."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(items), _AT_ONCE):
            crops = scaled(items.crops[start : start + _AT_ONCE], size)
            rows.append(answer(network.embed(torch.from_numpy(crops))))  # type: ignore[operator]
    found: NDArray[np.float64] = torch.cat(rows).double().numpy()
    return found
