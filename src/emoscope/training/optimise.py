"""What a step does to which parameters, and the running average of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


def parameter_groups(network: nn.Module, rate: float) -> list[dict[str, Any]]:
    """Parameters by what is done to them: norms and biases do not decay.

    A network with ``rate_of(name)`` learns its parameters at that share of the rate.

    Args:
        network: what learns.
        rate: the schedule's learning rate.

    Returns:
        What ``torch.optim`` takes, with ``lr`` and, where nothing decays, ``weight_decay``.
    """
    share_of: Callable[[str], float] = getattr(network, "rate_of", lambda name: 1.0)
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        groups.setdefault((parameter.ndim <= 1, share_of(name)), []).append(parameter)
    return [
        {"params": members, "lr": rate * share, **({"weight_decay": 0.0} if plain else {})}
        for (plain, share), members in sorted(groups.items(), key=lambda item: item[0])
    ]


def averaging(decay: float) -> Callable[[Any, Any, Any], None]:
    """Exponential average whose memory grows with the steps seen, so the start is forgotten."""

    @torch.no_grad()
    def update(averaged: Any, current: Any, seen: Any) -> None:
        keep = min(decay, (1 + int(seen)) / (10 + int(seen)))
        # All of one type, as torch hands them over.
        if averaged[0].dtype.is_floating_point:
            torch._foreach_lerp_(averaged, current, 1 - keep)
        else:
            torch._foreach_copy_(averaged, current)

    return update
