"""``emoscope-face``: our face model, FER2013's labels and FER+'s votes on one trunk."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.training.face_recipe import FaceRecipe
from emoscope.training.loop import Batch, Schedule
from emoscope.training.nets.face import CROP_SIZE, FaceNet
from emoscope.training.recipe import Settings
from emoscope.training.views import warp

# Trained on smaller views than it reads in use: cheaper, and better at the larger size
# (Touvron et al., 2019).
VIEW = 40
VOTE_WEIGHT = 0.5
SMOOTHING = 0.1


class EmoscopeFace(FaceRecipe):
    """A small residual network with squeeze-and-excitation; the model that ships.

    Two heads learn FER2013's label (Goodfellow et al., 2013) and the distribution of FER+'s votes
    (Barsoum et al., 2016); the answer is a weighted mean of both.
    """

    name = "emoscope-face"
    summary = "our default: 48×48, residual with squeeze-excitation, FER+ votes beside the label"
    preprocessing = "inside the graph: each grey crop is brought to mean 0 and deviation 1"
    size = CROP_SIZE
    schedule = Schedule(
        epochs=30,
        batch_size=128,
        learning_rate=2e-3,
        weight_decay=0.05,
        warmup=0.1,
        average=0.998,
    )

    def network(self, classes: int, settings: Settings) -> nn.Module:
        return FaceNet(labels=classes)

    def augment(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        return augment(crops, VIEW, generator)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Smoothed cross-entropy of the label, and of the votes where people saw a face."""
        labels, votes, _ = network(batch["crops"])
        loss = F.cross_entropy(labels, batch["label"], label_smoothing=SMOOTHING)
        share = batch["votes"]
        counted = share.sum(1) > 0
        if counted.any():
            target = share[counted] / share[counted].sum(1, keepdim=True)
            loss = loss + VOTE_WEIGHT * F.cross_entropy(votes[counted], target)
        return loss


def augment(crops: Tensor, view: int, generator: torch.Generator) -> Tensor:
    """Random views ``(n, view, view)`` of crops ``(n, 48, 48)``, grey values 0 to 255.

    Mirror, rotation to 15°, scale 0.8 to 1.2, shift to 10%, exposure, noise, blur, and a patch
    erased: what detector boxes and real photographs vary in.
    """
    n = len(crops)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    x = warp(crops, generator, angle=15, scale=0.2, shift=0.1, view=view)[:, None]
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    soften = (uniform(0, 1) < 0.15).float() * uniform(0.3, 1.0)
    x = torch.lerp(x, blurred, soften[:, None, None, None])
    gamma = torch.exp(uniform(-0.4, 0.4))[:, None, None, None]
    x = 255.0 * (x.clamp(0, 255) / 255.0) ** gamma
    noise = (uniform(0, 1) < 0.25).float() * uniform(0, 12)
    x = x + torch.randn(x.shape, generator=generator) * noise[:, None, None, None]
    return _erase(x, uniform(0, 1) < 0.25, generator)[:, 0].clamp(0, 255)


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
