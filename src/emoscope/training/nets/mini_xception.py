"""The network of ``mini-xception``: Arriaga, Plöger & Valdenegro (2017), as they published it.

:mod:`emoscope.models.keras_import` writes the same network as ONNX, from their weights; here it
learns. What Keras does otherwise than torch is kept: the epsilon and momentum of its batch norms,
and "same" padding, which puts the odd row at the end.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.models.keras_import import MODULES, SIZE

STEM = 8  # channels of the two convolutions before the modules


class MiniXception(nn.Module):
    """Grey crops ``(n, 64, 64)``, 0 to 255, to features and logits.

    Attributes:
        embedding_size: the first columns of the features are the embedding; what the answer is
            taken from stands behind them.

    Args:
        classes: of the answers; the published 7 make 58,423 parameters, 1,472 of them statistics
            of batch norms.
    """

    embedding_size = MODULES[-1]

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *(nn.Conv2d(1, STEM, 3, bias=False), _norm(STEM), nn.ReLU()),
            *(nn.Conv2d(STEM, STEM, 3, bias=False), _norm(STEM), nn.ReLU()),
        )
        inputs = (STEM, *MODULES[:-1])
        self.blocks = nn.Sequential(
            *(_Module(before, channels) for before, channels in zip(inputs, MODULES, strict=True))
        )
        self.head = nn.Conv2d(MODULES[-1], classes, 3, padding=1)

    def embed(self, crops: Tensor) -> Tensor:
        """Crops ``(n, 64, 64)`` to features ``(n, 128 + 128·4·4)``: their means, then the map."""
        scaled = (crops.float()[:, None] / 255.0 - 0.5) * 2.0
        features = self.blocks(self.stem(scaled))
        return torch.cat([features.mean((2, 3)), features.flatten(1)], dim=1)

    def answer(self, features: Tensor) -> Tensor:
        """Logits ``(n, classes)``: a convolution of the map, averaged."""
        side = SIZE // 2 ** len(MODULES)
        maps = features[:, self.embedding_size :].reshape(-1, self.embedding_size, side, side)
        logits: Tensor = self.head(maps).mean((2, 3))
        return logits


class _Module(nn.Module):
    """Two separable convolutions beside a strided 1×1 one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.beside = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.beside_norm = _norm(outputs)
        self.first, self.first_norm = _Separable(inputs, outputs), _norm(outputs)
        self.second, self.second_norm = _Separable(outputs, outputs), _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        # A stride of 2, by hand: the gradient of oneDNN's own (torch 2.13) crashes at 8 channels.
        beside: Tensor = self.beside_norm(self.beside(x[:, :, ::2, ::2]))
        x = F.relu(self.first_norm(self.first(x)))
        x = self.second_norm(self.second(x))
        # Keras' "same": an even side is padded at the end only, an odd one at both.
        return F.max_pool2d(x, 3, 2, padding=x.shape[2] % 2, ceil_mode=True) + beside


class _Separable(nn.Module):
    """A 3×3 convolution of each channel, then a 1×1 one across them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "depthwise_kernel": "depthwise.weight",
    "pointwise_kernel": "pointwise.weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def load_published(network: MiniXception, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy the published arrays into the network; a head of other classes stays as it is.

    Args:
        weights: as :func:`emoscope.models.keras_import.read_weights` returns them.
    """
    layers = _keras_layers()
    state = network.state_dict()
    for path, array in weights.items():
        layer, _, name = path.removesuffix(":0").split("/")
        values = torch.from_numpy(array)
        if name == "depthwise_kernel":  # Keras: (height, width, channels, 1)
            values = values.permute(2, 3, 0, 1)
        elif values.ndim == 4:  # Keras: (height, width, in, out)
            values = values.permute(3, 2, 0, 1)
        key = f"{layers[layer]}.{_NAMES[name]}"
        if layers[layer] != "head" or state[key].shape == values.shape:
            state[key] = values
    network.load_state_dict(state)


def _keras_layers() -> dict[str, str]:
    """Keras' name of each layer to ours; it numbered them in the order in which they were made."""
    layers = {"conv2d_7": "head"}
    for number, (conv, norm) in enumerate((("stem.0", "stem.1"), ("stem.3", "stem.4")), 1):
        layers[f"conv2d_{number}"] = conv
        layers[f"batch_normalization_{number}"] = norm
    for index in range(len(MODULES)):
        layers[f"conv2d_{3 + index}"] = f"blocks.{index}.beside"
        for number, name in enumerate(("first", "second"), 1 + 2 * index):
            layers[f"separable_conv2d_{number}"] = f"blocks.{index}.{name}"
        for number, name in enumerate(("beside", "first", "second"), 3 + 3 * index):
            layers[f"batch_normalization_{number}"] = f"blocks.{index}.{name}_norm"
    return layers
