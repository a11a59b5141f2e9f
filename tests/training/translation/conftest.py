"""Two made modalities: a Gaussian cloud for each label, each in a space of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emoscope.labels import SHARED, SHARED_LABELS, VOICE_LABELS, LabelSet
from emoscope.models.spaces import Modality
from emoscope.training.calibration import softmax

if TYPE_CHECKING:
    from emoscope.training.translation.embeddings import Side

WIDTHS: dict[Modality, int] = {"face": 12, "voice": 10}
LABELS: dict[Modality, LabelSet] = {"face": SHARED_LABELS, "voice": VOICE_LABELS}


@pytest.fixture(scope="session")
def make_sides() -> Callable[..., dict[Modality, Side]]:
    """Builder ``(per_label=30, spread=0.3)``: clouds that a linear head tells apart."""
    from emoscope.training.translation.embeddings import Embedded, Side

    def build(per_label: int = 30, spread: float = 0.3) -> dict[Modality, Side]:
        sides: dict[Modality, Side] = {}
        for number, (modality, width) in enumerate(WIDTHS.items()):
            rng = np.random.default_rng(number)
            centres = rng.uniform(0, 3, (len(SHARED), width))
            names = LABELS[modality].names
            columns = [SHARED.index("neutral" if name == "calm" else name) for name in names]
            weight = centres[columns]
            bias = -0.5 * np.square(weight).sum(1)
            parts = {}
            for part in ("learn", "held", "test"):
                labels = np.repeat(np.arange(len(SHARED)), per_label)
                cloud = centres[labels] + spread * rng.standard_normal((len(labels), width))
                values = np.maximum(cloud, 0).astype(np.float32)
                probs = softmax(values @ weight.T + bias).astype(np.float32)
                groups = np.array([f"{i % 3}" for i in range(len(labels))])
                parts[part] = Embedded(values, probs, labels, groups)
            sides[modality] = Side(f"tiny-{modality}@1", LABELS[modality], parts)
        return sides

    return build
