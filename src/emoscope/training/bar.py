"""The bar of a training, on standard error."""

from __future__ import annotations

import sys
from typing import Any

from lightning.pytorch.callbacks import ProgressBar


class EpochBar(ProgressBar):
    """One bar for the whole run, with the latest figures and the time left."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=trainer.max_epochs * self.total_train_batches,
            initial=trainer.current_epoch * self.total_train_batches,
            file=sys.stderr,
            unit="step",
            dynamic_ncols=True,
            leave=False,
            disable=not trainer.is_global_zero,
        )

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        self._bar.update()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        figures = {
            key: f"{float(value):.3f}"
            for key, value in trainer.callback_metrics.items()
            if key in ("loss", "held_loss", "held_accuracy")
        }
        self._bar.set_description(f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}")
        self._bar.set_postfix(figures)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if self._bar is not None:
            self._bar.close()
