"""The training loop: one cosine cycle, an averaged copy of the weights, checkpoints that resume.

There is no early stopping and no choice of the best epoch: the model is the average at the end of
the schedule, so that nothing that is reported was ever used to select.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emoscope.errors import ModelError
from emoscope.export.files import atomic_path

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        epochs: passes over the training data.
        learning_rate: peak of the cosine cycle.
        weight_decay: decoupled decay of matrices and kernels (not of norms and biases).
        warmup: share of the steps spent rising to the peak.
        average: decay per step of the running average of the weights.
    """

    epochs: int
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    average: float = 0.998
    seed: int = 0

    def rate_at(self, progress: float) -> float:
        """Learning rate at ``progress`` within [0, 1] of the run."""
        if progress < self.warmup:
            return self.learning_rate * max(progress / self.warmup, 0.01)
        rest = (progress - self.warmup) / (1 - self.warmup)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * rest))


def _optimiser(network: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": schedule.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=(0.9, 0.98))


def fit(
    network: nn.Module,
    batches: Callable[[int], Iterator[Batch]],
    steps_per_epoch: int,
    loss_of: Callable[[nn.Module, Batch], Tensor],
    schedule: Schedule,
    run_dir: Path,
    *,
    compiled: bool = False,
    measure: Callable[[nn.Module], dict[str, float]] | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
) -> nn.Module:
    """Train ``network`` and return the averaged copy, in evaluation mode.

    Args:
        network: what learns; changed in place.
        batches: epoch number to its batches; must depend on nothing but that number.
        steps_per_epoch: how many batches an epoch has.
        loss_of: the loss of one batch.
        schedule: how long and how fast.
        run_dir: takes ``checkpoint.pt`` (resumed from when it is there) and ``curves.jsonl``.
        compiled: fuse the network with ``torch.compile`` (needs a C++ compiler; about twice as
            fast on a processor).
        measure: figures of the averaged network after each epoch, only to be looked at.
        report: called with each epoch's record.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(schedule.seed)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=_averaging(schedule.average), use_buffers=True
    )
    optimiser = _optimiser(network, schedule)
    checkpoint = run_dir / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state["schedule"] != asdict(schedule):
            raise ValueError(f"{checkpoint} was made with another schedule: {state['schedule']}")
        network.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["rng"])
        first = int(state["epoch"])
    # Compiled code shares the parameters; the plain network stays what is saved and averaged.
    learner: nn.Module = torch.compile(network) if compiled else network  # type: ignore[assignment]
    total = schedule.epochs * steps_per_epoch
    for epoch in range(first, schedule.epochs):
        network.train()
        started, losses = time.perf_counter(), []
        for step, batch in enumerate(batches(epoch)):
            rate = schedule.rate_at((epoch * steps_per_epoch + step) / total)
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
            loss = loss_of(learner, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            average.update_parameters(network)
            losses.append(float(loss.detach()))
        record: dict[str, Any] = {
            "epoch": epoch + 1,
            "loss": sum(losses) / len(losses),
            "seconds": time.perf_counter() - started,
        }
        if measure is not None:
            average.eval()
            with torch.inference_mode():
                record |= measure(average.module)
        _append(run_dir / "curves.jsonl", record)
        state = {
            "schedule": asdict(schedule),
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimiser": optimiser.state_dict(),
            "rng": torch.get_rng_state(),
            "epoch": epoch + 1,
        }
        # A kill leaves the old checkpoint or the new one, whole.
        with atomic_path(checkpoint) as part:
            torch.save(state, part)
        if report is not None:
            report(record)
    average.eval()
    averaged: nn.Module = average.module
    return averaged


def load_average(network: nn.Module, run_dir: Path, *, unfinished: bool = False) -> int:
    """Load a run's averaged weights into ``network``, in evaluation mode; returns its epochs.

    Raises:
        ModelError: no checkpoint, one of another network, or a run that has epochs left.
    """
    path = run_dir / "checkpoint.pt"
    if not path.is_file():
        raise ModelError(f"{run_dir}: no checkpoint.pt; train first")
    state = torch.load(path, map_location="cpu", weights_only=True)
    epoch, epochs = int(state["epoch"]), int(state["schedule"]["epochs"])
    if epoch < epochs and not unfinished:
        raise ModelError(f"{run_dir}: the run stands at epoch {epoch} of {epochs}; let it finish")
    prefix = "module."
    weights = {
        name.removeprefix(prefix): value
        for name, value in state["average"].items()
        if name.startswith(prefix)
    }
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{path}: weights of another network") from error
    network.eval()
    return epoch


def _averaging(decay: float) -> Callable[[Any, Any, Any], None]:
    """Exponential average whose memory grows with the steps seen, so the start is forgotten."""

    @torch.no_grad()
    def update(averaged: Any, current: Any, seen: Any) -> None:
        keep = min(decay, (1 + int(seen)) / (10 + int(seen)))
        for a, c in zip(averaged, current, strict=True):
            if a.dtype.is_floating_point:
                a.lerp_(c, 1 - keep)
            else:
                a.copy_(c)

    return update


def _append(path: Path, record: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
