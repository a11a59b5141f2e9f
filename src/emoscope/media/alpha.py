"""Transparency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def over_white(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay a picture with straight alpha over white.

    Args:
        rgb: (height, width, 3) uint8.
        alpha: (height, width) uint8, 255 opaque.
    """
    if alpha.min() == 255:
        return np.ascontiguousarray(rgb)
    share = alpha[:, :, None].astype(np.uint16)
    mixed = (rgb * share + 255 * (255 - share) + 127) // 255
    return mixed.astype(np.uint8)
