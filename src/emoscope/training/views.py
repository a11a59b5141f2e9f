"""Random views of faces, as cameras and detectors' boxes vary them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def warp(
    crops: Tensor,
    generator: torch.Generator,
    *,
    angle: float,
    scale: float,
    shift: float,
    view: int | None = None,
    whole: bool = False,
) -> Tensor:
    """Turn, zoom and shift each crop by its own amount, and mirror half of them.

    Args:
        crops: ``(n, side, side)`` grey values, any dtype.
        generator: of the random numbers.
        angle: the largest turn to either side, in degrees.
        scale: the zoom lies between ``1 - scale`` and ``1 + scale``.
        shift: the largest shift along each axis, as a share of the view's side.
        view: side of the views in pixels, cut from the middle; None: that of the crops.
        whole: the whole crop is scaled to the view's side instead of being cut.

    Returns:
        ``(n, view, view)`` float32, bilinear; outside of a crop its edge goes on.
    """
    n, side = crops.shape[:2]
    view = view or side

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    turn = uniform(-math.radians(angle), math.radians(angle))
    zoom = torch.exp(uniform(math.log(1 - scale), math.log(1 + scale)))
    zoom = zoom if whole else zoom * view / side
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = zoom * turn.cos(), zoom * turn.sin()
    # affine_grid's coordinates run from -1 to 1: a share of the side is twice as much there.
    across, down = uniform(-2 * shift, 2 * shift), uniform(-2 * shift, 2 * shift)
    rows = [torch.stack([mirror * cos, -sin, across]), torch.stack([mirror * sin, cos, down])]
    theta = torch.stack(rows).permute(2, 0, 1)
    grid = F.affine_grid(theta, [n, 1, view, view], align_corners=False)
    grey = crops[:, None].float()
    return F.grid_sample(grey, grid, padding_mode="border", align_corners=False)[:, 0]
