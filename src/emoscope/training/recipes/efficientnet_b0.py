"""``efficientnet-b0``: transfer from ImageNet with the smallest EfficientNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emoscope.training.face_recipe import FaceRecipe
from emoscope.training.loop import Schedule
from emoscope.training.nets import pretrained
from emoscope.training.recipe import Settings
from emoscope.training.views import warp

CHECKPOINT = "google/efficientnet-b0"
HEAD_ONLY = 0.2  # share of the epochs at the start
B0 = {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280, "image_size": 224}


class EfficientNetB0(FaceRecipe):
    """Inverted residuals with squeeze-and-excitation; the mean of the last map, a linear head.

    Tan & Le (2019), "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks".
    On faces it is the base of Savchenko (2021), "Facial expression and attributes recognition
    based on multi-task learning of lightweight neural networks" (the HSEmotion models), who
    trained it on larger corpora than FER2013.
    """

    name = "efficientnet-b0"
    summary = "96×96, transfer from ImageNet: Google's EfficientNet-B0 through transformers"
    preprocessing = "inside the graph: grey on three channels, normalised as the base was trained"
    size = 96
    schedule = Schedule(epochs=15, learning_rate=5e-4, patience=5)

    def network(self, classes: int, settings: Settings) -> nn.Module:
        if settings.from_scratch:
            base = pretrained.untrained("efficientnet", **B0)
        else:
            checkpoint = settings.checkpoint or CHECKPOINT
            base = pretrained.load(checkpoint, "efficientnet", pretrained.IMAGENET)
        return pretrained.TransferNet(base, classes, size=self.size, dropout=0.2)

    def augment(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        return warp(crops, generator, angle=10, scale=0.1, shift=0.1)

    def begin_epoch(self, network: nn.Module, epoch: int, epochs: int) -> None:
        assert isinstance(network, pretrained.TransferNet)
        network.freeze_base(epoch < int(HEAD_ONLY * epochs))
