"""The two readers of a text: weighed n-grams, and convolutions over the words in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import svds
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional

from emoscope.training.texts.corpus import EMOTIONS, Bools, Floats, Index, Ints, Texts

torch.set_num_threads(1)


def _regression(
    features: sp.csr_matrix, shown: Floats, c: float, rare: float = 0.0
) -> LogisticRegression:
    """Logistic regression of one emotion on how much of it (0 to 1) each text shows."""
    some, less = np.flatnonzero(shown > 0), np.flatnonzero(shown < 1)
    weight = np.concatenate([shown[some], 1 - shown[less]])
    weight[: len(some)] *= (1 / shown.mean() - 1) ** rare
    target = np.repeat([1, 0], [len(some), len(less)])
    model = LogisticRegression(C=c, solver="liblinear", random_state=0)
    return model.fit(sp.vstack([features[some], features[less]]), target, sample_weight=weight)


@dataclass(frozen=True)
class Linear:
    """Logistic regression per emotion over TF-IDF of two groups of features.

    A group's part of the logits is ``sum(weights) / sqrt(sum(square))`` over the rows of a text:
    the features' inverse document frequencies, scaled to length 1, times the coefficients.

    Attributes:
        bag_weights, piece_weights: ``(rows, 7)`` coefficient times inverse document frequency.
        bag_square, piece_square: ``(rows,)`` the square of that frequency.
        bias: ``(7,)``.
    """

    bag_index: Index
    piece_index: Index
    bag_weights: Floats
    piece_weights: Floats
    bag_square: Floats
    piece_square: Floats
    bias: Floats

    @classmethod
    def fit(
        cls, texts: Texts, shown: Floats, bag: Index, piece: Index, c: float, rare: float
    ) -> Linear:
        """Fit on texts that show so much of each emotion (``(n, 7)``, 0 to 1)."""
        parts, inverse = [], []
        for index, rows in ((bag, texts.bag), (piece, texts.pieces)):
            matrix = index.matrix(rows)
            idf = np.log((1 + len(texts)) / (1 + np.asarray(matrix.sum(axis=0)).ravel())) + 1
            idf[0] = 0
            inverse.append(idf)
            parts.append(_unit(matrix @ sp.diags(idf)))
        features = sp.hstack(parts).tocsr()
        models = [
            _regression(features, shown[:, emotion], c, rare) for emotion in range(len(EMOTIONS))
        ]
        weights = np.stack([model.coef_[0] for model in models], axis=1)
        first, second = weights[: bag.rows], weights[bag.rows :]
        return cls(
            bag,
            piece,
            (first * inverse[0][:, None]).astype(np.float32),
            (second * inverse[1][:, None]).astype(np.float32),
            (inverse[0] ** 2).astype(np.float32),
            (inverse[1] ** 2).astype(np.float32),
            np.array([model.intercept_[0] for model in models], dtype=np.float32),
        )

    def logits(self, texts: Texts) -> Floats:
        """Logits ``(n, 7)``."""
        total = np.tile(self.bias, (len(texts), 1))
        for index, rows, weights, square in (
            (self.bag_index, texts.bag, self.bag_weights, self.bag_square),
            (self.piece_index, texts.pieces, self.piece_weights, self.piece_square),
        ):
            matrix = index.matrix(rows)
            length = np.sqrt(np.maximum(matrix @ square, 1e-6))
            total += (matrix @ weights) / length[:, None]
        return total.astype(np.float32)


def _unit(matrix: sp.csr_matrix) -> sp.csr_matrix:
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sp.diags(1 / np.maximum(length, 1e-9)) @ matrix


def first_vectors(texts: Texts, shown: Floats, index: Index, width: int) -> Floats:
    """Vectors of the words ``(rows, width)`` to start from; row 0 is zero.

    Seven numbers are what a logistic regression makes of the word; the rest factorises the
    positive pointwise mutual information of words at most five apart (Levy & Goldberg, 2014).
    """
    words = [index.row[row] for row in texts.words]
    present = index.matrix(texts.words)
    evidence = np.stack(
        [_regression(present, shown[:, k], 0.3).coef_[0] for k in range(len(EMOTIONS))], axis=1
    )
    left, right, near = [], [], []
    for row in words:
        for apart in range(1, min(6, len(row))):
            left.append(row[:-apart])
            right.append(row[apart:])
            near.append(np.full(len(row) - apart, 1 / apart))
    first, second, weight = (np.concatenate(part) for part in (left, right, near))
    known = (first > 0) & (second > 0)
    first, second, weight = first[known], second[known], weight[known]
    pairs = (np.concatenate([first, second]), np.concatenate([second, first]))
    counts = sp.coo_matrix((np.tile(weight, 2), pairs), shape=(index.rows, index.rows))
    counts = counts.tocsr().tocoo()
    often = np.bincount(counts.row, counts.data, index.rows)
    smooth = often**0.75
    smooth *= counts.data.sum() / smooth.sum()
    bits = np.log(counts.data * counts.data.sum() / (often[counts.row] * smooth[counts.col]))
    keep = bits > 0
    mutual = sp.csr_matrix((bits[keep], (counts.row[keep], counts.col[keep])), shape=counts.shape)
    factors, sizes, _ = svds(mutual, k=width - len(EMOTIONS), random_state=0)
    factors *= np.sqrt(sizes)
    factors /= np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), 1e-6)
    return np.concatenate([0.3 * evidence, factors], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Training:
    """How the convolutional reader learns; chosen on the held-out comments."""

    filters: int = 96
    sizes: tuple[int, ...] = (1, 3, 5)
    dropout: float = 0.4
    word_dropout: float = 0.05
    rate: float = 1e-3
    table_rate: float = 2e-3
    decay: float = 1e-2
    epochs: int = 4
    batch: int = 256
    common: float = 0.3  # positives of an emotion with a smaller share weigh common / share,
    most: float = 8.0  # at most so much


class Convolutional(nn.Module):
    """Convolutions of several sizes over word vectors, each at its maximum over the text.

    After Kim (2014). A learnt vector is added to each word that a negation reaches.
    """

    def __init__(self, vectors: Floats, training: Training) -> None:
        super().__init__()
        width = vectors.shape[1]
        self.table = nn.Embedding.from_pretrained(  # type: ignore[no-untyped-call]
            torch.from_numpy(vectors.copy()), freeze=False, padding_idx=0
        )
        self.reached = nn.Parameter(torch.zeros(width))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, training.filters, size, padding=size // 2) for size in training.sizes
        )
        self.dropout = nn.Dropout(training.dropout)
        self.word_dropout = training.word_dropout
        self.out = nn.Linear(training.filters * len(training.sizes), len(EMOTIONS))

    def pooled(self, rows: Tensor, reached: Tensor, mask: Tensor) -> Tensor:
        """``(n, filters * sizes)`` from rows, reach and mask, each ``(n, words)``."""
        if self.training and self.word_dropout:
            rows = rows.masked_fill(torch.rand(rows.shape) < self.word_dropout, 0)
        vectors = self.table(rows) + reached.unsqueeze(-1) * self.reached
        along = self.dropout(vectors).transpose(1, 2)
        heights = [functional.relu(layer(along)) * mask.unsqueeze(1) for layer in self.convolutions]
        return torch.cat([height.amax(dim=2) for height in heights], dim=1)

    def forward(self, rows: Tensor, reached: Tensor, mask: Tensor) -> Tensor:
        logits: Tensor = self.out(self.dropout(self.pooled(rows, reached, mask)))
        return logits


def _padded(
    words: Sequence[Ints], reached: Sequence[Bools], chosen: NDArray[np.int64]
) -> tuple[Tensor, Tensor, Tensor]:
    longest = max(1, max(len(words[i]) for i in chosen))
    rows = np.zeros((len(chosen), longest), dtype=np.int64)
    marks = np.zeros((2, *rows.shape), dtype=np.float32)
    for at, i in enumerate(chosen):
        count = len(words[i])
        rows[at, :count], marks[0, at, :count], marks[1, at, :count] = words[i], reached[i], 1
    return torch.from_numpy(rows), torch.from_numpy(marks[0]), torch.from_numpy(marks[1])


def _batches(
    words: Sequence[Ints], size: int, chance: np.random.Generator | None
) -> Iterator[NDArray[np.int64]]:
    """Texts of about one length together; with ``chance``, in a new order each time."""
    lengths = np.array([len(row) for row in words], dtype=np.float64)
    if chance is not None:
        lengths += 4 * chance.random(len(lengths))
    order = np.argsort(lengths, kind="stable")
    starts = np.arange(0, len(order), size)
    for start in starts if chance is None else chance.permutation(starts):
        yield order[start : start + size]


def fit_convolutional(
    texts: Texts, shown: Floats, index: Index, vectors: Floats, training: Training, seed: int
) -> Convolutional:
    """Train one on texts that show so much of each emotion (``(n, 7)``, 0 to 1)."""
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    words = [index.row[row] for row in texts.words]
    model = Convolutional(vectors, training)
    others = [weight for name, weight in model.named_parameters() if name != "table.weight"]
    optimiser = torch.optim.AdamW(
        [
            {"params": others, "lr": training.rate, "weight_decay": training.decay},
            {"params": [model.table.weight], "lr": training.table_rate, "weight_decay": 0.0},
        ]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [training.rate, training.table_rate],
        total_steps=training.epochs * -(-len(texts) // training.batch),
        pct_start=0.1,
    )
    target = torch.from_numpy(shown)
    positive = (training.common / target.mean(dim=0)).clamp(1.0, training.most)
    model.train()
    for _ in range(training.epochs):
        for chosen in _batches(words, training.batch, chance):
            logits = model(*_padded(words, texts.reached, chosen))
            losses = functional.binary_cross_entropy_with_logits(
                logits, target[chosen], pos_weight=positive, reduction="none"
            )
            optimiser.zero_grad()
            losses.sum(dim=1).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def read_convolutional(model: Convolutional, texts: Texts, index: Index) -> tuple[Floats, Floats]:
    """Logits ``(n, 7)`` and what the convolutions found ``(n, filters * sizes)``."""
    words = [index.row[row] for row in texts.words]
    logits = np.zeros((len(words), len(EMOTIONS)), dtype=np.float32)
    pooled = np.zeros((len(words), model.out.in_features), dtype=np.float32)
    for chosen in _batches(words, 512, None):
        found = model.pooled(*_padded(words, texts.reached, chosen))
        pooled[chosen] = found.numpy()
        logits[chosen] = model.out(found).numpy()
    return logits, pooled
