"""Cuts faces out of pictures: one margin rule, the same in training and in use.

The face models learn from FER2013 (Goodfellow et al., 2013), so a crop must frame a face as
FER2013 does. Each detector draws its boxes in its own way; :data:`RULES` holds, per detector, the
square that turns its box into FER2013's framing. The constants are medians measured by
``benchmarks/crop_framing.py`` and written down in ``docs/experiments.md``.

Resampling is one rule too: each pixel of a crop is the mean of the picture over a box as wide as
the step between pixels, but at least one pixel of the picture. Shrinking is therefore exact area
averaging (no aliasing), enlarging is bilinear, and the two meet where the step is 1. Outside of
the picture its edge goes on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.results import Box


@dataclass(frozen=True)
class CropRule:
    """From a detector's box to the square that is cut.

    The box side is ``sqrt(width * height)``; the rule is in multiples of it, so it holds at every
    scale.

    Attributes:
        right: how far the square's centre lies to the right of the box's centre.
        down: how far it lies below.
        side: the square's side.
    """

    right: float
    down: float
    side: float

    def region(self, box_xyxy: Box) -> Box:
        """The square ``(x1, y1, x2, y2)`` for a box; it may reach outside of the picture."""
        x1, y1, x2, y2 = box_xyxy
        unit = math.sqrt((x2 - x1) * (y2 - y1))
        x = (x1 + x2) / 2 + self.right * unit
        y = (y1 + y2) / 2 + self.down * unit
        half = self.side * unit / 2
        return (x - half, y - half, x + half, y + half)


RULES: Mapping[str, CropRule] = MappingProxyType(
    {
        "yunet": CropRule(right=0.0, down=-0.02, side=1.10),
        "haar": CropRule(right=0.0, down=0.0, side=1.01),
    }
)
_INT32_PIXELS = (2**31 - 1) // 255


def crop_rule(detector: str) -> CropRule:
    """The rule for a detector's name, with or without its ``@version``.

    Raises:
        ValueError: there is no rule for that detector.
    """
    rule = RULES.get(detector.split("@")[0])
    if rule is None:
        raise ValueError(f"no crop rule for detector {detector!r}; there are {sorted(RULES)}")
    return rule


def crop_faces(
    image_rgb: NDArray[np.uint8], boxes: Sequence[Box], detector: str, size: int
) -> NDArray[np.uint8]:
    """Cut the faces of one picture as the face models expect them.

    Args:
        image_rgb: ``(height, width, 3)`` uint8, or grey ``(height, width)``.
        boxes: the detector's boxes ``(x1, y1, x2, y2)`` in pixels.
        detector: the detector's name (its ``@version`` may follow): the margin depends on it.
        size: side of the crops in pixels.

    Returns:
        Grey crops ``(n, size, size)`` uint8, in the order of the boxes.

    Raises:
        ValueError: no rule for the detector, or wrong shape, dtype, box or size.
    """
    rule = crop_rule(detector)
    _check_boxes(boxes)
    return crop_regions(image_rgb, [rule.region(box) for box in boxes], size)


def crop_regions(
    image: NDArray[np.uint8], regions_xyxy: Sequence[Box], size: int
) -> NDArray[np.uint8]:
    """Cut regions and scale them, without any margin of its own.

    Coordinates are continuous: a picture of ``width`` pixels spans ``0`` to ``width``, so the
    region ``(0, 0, 48, 48)`` of a 48×48 grey picture at size 48 is the picture itself.

    Args:
        image: RGB ``(height, width, 3)`` or grey ``(height, width)``, uint8; any memory layout.
            Colour becomes grey as in ITU-R BT.601 (OpenCV's ``RGB2GRAY``).
        regions_xyxy: ``(x1, y1, x2, y2)`` in pixels; a region need not lie inside the picture.
        size: side of the crops in pixels.

    Returns:
        Grey crops ``(n, size, size)`` uint8.

    Raises:
        ValueError: wrong shape, dtype, region or size.
    """
    if image.dtype != np.uint8 or not (
        image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    ):
        raise ValueError(
            f"expected uint8 (height, width, 3) or (height, width), got {image.dtype} {image.shape}"
        )
    if 0 in image.shape:
        raise ValueError(f"expected a picture with pixels, got shape {image.shape}")
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    _check_boxes(regions_xyxy)
    crops = np.empty((len(regions_xyxy), size, size), dtype=np.uint8)
    for crop, region in zip(crops, regions_xyxy, strict=True):
        crop[:] = _crop_region(image, region, size)
    return crops


def _check_boxes(boxes: Sequence[Box]) -> None:
    for box in boxes:
        x1, y1, x2, y2 = box
        if not (all(map(math.isfinite, box)) and x2 > x1 and y2 > y1):
            raise ValueError(f"expected a box x1 < x2, y1 < y2, got {tuple(box)}")


def _crop_region(image: NDArray[np.uint8], region: Box, size: int) -> NDArray[Any]:
    x1, y1, x2, y2 = region
    left, right, x_edges = _window(x1, x2, size, image.shape[1])
    top, bottom, y_edges = _window(y1, y2, size, image.shape[0])
    patch = image[top:bottom, left:right]
    grey = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY) if patch.ndim == 3 else patch
    # Both kinds of sum are exact; the small one is faster.
    depth = cv2.CV_32S if grey.size < _INT32_PIXELS else cv2.CV_64F
    total = cv2.integral(grey, sdepth=depth)
    rows = _between(total, y_edges - top, size)
    mean = _between(rows.T, x_edges - left, size).T
    return np.clip(np.rint(mean), 0, 255)


def _window(
    start: float, stop: float, size: int, length: int
) -> tuple[int, int, NDArray[np.float64]]:
    """Along one axis: first and last pixel needed, and the edges of the means, in order.

    Means that touch share their edges: ``size + 1`` of them. Where the step is below one pixel
    the means overlap and have two edges each: ``2 * size``, first the lower, then the upper ones.
    """
    step = (stop - start) / size
    edges: NDArray[np.float64]
    if step >= 1:
        edges = start + np.arange(size + 1, dtype=np.float64) * step
    else:
        centres = start + (np.arange(size) + 0.5) * step
        edges = np.concatenate((centres - 0.5, centres + 0.5))
    first = min(max(math.floor(float(edges[0])), 0), length - 1)
    last = max(min(math.ceil(float(edges[-1])), length), first + 1)
    return first, last, edges


def _between(total: NDArray[Any], edges: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Means between edges, along axis 0 of a cumulative sum; see :func:`_window`.

    Between whole pixels the sum is linear. Beyond both ends the first and the last pixel's slope
    goes on, which is the same as repeating the edge.
    """
    below = np.clip(edges.astype(np.intp), 0, total.shape[0] - 2)
    low = total[below]
    sums = low + (total[below + 1] - low) * (edges - below)[:, np.newaxis]
    shared = len(edges) - size  # 1 or size: how far the upper edge stands from its lower edge
    width = edges[shared] - edges[0]
    return np.asarray((sums[shared:] - sums[:-shared]) / width)
