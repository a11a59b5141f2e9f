"""``mobilenetv2``: transfer from ImageNet with a network made for phones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emoscope.training.face_recipe import FaceRecipe
from emoscope.training.loop import Schedule
from emoscope.training.nets import pretrained
from emoscope.training.recipe import Settings
from emoscope.training.views import warp

CHECKPOINT = "google/mobilenet_v2_1.0_224"
HEAD_ONLY = 0.2  # share of the epochs at the start


class MobileNetV2(FaceRecipe):
    """Inverted residuals of separable convolutions; the mean of the last map, a linear head.

    Sandler et al. (2018), "MobileNetV2: Inverted Residuals and Linear Bottlenecks"; the transfer
    of many tutorials on faces, which begin with a frozen base. Ours reads 96×96 crops, a fifth of
    the work of ImageNet's 224×224: FER2013's own pictures are 48×48.
    """

    name = "mobilenetv2"
    summary = "96×96, transfer from ImageNet: Google's MobileNetV2 through transformers"
    preprocessing = "inside the graph: grey on three channels, normalised as the base was trained"
    size = 96
    schedule = Schedule(epochs=15, learning_rate=5e-4, patience=5)

    def network(self, classes: int, settings: Settings) -> nn.Module:
        if settings.from_scratch:
            base = pretrained.untrained("mobilenet_v2")
        else:
            checkpoint = settings.checkpoint or CHECKPOINT
            base = pretrained.load(checkpoint, "mobilenet_v2", pretrained.STANDARD)
        return pretrained.TransferNet(base, classes, size=self.size, dropout=0.2)

    def augment(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        return warp(crops, generator, angle=10, scale=0.1, shift=0.1)

    def begin_epoch(self, network: nn.Module, epoch: int, epochs: int) -> None:
        assert isinstance(network, pretrained.TransferNet)
        network.freeze_base(epoch < int(HEAD_ONLY * epochs))
