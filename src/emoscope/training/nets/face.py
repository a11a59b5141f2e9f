"""The network of ``emoscope-face``: MobileNet, begun from a network that tells people apart.

Separable convolutions after Howard et al. (2017). Two heads share the trunk: FER2013's own label,
and the distribution of FER+'s ten votes (Barsoum et al., 2016). The model answers with the votes:
what ten people see in a picture is a better teacher than one label that may be wrong. What the
label would be is an answer of its own, for comparison on FER2013.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

CROP_SIZE = 48
SIDE = 112  # what crops are enlarged to; the base was trained on faces of 224 pixels
# The base's thirteenth block is left out: it tells people apart, and takes a tenth of the time.
WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2)
CONTRAST = 60.0  # grey levels: about the deviation of the photographs that the base was trained on
FROZEN = 2  # blocks that stay as the base has them: edges and spots
LAYER_DECAY = 0.92  # of the learning rate, from each block to the one below it
HEAD_RATE = 4.0  # of the heads, which know nothing yet, in shares of the trunk's


class SameConv(nn.Conv2d):
    """A 3×3 convolution padded as TensorFlow pads: at stride 2 an even side only at its end.

    While it learns, a depthwise one of stride 2 takes every second value of stride 1: processors
    have no quick backward pass for the former (a tenth of the time, torch 2.13).
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride, 1, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == (1, 1):
            return super().forward(x)
        first = 1 - x.shape[2] % 2
        if self.training and self.groups > 1:
            y = F.conv2d(x, self.weight, None, 1, 1, 1, self.groups)
            return y[:, :, first::2, first::2].contiguous(memory_format=torch.channels_last)
        x = F.pad(x, (1 - first, 1, 1 - first, 1))
        return F.conv2d(x, self.weight, self.bias, 2, 0, 1, self.groups)


class SeparableBlock(nn.Module):
    """A filter for each channel, then a mix of the channels; norm and ReLU6 after both."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise: nn.Module = SameConv(inputs, inputs, stride, groups=inputs)
        self.norm1: nn.Module = nn.BatchNorm2d(inputs)
        self.pointwise: nn.Module = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm2: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.norm1(self.depthwise(x)))
        return F.relu6(self.norm2(self.pointwise(y)))


class FaceNet(nn.Module):
    """Grey crops ``(n, size, size)``, 0 to 255, to logits and an embedding.

    Preprocessing is part of the network: crops are enlarged, and each is brought to the same mean
    and deviation, so that exposure is no cue.

    Attributes:
        pretrained: whether the trunk knows anything yet.
        label_temperature: what the label head's logits are divided by; 1 until it is fitted. No
            part of checkpoints: it belongs to a network that has finished learning.

    Args:
        labels: how many classes the label head has.
        votes: how many classes the vote head has: the labels, in their order, and what else people
            saw.
        widths: channels behind the first convolution and behind each of the 12 blocks.
        dropout: share of the embedding left out while learning.
    """

    label_temperature: Tensor

    def __init__(
        self,
        labels: int = 7,
        votes: int = 8,
        widths: tuple[int, ...] = WIDTHS,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.pretrained = False
        self.stem = nn.Sequential(
            SameConv(1, widths[0], 2), nn.BatchNorm2d(widths[0]), nn.ReLU6(inplace=True)
        )
        self.blocks = nn.Sequential(
            *(
                SeparableBlock(before, after, stride)
                for before, after, stride in zip(widths, widths[1:], STRIDES, strict=False)
            )
        )
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        self.dropout = nn.Dropout(dropout)
        self.label_head = nn.Linear(widths[-1], labels)
        self.vote_head = nn.Linear(widths[-1], votes)
        self.register_buffer("label_temperature", torch.ones(()), persistent=False)

    @staticmethod
    def prepare(crops: Tensor) -> Tensor:
        """``(n, h, w)`` grey values to ``(n, 1, SIDE, SIDE)``, mean 0 and deviation 60 a crop."""
        x = crops.float()[:, None]
        if x.shape[2] != SIDE:
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
        centred = x - x.mean((2, 3), keepdim=True)
        deviation = centred.square().mean((2, 3), keepdim=True).sqrt()
        return centred / (deviation + 0.02 * 255) * CONTRAST

    def embed(self, crops: Tensor) -> Tensor:
        """Crops ``(n, h, w)`` to embeddings ``(n, widths[-1])``."""
        x = self.prepare(crops).contiguous(memory_format=torch.channels_last)
        y: Tensor = self.blocks(self.stem(x)).mean((2, 3))
        return y

    def answer(self, embedding: Tensor) -> Tensor:
        """Logits ``(n, labels)`` that the model answers with: what people see in the picture.

        The vote head's classes beyond the labels (contempt) are set aside.
        """
        votes: Tensor = self.vote_head(embedding)
        return votes[:, : self.label_head.out_features]

    def label_answer(self, embedding: Tensor) -> Tensor:
        """Logits ``(n, labels)`` of FER2013's own label, calibrated.

        They say which label the benchmark would give, its habits included; for comparison on it.
        """
        labels: Tensor = self.label_head(embedding)
        return labels / self.label_temperature

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Label logits ``(n, labels)``, vote logits ``(n, votes)``, embedding."""
        embedding = self.embed(crops)
        hidden = self.dropout(embedding)
        return self.label_head(hidden), self.vote_head(hidden), embedding

    def freeze_bottom(self) -> None:
        """Keep the lowest blocks, norms' statistics included, as the base has them."""
        for part in (self.stem, *list(self.blocks)[:FROZEN]):
            part.requires_grad_(False)
            part.eval()

    def fold_norms(self) -> None:
        """Put the norms into the convolutions before them, for use: the answers stay the same."""

        def folded(conv: nn.Module, norm: nn.Module) -> nn.Module:
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            return fuse_conv_bn_eval(conv, norm)

        self.eval()
        self.stem[0], self.stem[1] = folded(self.stem[0], self.stem[1]), nn.Identity()
        for block in self.blocks:
            assert isinstance(block, SeparableBlock)
            block.depthwise = folded(block.depthwise, block.norm1)
            block.pointwise = folded(block.pointwise, block.norm2)
            block.norm1, block.norm2 = nn.Identity(), nn.Identity()

    def rate_of(self, name: str) -> float:
        """Learning rate of a parameter as a share of the schedule's."""
        if not self.pretrained:
            return 1.0
        top, *rest = name.split(".")
        if top == "blocks":
            return LAYER_DECAY ** (len(self.blocks) - int(rest[0]))
        return HEAD_RATE if top.endswith("head") else LAYER_DECAY ** (len(self.blocks) + 1)

    @torch.no_grad()
    def settle_norms(self, crops: Tensor) -> None:
        """Give the norms the statistics of some crops, changing no answer.

        A published network's norms are folded into scales and offsets. Once they normalise again,
        learning goes on from where the network stood.
        """

        def settle(norm: nn.Module, inputs: tuple[Any, ...]) -> None:
            assert isinstance(norm, nn.BatchNorm2d)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            variance, mean = torch.var_mean(inputs[0], (0, 2, 3))
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            offset = norm.bias - scale * norm.running_mean
            norm.weight.copy_(scale * (variance + norm.eps).sqrt())
            norm.bias.copy_(offset + scale * mean)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)

        norms = [part for part in self.modules() if isinstance(part, nn.BatchNorm2d)]
        hooks = [norm.register_forward_pre_hook(settle) for norm in norms]
        try:
            self.eval().embed(crops)
        finally:
            for hook in hooks:
                hook.remove()
