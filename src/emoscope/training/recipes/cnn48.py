"""``cnn48``: the plain convolutional network that most tutorials on FER2013 train."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emoscope.training.face_recipe import FaceRecipe
from emoscope.training.loop import Schedule
from emoscope.training.nets import cnn48
from emoscope.training.recipe import Settings
from emoscope.training.views import warp


class Cnn48(FaceRecipe):
    """Conv2D, batch norm, max pooling, dropout, four times; two dense layers; softmax.

    The network of many Keras notebooks on Kaggle's "Challenges in Representation Learning" (2013)
    and of the projects made from them, which report 63 to 67% on held-out pictures and up to 98%
    where the training pictures are counted too. Theirs is 64, 128, 512 and 512 channels wide; ours
    is half as wide, so that a processor learns from an epoch in little more than a minute.
    """

    name = "cnn48"
    summary = "48×48, four blocks of convolution, batch norm, max pooling and dropout, two dense"
    preprocessing = "inside the graph: grey levels scaled from 0..255 to 0..1"
    size = cnn48.Cnn48.size
    schedule = Schedule(epochs=30, learning_rate=1e-3, patience=8)

    def network(self, classes: int, settings: Settings) -> nn.Module:
        return cnn48.Cnn48(classes)

    def augment(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        return warp(crops, generator, angle=10, scale=0.1, shift=0.1)
