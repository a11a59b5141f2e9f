"""Translates a reading of the face into the voice's terms, and the other way round.

A translation says what the voice of such an expression would be like, in a model's embedding and
its scores. It is derived from the other modality alone: never evidence of its own, always flagged,
and not to be fused. docs/translation.md says what it was measured to be worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import ModelIntegrityError
from emoscope.models import catalog
from emoscope.models.load import load
from emoscope.models.spaces import MODALITIES, Modality, Space, other, spaces_of
from emoscope.results import Scores
from emoscope.translated import TranslatedReading

ROWS = 4096  # bounds the memory of one run, however many rows there are

Floats = NDArray[np.float32]


class Translator:
    """A translation, ready to run.

    Args:
        model: a name from the catalog, an ``.onnx`` file, or a training run's folder.
        face: ``name@version`` of the face model whose embeddings are to be translated, or to be
            made; None: the one that ships.
        voice: the same of the voice model.
        threads: for one run; None: as many cores as this process may use.

    Attributes:
        name: ``name@version``.
        spaces: the models whose embeddings it translates.

    Raises:
        UnknownModelError, ModelUnavailableError, ModelIntegrityError, ModelError: see
            :func:`emoscope.models.load.load`; ``ModelIntegrityError`` also where the translation
            belongs to other models, or other versions, than ``face`` and ``voice``.
    """

    name: str
    spaces: Mapping[Modality, Space]

    def __init__(
        self,
        model: str | Path = "emoscope-translation",
        *,
        face: str | None = None,
        voice: str | None = None,
        threads: int | None = None,
    ) -> None:
        self._session = load(model, role="translation", threads=threads)
        self.name = self._session.metadata.at_version
        self.spaces = spaces_of(self._session.metadata)
        in_use: dict[Modality, str] = {
            "face": face or catalog.find("emoscope-face").at_version,
            "voice": voice or catalog.find("emoscope-voice").at_version,
        }
        for modality, used in in_use.items():
            meant = self.spaces[modality].model
            if used != meant:
                raise ModelIntegrityError(
                    f"{self._session.source}: translates embeddings of {meant}, not of {used}, "
                    f"which is in use; load {meant}, or train the translation again: "
                    "python -m emoscope.training.translation --help"
                )

    def translate(self, embedding: Floats, to: Modality) -> tuple[Floats, Floats]:
        """Embeddings of one modality in the terms of the other.

        Args:
            embedding: ``(n, d)`` float32, of the face model where ``to`` is ``voice`` and the
                other way round; ``n`` may be 0.
            to: ``face`` or ``voice``.

        Returns:
            Embeddings ``(n, d2)`` of the model of ``to`` and what that model's own classifier
            answers to them, ``(n, labels)``, both float32.

        Raises:
            ValueError: ``to`` is neither, or another shape or dtype, or values that are not finite.
            ModelError: the runtime failed.
        """
        source = other(_known(to))
        made = self._run(source, embedding)
        return made[f"{source}_to_{to}"], made[f"{source}_to_{to}_probs"]

    def shared(self, embedding: Floats, source: Modality) -> Floats:
        """Embeddings ``(n, d)`` of the model of ``source`` in the space that both share.

        Returns:
            ``(n, s)`` float32, rows of length 1: products are cosines, across modalities too.

        Raises:
            ValueError, ModelError: as for :meth:`translate`.
        """
        return self._run(_known(source), embedding)[f"{source}_shared"]

    def reading(
        self, time_s: float, embedding: Floats, to: Modality, min_confidence: float = 0.0
    ) -> TranslatedReading:
        """One embedding ``(d,)``, translated and flagged; see :meth:`translate`."""
        _, probs = self.translate(embedding[None], to)
        scores = Scores.of(self.spaces[to].labels, probs[0], min_confidence)
        return TranslatedReading(time_s, other(to), to, scores, self.name)

    def _run(self, source: Modality, embedding: Floats) -> dict[str, Floats]:
        width = self.spaces[source].width
        if embedding.dtype != np.float32 or embedding.ndim != 2 or embedding.shape[1] != width:
            raise ValueError(
                f"expected float32 embeddings (n, {width}) of {self.spaces[source].model}, "
                f"got {embedding.dtype} {embedding.shape}"
            )
        if not np.isfinite(embedding).all():
            raise ValueError("expected embeddings of finite values")
        # The ways are independent: the other one runs on no rows.
        idle = other(source)
        nothing = np.zeros((0, self.spaces[idle].width), np.float32)
        parts = [
            self._session.run({source: embedding[start : start + ROWS], idle: nothing})
            for start in range(0, max(len(embedding), 1), ROWS)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def missing_side(face_seen: bool, speaking: bool) -> Modality | None:
    """Which modality may be translated now: the one that is not there while the other is."""
    if face_seen == speaking:
        return None
    return "voice" if face_seen else "face"


def _known(modality: Modality) -> Modality:
    if modality not in MODALITIES:
        raise ValueError(f"expected face or voice, got {modality!r}")
    return modality
