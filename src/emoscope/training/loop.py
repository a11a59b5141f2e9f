"""The training loop, on Lightning: one schedule, checkpoints that resume, curves, an early stop.

Where a schedule averages the weights, the model is the average at the end, and nothing was
selected. Where it stops early, the model is the epoch with the least loss on the part held back.
"""

from __future__ import annotations

import csv
import logging
import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope._optional import require
from emoscope.errors import ModelError
from emoscope.export.files import atomic_path
from emoscope.training.recipe import Settings

require("lightning.pytorch", extra="train")

import lightning.pytorch as pl  # noqa: E402
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint  # noqa: E402
from lightning.pytorch.loggers import TensorBoardLogger  # noqa: E402

from emoscope.training.bar import EpochBar  # noqa: E402
from emoscope.training.optimise import averaging, parameter_groups  # noqa: E402

Batch = dict[str, Tensor]
LAST = "last.ckpt"


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn, with AdamW (Loshchilov and Hutter, 2019).

    Attributes:
        epochs: passes over the training part, at most.
        batch_size: items a step.
        learning_rate: its peak.
        weight_decay: decoupled decay of matrices and kernels (not of norms and biases).
        warmup: share of the steps spent rising to the peak.
        cosine: fall to zero along a cosine; else stay.
        average: decay per step of the running average of the weights; None: no average.
        patience: epochs without a better loss on the part held back after which to stop, the best
            being kept; None: go to the end.
        autocast: whether half precision is worth it, where the processor or the card has it.
        seed: of everything random.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.05
    cosine: bool = True
    average: float | None = None
    patience: int | None = None
    autocast: bool = True
    seed: int = 0

    def with_settings(self, settings: Settings) -> Schedule:
        """As a person wants it."""
        return Schedule(
            **{
                **asdict(self),
                "epochs": settings.epochs or self.epochs,
                "batch_size": settings.batch_size or self.batch_size,
                "learning_rate": settings.learning_rate or self.learning_rate,
                "seed": settings.seed,
            }
        )

    def rate_at(self, progress: float) -> float:
        """Learning rate at ``progress`` within [0, 1] of the run, as a share of the peak."""
        if progress < self.warmup:
            return max(progress / self.warmup, 0.01)
        if not self.cosine:
            return 1.0
        rest = (progress - self.warmup) / (1 - self.warmup)
        return 0.5 * (1 + math.cos(math.pi * min(rest, 1.0)))


class Teaching(Protocol):
    """What the loop asks of a recipe."""

    def steps(self, batch_size: int) -> int:
        """Batches an epoch."""

    def batches(self, epoch: int, batch_size: int, seed: int) -> Iterator[Batch]:
        """An epoch's batches; they depend on nothing but these three."""

    def held_batches(self) -> Iterator[Batch]:
        """The part held back, each batch with ``label`` ``(n,)``; the same every time."""

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Loss of a batch from :meth:`batches`."""

    def logits(self, network: nn.Module, batch: Batch) -> Tensor:
        """Logits ``(n, classes)`` of a batch from :meth:`held_batches`."""

    def begin_epoch(self, network: nn.Module, epoch: int, epochs: int) -> None:
        """Freeze or unfreeze parts of the network."""


def fit(
    network: nn.Module,
    teaching: Teaching,
    schedule: Schedule,
    run_dir: Path,
    settings: Settings | None = None,
) -> nn.Module:
    """Train ``network``; go on where ``run_dir`` has a checkpoint.

    Args:
        network: what learns; changed in place.
        teaching: the data and the loss.
        schedule: how long and how fast.
        run_dir: takes ``checkpoints/``, ``curves.csv`` and ``tensorboard/``.
        settings: device, precision, threads, bar.

    Returns:
        The averaged, the best or the last network, in evaluation mode, on the processor.

    Raises:
        ModelError: the checkpoint is of another schedule or network, or the run was interrupted
            or its files cannot be written.
    """
    settings = settings or Settings()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    folder = run_dir / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    learner = _Learner(network, teaching, schedule, run_dir / "curves.csv")
    last = folder / LAST
    resumed = last if last.is_file() else None
    if resumed is not None:
        _check_schedule(resumed, schedule)
    with _quiet():
        trainer = _made_trainer(schedule, run_dir, settings)
    try:
        with _quiet():
            trainer.fit(learner, ckpt_path=resumed, weights_only=True)
    except SystemExit as stopped:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from stopped
    except RuntimeError as error:
        if resumed is not None and "state_dict" in str(error):
            raise ModelError(f"{resumed}: weights of another network; start anew") from error
        raise
    return _finished(learner, folder, schedule)


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's remarks are for its own users; its errors are raised."""
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _finished(learner: _Learner, folder: Path, schedule: Schedule) -> nn.Module:
    kept: nn.Module = learner.network
    if learner.average is not None:
        kept = learner.average.module
    elif schedule.patience is not None:
        state = torch.load(folder / "best.ckpt", map_location="cpu", weights_only=True)
        learner.load_state_dict(state["state_dict"])
    kept.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    for parameter in kept.parameters():
        parameter.requires_grad_(False)
    return kept.eval()


def _check_schedule(checkpoint: Path, schedule: Schedule) -> None:
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        made = state["emoscope_schedule"]
    except Exception as error:
        raise ModelError(f"{checkpoint}: not a checkpoint of this program: {error}") from error
    if made != asdict(schedule):
        other = [key for key, value in asdict(schedule).items() if made.get(key) != value]
        told = ", ".join(f"{key} {made.get(key)}" for key in other)
        raise ModelError(
            f"{checkpoint}: made with another schedule ({told}); resume with the same options, "
            "or take another folder"
        )


def precision_of(wanted: str, accelerator: str, autocast: bool) -> str:
    """Lightning's precision: bfloat16 where the device multiplies matrices of it."""
    if wanted != "auto":
        return wanted
    gpu = torch.cuda.is_available() and accelerator in ("auto", "gpu", "cuda")
    quick = torch.cuda.is_bf16_supported() if gpu else _processor_has_matrix_units()
    return "bf16-mixed" if autocast and quick else "32-true"


def _processor_has_matrix_units() -> bool:
    # Dot products of bfloat16 alone (AVX-512) take longer than float32 (docs/experiments.md).
    capable = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return bool(capable())


def _made_trainer(schedule: Schedule, run_dir: Path, settings: Settings) -> pl.Trainer:
    try:
        return _trainer(schedule, run_dir, settings)
    except (ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"cannot train with accelerator {settings.accelerator}, devices {settings.devices}, "
            f"strategy {settings.strategy}, precision {settings.precision}: {reason}"
        ) from error


def _trainer(schedule: Schedule, run_dir: Path, settings: Settings) -> pl.Trainer:
    callbacks: list[Callback] = []
    kept: dict[str, Any] = {
        "dirpath": run_dir / "checkpoints",
        "enable_version_counter": False,
        "save_on_train_epoch_end": True,
    }
    if schedule.patience is not None:
        callbacks += [
            EarlyStopping("held_loss", patience=schedule.patience, check_on_train_epoch_end=True),
            ModelCheckpoint(filename="best", monitor="held_loss", save_weights_only=True, **kept),
        ]
    # Last of all, so that it holds what the others know of the epoch.
    callbacks.append(ModelCheckpoint(filename="last", **kept))
    if settings.progress:
        callbacks.append(EpochBar())
    return pl.Trainer(
        max_epochs=schedule.epochs,
        accelerator=settings.accelerator,
        devices=settings.devices if settings.devices == "auto" else int(settings.devices),
        num_nodes=settings.nodes,
        strategy=settings.strategy,
        precision=precision_of(settings.precision, settings.accelerator, schedule.autocast),  # type: ignore[arg-type]
        logger=TensorBoardLogger(run_dir, name="tensorboard", version=""),
        callbacks=callbacks,
        enable_progress_bar=settings.progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        gradient_clip_val=5.0,
        log_every_n_steps=50,
        use_distributed_sampler=False,
    )


class _Epoch:
    """The batches of one epoch that are this process' own."""

    def __init__(self, learner: _Learner, epoch: int, rank: int, world: int) -> None:
        self._learner, self._epoch, self._rank, self._world = learner, epoch, rank, world

    def __len__(self) -> int:
        steps = self._learner.teaching.steps(self._learner.schedule.batch_size)
        return max(1, steps // self._world)

    def __iter__(self) -> Iterator[Batch]:
        schedule = self._learner.schedule
        batches = self._learner.teaching.batches(self._epoch, schedule.batch_size, schedule.seed)
        count = 0
        for number, batch in enumerate(batches):
            if number % self._world == self._rank and count < len(self):
                count += 1
                yield batch


class _Learner(pl.LightningModule):
    """A network, its average, and what it is taught."""

    def __init__(
        self, network: nn.Module, teaching: Teaching, schedule: Schedule, curves: Path
    ) -> None:
        super().__init__()
        self.network = network
        self.teaching, self.schedule = teaching, schedule
        self.average: torch.optim.swa_utils.AveragedModel | None = None
        if schedule.average is not None:
            self.average = torch.optim.swa_utils.AveragedModel(
                network, multi_avg_fn=averaging(schedule.average), use_buffers=True
            )
            self.average.requires_grad_(False)
        self._curves, self._started = curves, 0.0
        self._losses: list[Tensor] = []

    def configure_optimizers(self) -> Any:
        network, schedule = self.network, self.schedule
        optimiser = torch.optim.AdamW(
            parameter_groups(network, schedule.learning_rate),
            betas=(0.9, 0.98),
            weight_decay=schedule.weight_decay,
            foreach=True,  # many small matrices: one call for all of them
        )
        total = schedule.epochs * len(_Epoch(self, 0, 0, self.trainer.world_size))
        rate = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: schedule.rate_at(step / total)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

    def train_dataloader(self) -> Any:
        return _Epoch(self, self.current_epoch, self.trainer.global_rank, self.trainer.world_size)

    def on_train_epoch_start(self) -> None:
        # Dropout draws the same numbers whether or not the run was killed before.
        torch.manual_seed(self.schedule.seed * 100_003 + self.current_epoch)
        self.teaching.begin_epoch(self.network, self.current_epoch, self.schedule.epochs)
        self._losses, self._started = [], time.perf_counter()

    def training_step(self, batch: Batch, _: int) -> Tensor:
        loss = self.teaching.loss(self.network, batch)
        self._losses.append(loss.detach())
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        if self.average is not None:
            self.average.update_parameters(self.network)

    def on_train_epoch_end(self) -> None:
        record = {
            "epoch": self.current_epoch + 1,
            "loss": float(torch.stack(self._losses).mean()),
            "seconds": time.perf_counter() - self._started,
            **self._held(),
        }
        if record["loss"] != record["loss"]:
            raise ModelError(
                f"the loss is no number any more in epoch {record['epoch']}; "
                "take a smaller --learning-rate or --precision 32-true"
            )
        for key in ("loss", "held_loss", "held_accuracy"):
            if key in record:
                self.log(key, record[key], prog_bar=True)
        if self.trainer.is_global_zero:
            _write_curve(self._curves, record)

    def _held(self) -> dict[str, float]:
        network = self.network if self.average is None else self.average.module
        network.eval()
        losses, hits, n = 0.0, 0, 0
        precise = getattr(self.trainer.precision_plugin, "forward_context", nullcontext)
        with torch.no_grad(), precise():
            for batch in self.teaching.held_batches():
                moved = {key: value.to(self.device) for key, value in batch.items()}
                logits = self.teaching.logits(network, moved).float()
                losses += float(F.cross_entropy(logits, moved["label"], reduction="sum"))
                hits += int((logits.argmax(1) == moved["label"]).sum())
                n += len(logits)
        self.network.train()
        return {"held_loss": losses / n, "held_accuracy": hits / n} if n else {}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["emoscope_schedule"] = asdict(self.schedule)


def _write_curve(path: Path, record: dict[str, float]) -> None:
    """Add an epoch's row; one of the same number or later, from before a kill, goes."""
    rows: list[dict[str, Any]] = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if int(row["epoch"]) < record["epoch"]]
    with atomic_path(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(record))
        writer.writeheader()
        writer.writerows([*rows, record])
