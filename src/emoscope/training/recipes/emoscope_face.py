"""Train ``emoscope-face`` on FER2013: ``python -m emoscope.training.recipes.emoscope_face``.

Training pictures that also stand in the validation pictures, as they are or nearly, are left out.
A twentieth of the training pictures is held back; the temperature is fitted on it. The validation
pictures are only ever reported, never used to choose.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.training.datasets import fer2013
from emoscope.training.loop import Batch, Schedule, fit, load_average
from emoscope.training.nets.face import CROP_SIZE, FaceNet

BATCH = 128
# Trained on smaller views than it reads in use: cheaper, and better at the larger size
# (Touvron et al., 2019).
VIEW = 40
VOTE_WEIGHT = 0.5
SMOOTHING = 0.1


def split_held(corpus: fer2013.FaceCorpus, share: float = 0.05, seed: int = 7) -> np.ndarray:
    """Mask ``(n,)`` of the pictures held back for calibration."""
    order = np.random.default_rng(seed).permutation(len(corpus))
    held = np.zeros(len(corpus), bool)
    held[order[: int(share * len(corpus))]] = True
    return held


def training_parts(data_dir: Path) -> tuple[fer2013.FaceCorpus, fer2013.FaceCorpus]:
    """The pictures to learn from and those held back, without duplicates between any two parts."""
    corpus = fer2013.load(data_dir, "train")
    reported = fer2013.load(data_dir, "validation")
    corpus = corpus.take(~fer2013.near_duplicates(corpus.crops, reported.crops))
    held = split_held(corpus)
    calibration, rest = corpus.take(held), corpus.take(~held)
    return rest.take(~fer2013.near_duplicates(rest.crops, calibration.crops)), calibration


def augment(crops: Tensor, view: int, generator: torch.Generator) -> Tensor:
    """Random views ``(n, view, view)`` of crops ``(n, 48, 48)``, grey values 0 to 255.

    Mirror, rotation to 15°, scale 0.8 to 1.2, shift to 10%, exposure, noise, blur, and a patch
    erased: what detector boxes and real photographs vary in.
    """
    n = len(crops)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    angle = uniform(-math.pi / 12, math.pi / 12)
    scale = torch.exp(uniform(math.log(0.8), math.log(1.2))) * view / CROP_SIZE
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    theta = torch.stack(
        [
            torch.stack([scale * mirror * angle.cos(), -scale * angle.sin(), uniform(-0.2, 0.2)]),
            torch.stack([scale * mirror * angle.sin(), scale * angle.cos(), uniform(-0.2, 0.2)]),
        ]
    ).permute(2, 0, 1)
    grid = F.affine_grid(theta, [n, 1, view, view], align_corners=False)
    x = F.grid_sample(crops[:, None].float(), grid, padding_mode="border", align_corners=False)
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    soften = (uniform(0, 1) < 0.15).float() * uniform(0.3, 1.0)
    x = torch.lerp(x, blurred, soften[:, None, None, None])
    gamma = torch.exp(uniform(-0.4, 0.4))[:, None, None, None]
    x = 255.0 * (x.clamp(0, 255) / 255.0) ** gamma
    noise = (uniform(0, 1) < 0.25).float() * uniform(0, 12)
    x = x + torch.randn(x.shape, generator=generator) * noise[:, None, None, None]
    return _erase(x, uniform(0, 1) < 0.25, generator)[:, 0].clamp(0, 255)


def _erase(x: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Cover a random patch of the chosen pictures with their mean (a hand, hair, glasses)."""
    n, _, height, width = x.shape
    centre = torch.rand(n, 2, generator=generator)
    half = torch.rand(n, 2, generator=generator) * 0.15 + 0.08
    rows = torch.linspace(0, 1, height)[None, :, None]
    columns = torch.linspace(0, 1, width)[None, None, :]
    inside = ((rows - centre[:, :1, None]).abs() < half[:, :1, None]) & (
        (columns - centre[:, 1:, None]).abs() < half[:, 1:, None]
    )
    inside &= chosen[:, None, None]
    return torch.where(inside[:, None], x.mean((2, 3), keepdim=True), x)


def loss_of(network: nn.Module, batch: Batch) -> Tensor:
    """Smoothed cross-entropy of the label, and of the vote distribution where people saw a face."""
    labels, votes, _ = network(batch["crops"])
    loss = F.cross_entropy(labels, batch["label"], label_smoothing=SMOOTHING)
    share = batch["votes"]
    counted = share.sum(1) > 0
    if counted.any():
        target = share[counted] / share[counted].sum(1, keepdim=True)
        loss = loss + VOTE_WEIGHT * F.cross_entropy(votes[counted], target)
    return loss


def train(
    data_dir: Path,
    run_dir: Path,
    schedule: Schedule,
    *,
    start: Path | None = None,
    compiled: bool = False,
    verbose: bool = True,
) -> FaceNet:
    """Train (or go on training) in ``run_dir``; returns the averaged network.

    Args:
        start: a finished run whose averaged weights are the start: a warm restart (Loshchilov and
            Hutter, 2017).
    """
    learn, held = training_parts(data_dir)
    crops = torch.from_numpy(learn.crops)
    labels = torch.from_numpy(learn.labels)
    votes = torch.from_numpy(learn.votes)
    held_crops, held_labels = torch.from_numpy(held.crops), torch.from_numpy(held.labels)

    def batches(epoch: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(schedule.seed * 1000 + epoch)
        order = torch.randperm(len(crops), generator=generator)
        for index in torch.split(order, BATCH)[: len(order) // BATCH]:
            yield {
                "crops": augment(crops[index], VIEW, generator),
                "label": labels[index],
                "votes": votes[index],
            }

    def measure(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, FaceNet)
        parts = torch.split(held_crops, 256)
        logits = torch.cat([network.answer(network.embed(part)) for part in parts])
        return {"held_accuracy": float((logits.argmax(1) == held_labels).float().mean())}

    torch.manual_seed(schedule.seed)
    network = FaceNet()
    if start is not None:
        load_average(network, start)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    result = fit(
        network,
        batches,
        len(crops) // BATCH,
        loss_of,
        schedule,
        run_dir,
        compiled=compiled,
        measure=measure,
        report=(lambda record: print(record, flush=True)) if verbose else None,  # noqa: T201
    )
    assert isinstance(result, FaceNet)
    return result


def main() -> None:
    """Command line of the recipe."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--out", type=Path, required=True, help="run folder")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--start", type=Path, help="finished run whose weights to go on from")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--compile", action="store_true", help="fuse with torch.compile")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    train(
        arguments.data,
        arguments.out,
        Schedule(epochs=arguments.epochs, learning_rate=arguments.rate),
        start=arguments.start,
        compiled=arguments.compile,
    )


if __name__ == "__main__":
    main()
