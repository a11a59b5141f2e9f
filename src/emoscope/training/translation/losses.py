"""What translation is trained by; each function gives one number for a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE = 0.1
_SCALES = (0.5, 1.0, 2.0)


def supervised_contrast(z: Tensor, labels: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Supervised contrastive loss (Khosla et al., 2020, the sum outside the logarithm).

    Items of both modalities stand in one batch: a face's positives are the faces and the voices
    of its label.

    Args:
        z: ``(n, d)``, rows of length 1.
        labels: ``(n,)``.
        temperature: of the similarities.

    Returns:
        The mean over the items that have a positive; 0 where none has.
    """
    own = torch.eye(len(z), dtype=torch.bool, device=z.device)
    similar = (z @ z.T / temperature).masked_fill(own, float("-inf"))
    log_share = similar - torch.logsumexp(similar, dim=1, keepdim=True)
    positive = (labels[:, None] == labels[None]) & ~own
    count = positive.sum(1)
    total = log_share.masked_fill(~positive, 0.0).sum(1)
    has = count > 0
    return -(total[has] / count[has]).sum() / has.sum().clamp(min=1)


def class_discrepancy(a: Tensor, b: Tensor) -> Tensor:
    """Squared maximum mean discrepancy (Gretton et al., 2012), label by label, then their mean.

    Of each label, one cloud must lie where the other lies, with its spread: a class mean alone is
    far off. Biased estimate; Gaussian kernels, 0.5, 1 and 2 times as wide as the mean squared
    distance within both clouds.

    Args:
        a: ``(labels, n, d)``.
        b: ``(labels, m, d)``.
    """
    both = torch.cat([a, b], 1)
    norms = both.square().sum(2)
    gram = both @ both.transpose(1, 2)
    square = (norms[:, :, None] + norms[:, None] - 2 * gram).clamp(min=0)
    width = square.detach().mean((1, 2), keepdim=True).clamp(min=1e-12)
    kernel = torch.stack([torch.exp(-square / (scale * width)) for scale in _SCALES]).mean(0)
    n = a.shape[1]
    within = kernel[:, :n, :n].mean((1, 2)) + kernel[:, n:, n:].mean((1, 2))
    return (within - 2 * kernel[:, :n, n:].mean((1, 2))).mean()


def spread_gap(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared gap of mean and deviation, per label and dimension.

    Args:
        a: ``(labels, n, d)``.
        b: ``(labels, m, d)``.
    """
    means = (a.mean(1) - b.mean(1)).square().mean()
    return means + (_deviation(a) - _deviation(b)).square().mean()


def _deviation(x: Tensor) -> Tensor:
    # Constant columns have no slope at 0.
    return (x.var(1, unbiased=False) + 1e-6).sqrt()


def answer_loss(logits: Tensor, to_shared: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of a frozen classifier in the shared labels.

    Several native labels may count as one shared label (calm and neutral); what counts as none is
    set aside.

    Args:
        logits: ``(n, native)``.
        to_shared: ``(native, shared)``, 0 or 1, of :meth:`LabelSet.shared_matrix`.
        labels: ``(n,)`` shared.
    """
    log_p = F.log_softmax(logits, dim=1)
    masked = log_p[:, :, None] + torch.log(to_shared + 1e-30)[None]
    return F.nll_loss(F.log_softmax(torch.logsumexp(masked, dim=1), dim=1), labels)
