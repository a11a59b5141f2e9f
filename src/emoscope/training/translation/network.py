"""The networks of translation: two projections into one space, two translators out of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.models.spaces import Modality, other
from emoscope.training.translation.embeddings import Embedded
from emoscope.training.translation.heads import Head

SHARED_WIDTH = 64
HIDDEN = 128
DROPOUT = 0.2


class Way(nn.Module):
    """From one modality's embedding to the shared space and on to the other's embedding.

    Args:
        source: real embeddings to learn from: their mean and deviation standardise the input.
        target: the other modality's: they scale the output.
    """

    mean: Tensor
    deviation: Tensor
    target_mean: Tensor
    target_deviation: Tensor

    def __init__(self, source: Embedded, target: Embedded) -> None:
        super().__init__()
        for prefix, embedded in (("", source), ("target_", target)):
            values = torch.from_numpy(embedded.values)
            self.register_buffer(prefix + "mean", values.mean(0))
            # A dimension that hardly moves must not be blown up.
            deviation = values.std(0)
            self.register_buffer(prefix + "deviation", deviation + 0.1 * deviation.mean())
        width, target_width = source.values.shape[1], target.values.shape[1]
        self.hidden = nn.Linear(width, HIDDEN)
        self.project = nn.Linear(HIDDEN, SHARED_WIDTH)
        self.widen = nn.Linear(SHARED_WIDTH + width, HIDDEN)
        self.decode = nn.Linear(HIDDEN, target_width)

    def standard(self, embedding: Tensor) -> Tensor:
        """``(n, d)`` with mean 0 and about deviation 1."""
        return (embedding - self.mean) / self.deviation

    def shared(self, x: Tensor) -> Tensor:
        """Standardised ``(n, d)`` to the shared space, rows of length 1."""
        hidden = F.dropout(F.relu(self.hidden(x)), DROPOUT, self.training)
        return F.normalize(self.project(hidden), dim=1)

    def translate(self, x: Tensor) -> Tensor:
        """Standardised ``(n, d)`` to the other modality's embedding ``(n, d2)``.

        Both models end their embedding in a rectifier: so does this.
        """
        hidden = F.dropout(
            F.relu(self.widen(torch.cat([self.shared(x), x], 1))), DROPOUT, self.training
        )
        return F.relu(self.decode(hidden) * self.target_deviation + self.target_mean)


class TranslationNet(nn.Module):
    """Both ways, the shared classifier, and the frozen heads of both models."""

    def __init__(
        self, learn: Mapping[Modality, Embedded], heads: Mapping[Modality, Head], classes: int
    ) -> None:
        super().__init__()
        self.ways = nn.ModuleDict(
            {name: Way(learn[name], learn[other(name)]) for name in ("face", "voice")}
        )
        self.classifier = nn.Linear(SHARED_WIDTH, classes)
        for name, head in heads.items():
            self.register_buffer(f"{name}_weight", torch.from_numpy(head.weight).float())
            self.register_buffer(f"{name}_bias", torch.from_numpy(head.bias).float())

    def way(self, source: Modality) -> Way:
        """The way that begins at ``source``."""
        way = self.ways[source]
        assert isinstance(way, Way)
        return way

    def answer(self, modality: Modality, embedding: Tensor) -> Tensor:
        """Logits of the modality's own frozen classifier."""
        return F.linear(
            embedding, self.get_buffer(f"{modality}_weight"), self.get_buffer(f"{modality}_bias")
        )

    @torch.inference_mode()
    def read(self, source: Modality, values: np.ndarray) -> tuple[np.ndarray, ...]:
        """Of embeddings ``(n, d)``: translated ``(n, d2)``, answers, and the shared space."""
        was, way = self.training, self.way(source)
        self.eval()
        x = way.standard(torch.from_numpy(values))
        made = way.translate(x)
        probs = torch.softmax(self.answer(other(source), made), 1)
        shared = way.shared(x)
        self.train(was)
        return made.numpy(), probs.numpy(), shared.numpy()

    @torch.inference_mode()
    def read_label(self, source: Modality, values: np.ndarray) -> np.ndarray:
        """The shared label ``(n,)`` that the shared classifier reads of embeddings ``(n, d)``."""
        way = self.way(source)
        logits = self.classifier(way.shared(way.standard(torch.from_numpy(values))))
        return np.asarray(logits.argmax(1).numpy(), np.int64)
