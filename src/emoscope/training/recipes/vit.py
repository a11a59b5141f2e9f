"""``vit``: transfer from ImageNet-21k with a vision transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emoscope.training.face_recipe import FaceRecipe
from emoscope.training.loop import Schedule
from emoscope.training.nets import pretrained
from emoscope.training.recipe import Settings
from emoscope.training.views import warp

CHECKPOINT = "google/vit-base-patch16-224-in21k"
HEAD_ONLY = 0.2  # share of the epochs at the start
# From scratch: as wide as ViT-Tiny (Touvron et al., 2021) and half as deep, on small patches.
SMALL = {
    "image_size": 96,
    "patch_size": 8,
    "hidden_size": 192,
    "num_hidden_layers": 6,
    "num_attention_heads": 3,
    "intermediate_size": 768,
}


class Vit(FaceRecipe):
    """A transformer on patches; the first token, a linear head.

    Dosovitskiy et al. (2021), "An Image is Worth 16x16 Words"; fine-tuned on FER2013 it is behind
    many of the model hub's models of facial expression. The crops are scaled to the size of the
    checkpoint's pictures inside the graph. The default checkpoint has 86 million weights: have a
    graphics card.
    """

    name = "vit"
    summary = "96×96, transfer from ImageNet-21k: Google's ViT-Base through transformers"
    preprocessing = (
        "inside the graph: grey on three channels, normalised and scaled as the base was trained"
    )
    size = 96
    schedule = Schedule(epochs=8, learning_rate=1e-4, weight_decay=0.05, warmup=0.1, patience=4)

    def network(self, classes: int, settings: Settings) -> nn.Module:
        if settings.from_scratch:
            base = pretrained.untrained("vit", **SMALL)
        else:
            checkpoint = settings.checkpoint or CHECKPOINT
            base = pretrained.load(checkpoint, "vit", pretrained.STANDARD)
        return pretrained.TransferNet(base, classes, size=self.size, dropout=0.1)

    def augment(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        return warp(crops, generator, angle=10, scale=0.1, shift=0.1)

    def begin_epoch(self, network: nn.Module, epoch: int, epochs: int) -> None:
        assert isinstance(network, pretrained.TransferNet)
        network.freeze_base(epoch < int(HEAD_ONLY * epochs))
