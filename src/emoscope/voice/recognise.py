"""Reads the expression of stretches of speech with any voice model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import ModelIntegrityError
from emoscope.labels import LabelSet
from emoscope.models.load import load
from emoscope.models.metadata import ModelMetadata
from emoscope.voice.spans import Span
from emoscope.voice.statistics import Statistics, statistics_of

BATCH_SAMPLES = 16_000 * 60  # bounds the memory of one run: a minute of padded sound
# Networks that compare each moment with every other need memory for the square of this.
LONGEST_WAVEFORM = 16_000 * 30
LONGEST_READING_S = 5.0


class VoiceRecogniser:
    """A voice model, ready to read waveforms.

    Models take waveforms, many padded ones at once or one after another, or statistics that are
    computed here; which of them, their files say.

    Args:
        model: a name from the catalog, an ``.onnx`` file, or a training run's folder.
        threads: for one run; None: as many cores as this process may use.

    Attributes:
        labels: what the probabilities stand for, in order.
        name: ``name@version``.
        metadata: the model's own description.

    Raises:
        UnknownModelError, ModelUnavailableError, ModelIntegrityError, ModelError: see
            :func:`emoscope.models.load.load`; also where the model wants features that are not
            known here.
        MissingExtraError: a package that computes the model's features is not installed.
    """

    labels: LabelSet
    name: str
    metadata: ModelMetadata

    def __init__(self, model: str | Path = "emoscope-voice", threads: int | None = None) -> None:
        self._session = load(model, role="voice", threads=threads)
        self.metadata = metadata = self._session.metadata
        self.labels = metadata.labels
        self.name = metadata.at_version
        self._statistics: Statistics | None = None
        self._one_by_one = False
        if metadata.input["name"] == "features":
            width = self._session.input_shape("features")[1]
            try:
                self._statistics = statistics_of(metadata.input.get("features"), width)
            except ModelIntegrityError as error:
                raise ModelIntegrityError(f"{self._session.source}: {error}") from error
        else:
            self._one_by_one = self._session.input_shape("waveform")[0] is not None

    def read(
        self, waveforms: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities and embeddings of stretches of speech.

        Args:
            waveforms: each ``(time,)`` float32 at 16 kHz with at least one sample; their lengths
                may differ. Those over half a minute are read in equal parts and averaged.

        Returns:
            Calibrated probabilities ``(n, labels)`` and embeddings ``(n, d)``, float32.

        Raises:
            ValueError: another dtype or shape, or an empty waveform.
            ModelError: the runtime failed.
        """
        for waveform in waveforms:
            if waveform.dtype != np.float32 or waveform.ndim != 1 or not waveform.size:
                raise ValueError(
                    "expected float32 waveforms (time,) with at least one sample, "
                    f"got {waveform.dtype} {waveform.shape}"
                )
        # Without speech, one blank waveform tells the width of the embedding.
        parts = [
            np.array_split(waveform, math.ceil(len(waveform) / LONGEST_WAVEFORM))
            for waveform in list(waveforms) or [np.zeros(1, np.float32)]
        ]
        fed = [piece for pieces in parts for piece in pieces]
        # Neighbours in length share a batch, so that little is padded.
        order = sorted(range(len(fed)), key=lambda index: len(fed[index]))
        found = [self._run([fed[index] for index in batch]) for batch in self._batches(order, fed)]
        back = np.argsort(order)
        counts = np.array([len(pieces) for pieces in parts])

        def whole(name: str) -> NDArray[np.float32]:
            rows = np.concatenate([batch[name] for batch in found])[back]
            sums = np.add.reduceat(rows, np.cumsum(counts) - counts)[: len(waveforms)]
            return np.asarray(sums / counts[: len(waveforms), None], np.float32)

        return whole("probs"), whole("embedding")

    def _run(self, waveforms: list[NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        if self._statistics is not None:
            rows = np.stack([self._statistics(waveform) for waveform in waveforms])
            return self._session.run({"features": rows})
        lengths = np.array([len(waveform) for waveform in waveforms], np.int64)
        padded = np.zeros((len(waveforms), int(lengths.max())), np.float32)
        for row, waveform in enumerate(waveforms):
            padded[row, : len(waveform)] = waveform
        return self._session.run({"waveform": padded, "lengths": lengths})

    def _batches(self, order: list[int], fed: list[NDArray[np.float32]]) -> list[list[int]]:
        """Cut ``order`` (by rising length) so that no padded batch is over a minute of sound."""
        if self._one_by_one:
            return [[index] for index in order]
        batches: list[list[int]] = [[]]
        for index in order:
            if batches[-1] and (len(batches[-1]) + 1) * len(fed[index]) > BATCH_SAMPLES:
                batches.append([])
            batches[-1].append(index)
        return batches


def reading_spans(span: Span, longest_s: float = LONGEST_READING_S) -> list[Span]:
    """Cut a span into equal parts of at most ``longest_s``: each gets a reading of its own.

    Raises:
        ValueError: ``longest_s`` is not positive.
    """
    if longest_s <= 0:
        raise ValueError(f"expected longest_s > 0, got {longest_s}")
    parts = max(1, math.ceil((span.end_s - span.start_s) / longest_s - 1e-9))
    edges = np.linspace(span.start_s, span.end_s, parts + 1).tolist()
    return [Span(start, end) for start, end in pairwise(edges)]
