"""What a model answered to items whose labels are known."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.export.files import atomic_path

# What numpy and zipfile raise at a file that is damaged, or another one.
_BROKEN = (
    *(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error),
    *(NotImplementedError, RuntimeError, MemoryError, AttributeError, TypeError),
)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers to ``n`` items.

    Attributes:
        names: of the items.
        truth: ``(n,)`` int64, index into ``labels``.
        probs: ``(n, k)`` float64, rows sum to 1.
        labels: of the ``k`` answers.
        speakers: who each item shows or who speaks, ``""`` where that is not known.
        seconds: ``(n,)`` float64, how long the speech is; None for pictures.
        default: ``(n, k)`` float64, what people are shown, where ``probs`` come from an output that
            the model keeps for these labels; None: they are the same.

    Raises:
        ValueError: shapes that do not fit, or a truth that is none of the labels.
    """

    names: tuple[str, ...]
    truth: NDArray[np.int64]
    probs: NDArray[np.float64]
    labels: tuple[str, ...]
    speakers: tuple[str, ...]
    seconds: NDArray[np.float64] | None = None
    default: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        n, k = len(self.names), len(self.labels)
        shapes = [self.truth.shape, self.probs.shape, (len(self.speakers),)]
        wanted: list[tuple[int, ...]] = [(n,), (n, k), (n,)]
        if self.seconds is not None:
            shapes, wanted = [*shapes, self.seconds.shape], [*wanted, (n,)]
        if self.default is not None:
            shapes, wanted = [*shapes, self.default.shape], [*wanted, (n, k)]
        if shapes != wanted:
            raise ValueError(f"{n} names and {k} labels need shapes {wanted}, got {shapes}")
        if n and (self.truth.min() < 0 or self.truth.max() >= k):
            raise ValueError(f"expected a truth of 0 to {k - 1}")

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def join(cls, parts: list[Predictions]) -> Predictions:
        """Those of several folds as one.

        Raises:
            DatasetError: the folds' models do not answer the same labels.
        """
        labels = parts[0].labels
        for part in parts:
            if part.labels != labels:
                raise DatasetError(
                    "the folds answer different labels, which cannot be pooled: "
                    f"{', '.join(labels)}, and {', '.join(part.labels)}"
                )
        timed = [part.seconds for part in parts if part.seconds is not None]
        default = [part.default for part in parts if part.default is not None]
        return cls(
            names=tuple(name for part in parts for name in part.names),
            truth=np.concatenate([part.truth for part in parts]),
            probs=np.concatenate([part.probs for part in parts]),
            labels=labels,
            speakers=tuple(speaker for part in parts for speaker in part.speakers),
            seconds=np.concatenate(timed) if len(timed) == len(parts) else None,
            default=np.concatenate(default) if len(default) == len(parts) else None,
        )

    def save(self, path: Path) -> None:
        """Write a ``.npz`` of plain arrays, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        arrays = {
            "names": np.array(self.names, np.str_),
            "truth": self.truth.astype(np.int64),
            "probs": self.probs.astype(np.float64),
            "labels": np.array(self.labels, np.str_),
            "speakers": np.array(self.speakers, np.str_),
        }
        if self.seconds is not None:
            arrays["seconds"] = self.seconds.astype(np.float64)
        if self.default is not None:
            arrays["default"] = self.default.astype(np.float64)
        with atomic_path(path) as part, part.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what :meth:`save` wrote; nothing in it is executed.

        Raises:
            DatasetError: the file cannot be read, or is something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(
                    names=_strings(file["names"]),
                    truth=_numbers(file["truth"], "i").astype(np.int64),
                    probs=_numbers(file["probs"], "f").astype(np.float64),
                    labels=_strings(file["labels"]),
                    speakers=_strings(file["speakers"]),
                    seconds=_numbers(file["seconds"], "f") if "seconds" in file.files else None,
                    default=_numbers(file["default"], "f") if "default" in file.files else None,
                )
        except FileNotFoundError as error:
            raise DatasetError(f"{path}: no such file; a finished run holds one") from error
        except _BROKEN as error:
            raise DatasetError(
                f"{path}: not the predictions of a run, or damaged; train or evaluate again"
            ) from error


def _strings(array: NDArray[np.str_]) -> tuple[str, ...]:
    if array.dtype.kind != "U" or array.ndim != 1:
        raise ValueError(f"expected a row of strings, got {array.dtype} {array.shape}")
    return tuple(array.tolist())


def _numbers(array: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    if array.dtype.kind != kind or not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers, got {array.dtype}")
    return array
