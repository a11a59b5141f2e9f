"""Which models' embeddings a translation belongs to, as its file states it.

The metadata's ``input`` of a model of the role ``translation`` holds, besides its usual keys,
``spaces``: for ``face`` and for ``voice`` the ``model`` (``name@version``) whose embeddings are
meant, their ``width`` and the ``labels`` of that model's answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from emoscope.errors import ModelIntegrityError
from emoscope.labels import LabelSet
from emoscope.models.metadata import ModelMetadata

Modality = Literal["face", "voice"]
MODALITIES: tuple[Modality, ...] = ("face", "voice")


def other(modality: Modality) -> Modality:
    """``voice`` for ``face`` and the other way round."""
    return "voice" if modality == "face" else "face"


@dataclass(frozen=True)
class Space:
    """The embeddings of one model.

    Attributes:
        model: ``name@version``.
        labels: of the model's answers, in order.
        width: of an embedding.
    """

    model: str
    labels: LabelSet
    width: int

    def to_dict(self) -> dict[str, Any]:
        """As the metadata holds it."""
        return {"model": self.model, "width": self.width, "labels": list(self.labels.names)}


def spaces_of(metadata: ModelMetadata) -> Mapping[Modality, Space]:
    """The two spaces that a translation's metadata states.

    Raises:
        ModelIntegrityError: it does not state them, or states something impossible.
    """
    stated = metadata.input.get("spaces")
    if not isinstance(stated, Mapping) or set(stated) != set(MODALITIES):
        raise ModelIntegrityError(
            "the metadata emoscope.input must state spaces of face and voice: "
            "name@version, width and labels of each"
        )
    return {modality: _space(modality, stated[modality]) for modality in MODALITIES}


def _space(modality: str, stated: object) -> Space:
    if not isinstance(stated, Mapping):
        raise ModelIntegrityError(f"the metadata's space of {modality} is no mapping")
    model, width, labels = (stated.get(key) for key in ("model", "width", "labels"))
    if not isinstance(model, str) or not all(model.partition("@")):
        raise ModelIntegrityError(
            f"the metadata's space of {modality} must name a model as name@version, got {model!r}"
        )
    if isinstance(width, bool) or not isinstance(width, int) or width < 1:
        raise ModelIntegrityError(
            f"the metadata's space of {modality} must have a width above 0, got {width!r}"
        )
    if not isinstance(labels, list) or not all(isinstance(name, str) for name in labels):
        raise ModelIntegrityError(f"the metadata's space of {modality} has no list of labels")
    try:
        return Space(model, LabelSet(tuple(labels)), width)
    except ValueError as error:
        raise ModelIntegrityError(f"the metadata's space of {modality}: {error}") from error
