"""Reads the expression of English text with any text model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from emoscope.labels import LabelSet
from emoscope.models.load import load
from emoscope.words import tokenise
from emoscope.words.exported import ExportedClassifier, is_exported

BATCH = 32  # bounds the memory of one run, however many texts there are

Reading = tuple[NDArray[np.float32], NDArray[np.float32]]


class _TextModel(Protocol):
    labels: LabelSet
    name: str

    def read(self, texts: Sequence[str]) -> Reading: ...


class WordsRecogniser:
    """A text model, ready to read.

    Args:
        model: a name from the catalog, an ``.onnx`` file or a training run's folder; or the folder
            of a Hugging Face text classifier exported to ONNX, see
            :class:`~emoscope.words.exported.ExportedClassifier`.
        threads: for one run; None: as many cores as this process may use.

    Attributes:
        labels: what the probabilities stand for, in order.
        name: ``name@version``.

    Raises:
        UnknownModelError, ModelUnavailableError, ModelIntegrityError, ModelError: see
            :func:`emoscope.models.load.load` and the exported classifier.
        MissingExtraError: an exported classifier without the ``words`` extra.
    """

    labels: LabelSet
    name: str

    def __init__(self, model: str | Path = "emoscope-words", threads: int | None = None) -> None:
        self._model: _TextModel
        if is_exported(model):
            self._model = ExportedClassifier(Path(model), threads)
        else:
            self._model = _OwnModel(model, threads)
        self.labels, self.name = self._model.labels, self._model.name

    def read(self, texts: Sequence[str]) -> Reading:
        """Probabilities and embeddings of texts.

        Whatever a text holds, only its beginning is read: about 4000 characters.

        Args:
            texts: in English; there may be none, and each may be empty.

        Returns:
            Calibrated probabilities ``(n, labels)`` and embeddings ``(n, d)``, float32.

        Raises:
            ModelError: the runtime failed.
        """
        # Without texts, one blank text tells the width of the embedding.
        fed = list(texts) or [""]
        parts = [self._model.read(fed[at : at + BATCH]) for at in range(0, len(fed), BATCH)]
        probs = np.concatenate([probs for probs, _ in parts])[: len(texts)]
        embedding = np.concatenate([embedding for _, embedding in parts])[: len(texts)]
        return probs, embedding


class _OwnModel:
    """A model whose file says how it was made, on the numbers of :mod:`.tokenise`."""

    def __init__(self, model: str | Path, threads: int | None) -> None:
        self._session = load(model, role="words", threads=threads)
        self.labels = self._session.metadata.labels
        self.name = self._session.metadata.at_version

    def read(self, texts: Sequence[str]) -> Reading:
        found = self._session.run({"ids": tokenise.batch(texts)})
        return found["probs"], found["embedding"]
