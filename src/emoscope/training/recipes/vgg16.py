"""``vgg16``: transfer from ImageNet as most tutorials do it, first frozen, then partly not."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from emoscope.training.face_recipe import FaceRecipe
from emoscope.training.loop import Schedule
from emoscope.training.nets import vgg16
from emoscope.training.nets.pretrained import folder_of, reading
from emoscope.training.recipe import Settings
from emoscope.training.views import warp

HEAD_ONLY = 1 / 3  # share of the epochs at the start


class Vgg16(FaceRecipe):
    """VGG16's convolutions, global average pooling, a dense layer of 256, softmax.

    Simonyan & Zisserman (2015), "Very Deep Convolutional Networks for Large-Scale Image
    Recognition"; the transfer of Keras' own guide and of many projects on FER2013, one of which
    reports 94%. The base is frozen for a third of the epochs; then its fifth block learns too.
    ``checkpoint`` is a model hub's name, a folder or a ``.safetensors`` file with torchvision's
    names; without pretrained weights everything learns from the start.
    """

    name = "vgg16"
    summary = "48×48, transfer from ImageNet: VGG16, frozen, then its fifth block learns too"
    preprocessing = "inside the graph: grey on three channels, normalised as for ImageNet"
    checkpoint: ClassVar[str] = "timm/vgg16.tv_in1k"
    size = 48
    schedule = Schedule(epochs=15, learning_rate=3e-4, patience=5)

    def network(self, classes: int, settings: Settings) -> nn.Module:
        network = vgg16.Vgg16(classes)
        if not settings.from_scratch:
            checkpoint = settings.checkpoint or self.checkpoint
            file = Path(checkpoint)
            if not file.is_file():
                with reading(checkpoint):
                    file = folder_of(checkpoint) / "model.safetensors"
            vgg16.load_convolutions(network, str(file))
        return network

    def augment(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        return warp(crops, generator, angle=10, scale=0.1, shift=0.1)

    def begin_epoch(self, network: nn.Module, epoch: int, epochs: int) -> None:
        assert isinstance(network, vgg16.Vgg16)
        frozen = epoch < int(HEAD_ONLY * epochs)
        network.learn_from(len(network.features) if frozen else vgg16.BLOCK_5)
