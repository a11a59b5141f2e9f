"""What an evaluation returns: figures that say how they came about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emoscope.training.metrics import Metrics

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Figure:
    """Metrics of one set of items.

    Attributes:
        name: short, for keys.
        protocol: which items, which labels, in words.
        metrics: the figures.
    """

    name: str
    protocol: str
    metrics: Metrics

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"name": self.name, "protocol": self.protocol, **self.metrics.to_dict()}


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        role: ``face`` or ``voice``.
        model: ``name@version``.
        corpus: which corpus.
        part: which part of it.
        main: the figure to quote.
        further: other figures of the same run, controls among them.
        notes: what a reader must know, a sentence each.
        warnings: why the figures may flatter the model, a sentence each.
    """

    role: str
    model: str
    corpus: str
    part: str
    main: Figure
    further: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema": "emoscope.evaluation/1",
            "role": self.role,
            "model": self.model,
            "corpus": self.corpus,
            "part": self.part,
            "main": self.main.to_dict(),
            "further": [figure.to_dict() for figure in self.further],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }
