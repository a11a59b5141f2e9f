from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.training.views import warp  # noqa: E402


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(n: int, side: int = 48) -> torch.Tensor:
    return torch.randint(0, 256, (n, side, side), generator=generator(9), dtype=torch.uint8)


def mirrored(views: torch.Tensor, crops: torch.Tensor) -> np.ndarray:
    """Which views are the crops' mirrors; each must be that or the crop itself."""
    same = (views - crops.float()).abs().amax((1, 2)) < 0.01
    turned = (views - crops.float().flip(2)).abs().amax((1, 2)) < 0.01
    assert (same ^ turned).all()
    return turned.numpy()


def test_half_are_mirrored_and_nothing_else_is_done_without_ranges() -> None:
    crops = noise(200)
    views = warp(crops, generator(), angle=0, scale=0, shift=0)
    assert views.dtype == torch.float32
    assert 70 < mirrored(views, crops).sum() < 130


def test_a_view_is_cut_from_the_middle() -> None:
    crops = noise(20)
    views = warp(crops, generator(), angle=0, scale=0, shift=0, view=40)
    assert 0 < mirrored(views, crops[:, 4:44, 4:44]).sum() < 20


def test_a_whole_crop_may_be_enlarged_as_in_use() -> None:
    crops = noise(20)
    views = warp(crops, generator(), angle=0, scale=0, shift=0, view=96, whole=True)
    larger = torch.nn.functional.interpolate(crops[:, None].float(), (96, 96), mode="bilinear")
    assert 0 < mirrored(views, larger[:, 0]).sum() < 20


def test_a_seed_gives_the_same_views() -> None:
    crops, ranges = noise(8), {"angle": 10, "scale": 0.1, "shift": 0.1}
    first, again = (warp(crops, generator(3), **ranges) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, warp(crops, generator(4), **ranges))


def moments(views: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of bright spots: centre x and y from the middle, slope of the long axis, area."""
    weight = views.double().numpy()
    axis = np.arange(weight.shape[1]) - (weight.shape[1] - 1) / 2
    total = weight.sum((1, 2))
    x, y = (weight.sum(1) * axis).sum(1) / total, (weight.sum(2) * axis).sum(1) / total
    dx, dy = axis[None, None, :] - x[:, None, None], axis[None, :, None] - y[:, None, None]
    xx, yy, xy = ((weight * d).sum((1, 2)) for d in (dx * dx, dy * dy, dx * dy))
    return x, y, np.degrees(np.arctan2(2 * xy, xx - yy) / 2), total / 255


def test_shifts_turns_and_zooms_fill_their_ranges_and_stay_within() -> None:
    bar = torch.zeros(400, 96, 96, dtype=torch.uint8)
    bar[:, 44:52, 32:64] = 255
    x, y, _, _ = moments(warp(bar, generator(), angle=0, scale=0, shift=0.1))
    for moved in (x, y):
        assert 8.5 < np.abs(moved).max() < 9.7
        assert abs(moved.mean()) < 1
    _, _, slope, _ = moments(warp(bar, generator(), angle=10, scale=0, shift=0))
    assert 9 < np.abs(slope).max() < 10.1
    assert abs(slope.mean()) < 1
    _, _, _, area = moments(warp(bar, generator(), angle=0, scale=0.2, shift=0))
    zoom = np.sqrt(8 * 32 / area)
    assert 0.79 < zoom.min() < 0.82
    assert 1.18 < zoom.max() < 1.21
