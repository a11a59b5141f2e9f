"""Reads the expression of cropped faces with any face model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import ModelError
from emoscope.labels import LabelSet
from emoscope.models.load import load

BATCH = 16  # what caches hold: more at once are slower, and take more memory


class FaceRecogniser:
    """A face model, ready to read crops.

    Args:
        model: a name from the catalog, an ``.onnx`` file, or a training run's folder.
        threads: for one run; None: as many cores as this process may use.

    Attributes:
        labels: what the probabilities stand for, in order.
        crop_size: side of the crops that the model reads, in pixels.
        name: ``name@version``.
        answers_fer2013: whether the model also says what FER2013's own label would be.

    Raises:
        UnknownModelError, ModelUnavailableError, ModelIntegrityError, ModelError: see
            :func:`emoscope.models.load.load`.
    """

    labels: LabelSet
    crop_size: int
    name: str
    answers_fer2013: bool

    def __init__(self, model: str | Path = "emoscope-face", threads: int | None = None) -> None:
        self._session = load(model, role="face", threads=threads)
        metadata = self._session.metadata
        self.labels = metadata.labels
        self.name = metadata.at_version
        side = self._session.input_shape("crops")[1]
        assert side is not None, "a session opens only face models of a fixed size"
        self.crop_size = side
        self.answers_fer2013 = "fer2013_probs" in self._session.outputs

    def read(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities and embeddings of crops, from :func:`emoscope.face.crop.crop_faces`.

        Args:
            crops: grey ``(n, crop_size, crop_size)`` uint8; ``n`` may be 0.

        Returns:
            Calibrated probabilities ``(n, labels)`` and embeddings ``(n, d)``, float32.

        Raises:
            ValueError: another shape or dtype.
            ModelError: the runtime failed.
        """
        found = self.read_all(crops)
        return found["probs"], found["embedding"]

    def read_fer2013(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What FER2013's own label would be, for comparison on that benchmark.

        Args:
            crops: as for :meth:`read`.

        Returns:
            Calibrated probabilities ``(n, labels)``, float32.

        Raises:
            ValueError: another shape or dtype.
            ModelError: the model has no such output (:attr:`answers_fer2013`), or the runtime
                failed.
        """
        if not self.answers_fer2013:
            raise ModelError(f"{self.name}: has no output for FER2013's own labels")
        return self.read_all(crops)["fer2013_probs"]

    def read_all(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """``probs``, ``embedding`` and, where there is one, ``fer2013_probs``, from one run.

        Otherwise as :meth:`read`.
        """
        size = self.crop_size
        if crops.dtype != np.uint8 or crops.ndim != 3 or crops.shape[1:] != (size, size):
            raise ValueError(
                f"expected uint8 crops (n, {size}, {size}), got {crops.dtype} {crops.shape}"
            )
        # Without faces, one blank crop tells the width of the embedding.
        fed = crops if len(crops) else np.zeros((1, size, size), dtype=np.uint8)
        parts = [
            self._session.run({"crops": fed[start : start + BATCH]})
            for start in range(0, len(fed), BATCH)
        ]
        names = ["probs", "embedding"] + ["fer2013_probs"] * self.answers_fer2013
        return {
            name: np.concatenate([part[name] for part in parts])[: len(crops)] for name in names
        }
