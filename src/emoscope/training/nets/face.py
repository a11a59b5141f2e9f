"""The network of ``emoscope-face``: a small residual network on grey 48×48 faces.

Residual blocks after He et al. (2016), squeeze-and-excitation after Hu et al. (2018). Two heads
share the trunk: FER2013's own label, and the distribution of FER+'s ten votes (Barsoum et al.,
2016). The model answers with both: one label a picture is noisy, and what several people saw
corrects it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CROP_SIZE = 48
# The largest share of the vote head, in tenths, at which held-back pictures are still answered as
# well, by FER2013's labels, as by the label head alone; docs/experiments.md has the figures.
VOTE_SHARE = 0.2


class SqueezeExcite(nn.Module):
    """Channel weights from the channels' means."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.down = nn.Linear(channels, channels // reduction)
        self.up = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
        return x * weights[:, :, None, None]


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with squeeze-and-excitation and a short cut."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.excite = SqueezeExcite(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride) if stride > 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.excite(self.norm2(self.conv2(y)))
        return F.relu(y + self.shortcut(x))


class FaceNet(nn.Module):
    """Grey crops ``(n, size, size)``, 0 to 255, to logits and an embedding.

    Preprocessing is part of the network: each crop is brought to mean 0 and deviation 1, so that
    exposure is no cue.

    Args:
        labels: how many classes the label head has.
        votes: how many classes the vote head has.
        widths: channels of the three stages, at a half, a quarter and an eighth of the size.
        depth: residual blocks in each stage.
    """

    def __init__(
        self,
        labels: int = 7,
        votes: int = 8,
        widths: tuple[int, int, int] = (32, 64, 128),
        depth: int = 2,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 5, 2, 2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        channels = widths[0]
        for stage, width in enumerate(widths):
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(ResidualBlock(channels, width, stride))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.label_head = nn.Linear(channels, labels)
        self.vote_head = nn.Linear(channels, votes)

    @staticmethod
    def standardise(crops: Tensor) -> Tensor:
        """``(n, h, w)`` grey values to ``(n, 1, h, w)`` with mean 0 and deviation 1 a crop."""
        x = crops.float()[:, None]  # whole numbers: a flat crop has exactly no contrast
        centred = x - x.mean((2, 3), keepdim=True)
        deviation = centred.square().mean((2, 3), keepdim=True).sqrt()
        return centred / (deviation + 0.02 * 255)

    def embed(self, crops: Tensor) -> Tensor:
        """Crops ``(n, h, w)`` to embeddings ``(n, widths[-1])``."""
        x = self.standardise(crops).contiguous(memory_format=torch.channels_last)
        y: Tensor = self.blocks(self.stem(x)).mean((2, 3))
        return y

    def answer(self, embedding: Tensor) -> Tensor:
        """Logits ``(n, labels)`` that the model answers with, a weighted mean of both heads'.

        The vote head's classes beyond the labels (contempt) are set aside.
        """
        labels: Tensor = self.label_head(embedding)
        votes: Tensor = self.vote_head(embedding)
        return (1 - VOTE_SHARE) * labels + VOTE_SHARE * votes[:, : labels.shape[1]]

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Label logits ``(n, labels)``, vote logits ``(n, votes)``, embedding."""
        embedding = self.embed(crops)
        hidden = self.dropout(embedding)
        return self.label_head(hidden), self.vote_head(hidden), embedding
