"""``emoscope-face``: our face model, FER2013's labels and FER+'s votes on one trunk."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.labels import FERPLUS_LABELS, SHARED
from emoscope.training.calibration import temperature
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.datasets.ferplus import vote_winner
from emoscope.training.export import round_to_half
from emoscope.training.face_recipe import FaceRecipe, logits_of, one_hot
from emoscope.training.loop import Batch, Schedule
from emoscope.training.nets import faceres
from emoscope.training.nets.face import CROP_SIZE, SIDE, FaceNet
from emoscope.training.recipe import Settings
from emoscope.training.views import warp

MIXED = 0.6  # share of the pictures that another shines through (mixup, Zhang et al., 2018)


class EmoscopeFace(FaceRecipe):
    """MobileNet from faces to feelings; the model that ships.

    The trunk knows people apart before it begins (HSE-FaceRes, trained on VGGFace2). Two heads
    learn FER2013's label (Goodfellow et al., 2013) and the distribution of FER+'s votes (Barsoum
    et al., 2016). The answer is that of the votes, which tell more of a picture than one label; the
    label's is an output of its own.
    """

    name = "emoscope-face"
    summary = "our default: 48×48, transfer from HSE-FaceRes, FER+ votes beside the label"
    preprocessing = (
        "inside the graph: each grey crop is enlarged to 112×112 and brought to mean 0 and one "
        "deviation; the trunk was begun from HSE-FaceRes (MIT, trained on VGGFace2)"
    )
    size = CROP_SIZE
    schedule = Schedule(
        epochs=18,
        batch_size=64,
        learning_rate=5e-4,
        weight_decay=0.05,
        warmup=0.05,
        average=0.998,
    )

    def network(self, classes: int, settings: Settings) -> nn.Module:
        network = FaceNet(labels=classes, votes=classes + 1)
        if not settings.from_scratch:
            faceres.load(network, settings.checkpoint)
        return network

    def acquaint(self, network: nn.Module, crops: Tensor) -> None:
        assert isinstance(network, FaceNet)
        if network.pretrained:
            network.settle_norms(crops)

    def begin_epoch(self, network: nn.Module, epoch: int, epochs: int) -> None:
        assert isinstance(network, FaceNet)
        if network.pretrained:
            network.freeze_bottom()

    def finish(self, network: nn.Module, held: FaceCorpus) -> None:
        assert isinstance(network, FaceNet)
        network.fold_norms()
        round_to_half(network)
        logits = logits_of(network, network.label_head, held, self.size)
        network.label_temperature.fill_(temperature(logits, held.labels))

    def truth(self, items: FaceCorpus) -> NDArray[np.int64]:
        """The emotion with most of FER+'s votes; the label where no picture has one."""
        winner, _ = vote_winner(items)
        if (winner < 0).all():
            return items.labels
        names = items.label_set.names
        places = [names.index(name) if name in names else -1 for name in SHARED]
        return np.array([*places, -1], np.int64)[winner]  # the last for who has no winner

    def votes(self, learn: FaceCorpus) -> Tensor:
        """FER+'s votes ``(n, classes + 1)`` for the labels, and for any other emotion.

        Where nobody voted at all, the label is the one vote: the answer must learn something.
        """
        if not learn.votes.any():
            return F.pad(one_hot(learn), (0, 1))
        columns = np.zeros((len(FERPLUS_LABELS), len(learn.label_set) + 1), np.float32)
        names = learn.label_set.names
        for row, name in enumerate(FERPLUS_LABELS.names):
            columns[row, names.index(name) if name in names else -1] = 1
        return torch.from_numpy(learn.votes @ columns)

    def augment(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        return augment(crops, SIDE, generator)

    def mixed(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mixup: crops, targets and votes with a share, below half, of another picture."""
        n = len(batch["label"])
        other = torch.randperm(n, generator=generator)
        share = 0.5 * torch.rand(n, generator=generator)
        share *= torch.rand(n, generator=generator) < MIXED
        votes = batch["votes"].float()
        blended = {
            "crops": batch["crops"],
            "target": batch["target"],
            "votes": votes / votes.sum(1, keepdim=True).clamp(min=1e-6),
        }
        for name, values in blended.items():
            batch[name] = values.lerp(values[other], share.view(-1, *[1] * (values.ndim - 1)))
        return batch

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy of the label's target, and of the votes where people saw a face."""
        labels, votes, _ = network(batch["crops"])
        loss = F.cross_entropy(labels, batch["target"])
        seen = batch["votes"].sum(1)  # 1, or the share of a blend's pictures that have votes
        wrong = F.cross_entropy(votes, batch["votes"], reduction="sum")
        return loss + wrong / seen.sum().clamp(min=1.0)


def augment(crops: Tensor, view: int, generator: torch.Generator) -> Tensor:
    """Random views ``(n, view, view)`` of crops ``(n, 48, 48)``, grey values 0 to 255.

    Blur, exposure, noise, a patch erased; mirror, rotation to 15°, scale 0.8 to 1.2, shift to 10%:
    what detector boxes and real photographs vary in.
    """
    n = len(crops)

    def uniform(low: float, high: float) -> Tensor:
        found = torch.rand(n, generator=generator) * (high - low) + low
        return found[:, None, None, None]

    x = crops[:, None].float()
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = torch.lerp(x, blurred, (uniform(0, 1) < 0.15).float() * uniform(0.3, 1.0))
    x = 255.0 * (x.clamp(0, 255) / 255.0) ** torch.exp(uniform(-0.4, 0.4))
    noise = (uniform(0, 1) < 0.2).float() * uniform(0, 12)
    x = x + torch.randn(x.shape, generator=generator) * noise
    x = _erase(x, (uniform(0, 1) < 0.25).flatten(), generator)[:, 0].clamp(0, 255)
    # The crop as a whole becomes the view: enlarging and turning are one step.
    return warp(x, generator, angle=15, scale=0.2, shift=0.1, view=view, whole=True)


def _erase(x: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Cover a random patch of the chosen pictures with their mean (a hand, hair, glasses)."""
    n, _, height, width = x.shape
    centre = torch.rand(n, 2, generator=generator)
    half = torch.rand(n, 2, generator=generator) * 0.15 + 0.08
    rows = torch.linspace(0, 1, height)[None, :, None]
    columns = torch.linspace(0, 1, width)[None, None, :]
    inside = ((rows - centre[:, :1, None]).abs() < half[:, :1, None]) & (
        (columns - centre[:, 1:, None]).abs() < half[:, 1:, None]
    )
    inside &= chosen[:, None, None]
    return torch.where(inside[:, None], x.mean((2, 3), keepdim=True), x)
