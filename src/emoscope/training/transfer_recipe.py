"""What the recipes share that begin from an image encoder of ``transformers``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from emoscope.training.face_recipe import FaceRecipe
from emoscope.training.nets import pretrained
from emoscope.training.recipe import Settings
from emoscope.training.views import warp

HEAD_ONLY = 0.2  # share of the epochs at the start


class TransferRecipe(FaceRecipe):
    """A pretrained encoder under a linear head, frozen at first.

    Attributes:
        kind: ``transformers``' name of the architecture.
        checkpoint: where its weights come from unless somebody says otherwise.
        colours: what the encoder expects.
        from_scratch: its configuration, where it differs from the usual one, without weights.
        dropout: before the head.
    """

    kind: ClassVar[str]
    checkpoint: ClassVar[str]
    colours: ClassVar[pretrained.Colours] = pretrained.STANDARD
    from_scratch: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    dropout: ClassVar[float] = 0.2
    size = 96

    def network(self, classes: int, settings: Settings) -> nn.Module:
        if settings.from_scratch:
            base = pretrained.untrained(self.kind, **self.from_scratch)
        else:
            checkpoint = settings.checkpoint or self.checkpoint
            base = pretrained.load(checkpoint, self.kind, self.colours)
        return pretrained.TransferNet(base, classes, size=self.size, dropout=self.dropout)

    def augment(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        return warp(crops, generator, angle=10, scale=0.1, shift=0.1)

    def begin_epoch(self, network: nn.Module, epoch: int, epochs: int) -> None:
        assert isinstance(network, pretrained.TransferNet)
        network.freeze_base(epoch < int(HEAD_ONLY * epochs))
