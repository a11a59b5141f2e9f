"""What a recipe is: data, features, network, augmentation and schedule in one short file.

A recipe learns from two parts of a corpus: one to learn from, one held back from learning (early
stopping, temperature). Splitting, calibration, export, measuring and the run folder are the same
for all (:mod:`emoscope.training.run`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from emoscope.labels import LabelSet
from emoscope.models.metadata import ModelMetadata
from emoscope.training.datasets.corpora import FaceCorpus, SpeechCorpus
from emoscope.training.splits import Fold

T = TypeVar("T", FaceCorpus, SpeechCorpus)

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Settings:
    """What a person may choose of a training; None: as the recipe has it.

    Attributes:
        epochs: passes over the training part.
        batch_size: items a step.
        learning_rate: its peak.
        seed: of everything random.
        checkpoint: weights to start from: a model hub's name, a local folder or file.
        from_scratch: start from random weights where the recipe would fetch some.
        precision: ``32-true``, ``bf16-mixed``, or ``auto``: what the device is quick at.
        accelerator: Lightning's: ``auto``, ``cpu``, ``gpu``.
        devices: Lightning's: a number, or ``auto``.
        nodes: machines.
        strategy: Lightning's: ``auto``, ``ddp``, ``fsdp`` and others.
        threads: of the processor; 0: all cores.
        progress: whether a bar is shown.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    checkpoint: str | None = None
    from_scratch: bool = False
    precision: str = "auto"
    accelerator: str = "auto"
    devices: str = "auto"
    nodes: int = 1
    strategy: str = "auto"
    threads: int = 0
    progress: bool = False


@dataclass(frozen=True)
class Judged:
    """Answers that a temperature is fitted on, to items that their network did not learn from.

    Attributes:
        logits: ``(n, classes)``, before any temperature.
        truth: ``(n,)`` int64, what was right; -1: not counted.
        text: what the items are, in words.
    """

    logits: NDArray[np.float64]
    truth: NDArray[np.int64]
    text: str


class Trained(Protocol[T]):  # type: ignore[misc]
    """What training leaves: answers that can still be calibrated, and a file."""

    def logits(self, items: T) -> NDArray[np.float64]:
        """``(n, classes)``, before any temperature; for models without logits, ``log(probs)``."""

    def export(self, temperature: float, metadata: ModelMetadata, path: Path) -> float:
        """Write the ONNX file, whole or not at all.

        Returns:
            The largest difference between the file and the network.

        Raises:
            ModelIntegrityError: the file does not do what the network does.
        """


class Recipe(ABC, Generic[T]):
    """A way to make one model.

    Attributes:
        name: on the command line and in the model file.
        role: ``face`` or ``voice``.
        summary: one line.
        corpora: what it is trained on unless somebody says otherwise.
        protocol: how it is split unless somebody says otherwise, one of
            :data:`emoscope.training.splits.PROTOCOLS`.
        preprocessing: what the graph does to its input, for the model file.
    """

    name: ClassVar[str]
    role: ClassVar[str]
    summary: ClassVar[str]
    corpora: ClassVar[tuple[str, ...]]
    protocol: ClassVar[str]
    preprocessing: ClassVar[str]

    def prepare(self, items: T, protocol: str) -> T:
        """Choose or rename items before they are split by ``protocol``."""
        del protocol
        return items

    def own_split(self, items: T) -> list[Fold] | None:
        """The recipe's own split (protocol ``own``); None: it has none."""
        del items
        return None

    def truth(self, items: T) -> NDArray[np.int64]:
        """``(n,)`` what the default answer is calibrated by; -1: not counted. Here: the label."""
        return items.labels

    def judge(
        self,
        trained: Trained[T],
        learn: T,
        held: T,
        labels: LabelSet,
        run_dir: Path,
        settings: Settings,
    ) -> Judged:
        """Answers for the temperature of ``trained``; arguments as for :meth:`train`.

        Here: those to what was held back.
        """
        del learn, labels, run_dir, settings
        return Judged(trained.logits(held), self.truth(held), "items held back")

    @property
    @abstractmethod
    def input(self) -> dict[str, Any]:
        """``input`` of the model file's metadata."""

    @abstractmethod
    def train(
        self, learn: T, held: T, labels: LabelSet, run_dir: Path, settings: Settings
    ) -> Trained[T]:
        """Learn, or go on where ``run_dir``'s checkpoint stands.

        Args:
            learn: to learn from.
            held: not learnt from: early stopping, curves.
            labels: of the answers, in order.
            run_dir: takes ``checkpoints/``, ``curves.csv`` and ``tensorboard/``.

        Raises:
            MissingExtraError: a package that this recipe needs is not installed.
            ModelError: pretrained weights cannot be had or do not fit.
        """
