"""The network of ``emoscope-voice``: perceptrons on what a network hears that follows speech."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.training.nets.whisper import WhisperEncoder


class Readers(nn.Module):
    """Several perceptrons beside one another on the same numbers, each with a say of its own.

    Args:
        inputs: how many numbers.
        count: of perceptrons.
        hidden: width of the first layer of each.
        narrow: width of the second.
    """

    def __init__(self, inputs: int, count: int, hidden: int, narrow: int) -> None:
        super().__init__()
        self.count = count
        self.scale = nn.BatchNorm1d(inputs, affine=False)
        self.drop = nn.Dropout(0.15)
        self.wide = nn.Linear(inputs, count * hidden)
        self.wide_norm = nn.BatchNorm1d(count * hidden)
        self.hidden_drop = nn.Dropout(0.4)
        # A grouped convolution: each perceptron sees its own part.
        self.narrow = nn.Conv1d(count * hidden, count * narrow, 1, groups=count)
        self.narrow_norm = nn.BatchNorm1d(count * narrow)

    def forward(self, numbers: Tensor) -> Tensor:
        """``(n, inputs)`` to ``(n, count * narrow)``."""
        x = torch.clamp(self.scale(numbers), -4.0, 4.0)
        if self.training:
            x = x + 0.1 * torch.randn_like(x)
        x = self.hidden_drop(F.relu(self.wide_norm(self.wide(self.drop(x)))))
        return F.relu(self.narrow_norm(self.narrow(x[:, :, None])[:, :, 0]))


class VoiceNet(nn.Module):
    """Raw waveforms to logits and an embedding: an ensemble in one pass.

    Each perceptron learns by a loss of its own, and their answers are averaged.

    Args:
        labels: how many classes.
        readers: how many perceptrons.
        hidden: width of each.
        narrow: size of each one's part of the embedding.
    """

    def __init__(
        self, labels: int = 8, readers: int = 4, hidden: int = 192, narrow: int = 64
    ) -> None:
        super().__init__()
        self.front = WhisperEncoder()
        self.readers = Readers(self.front.size, readers, hidden, narrow)
        self.narrow = narrow
        self.drop = nn.Dropout(0.3)
        self.heads = nn.ModuleList(nn.Linear(narrow, labels) for _ in range(readers))

    def embed(self, heard: Tensor) -> Tensor:
        """What the encoder gives to ``(n, readers * narrow)``."""
        told: Tensor = self.readers(heard)
        return told

    def answers(self, embedding: Tensor) -> Tensor:
        """Each one's logits ``(n, readers, labels)``."""
        parts = torch.split(self.drop(embedding), self.narrow, dim=1)
        said = [head(part) for head, part in zip(self.heads, parts, strict=True)]
        return torch.stack(said, dim=1)

    def answer(self, embedding: Tensor) -> Tensor:
        """Embeddings to logits ``(n, labels)``, the mean of all."""
        return self.answers(embedding).mean(1)
