"""The network of ``vgg16``: the convolutions of Simonyan & Zisserman (2015) under a small head."""

from __future__ import annotations

from torch import Tensor, nn

from emoscope._optional import require
from emoscope.errors import ModelIntegrityError, ModelUnavailableError
from emoscope.training.nets.pretrained import IMAGENET, GreyToColours

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
BLOCK_5 = 24  # where it begins within ``features``
DENSE = 256


class Vgg16(nn.Module):
    """Grey crops ``(n, size, size)``, 0 to 255, to an embedding and logits.

    Thirteen 3×3 convolutions with max pooling, the mean of the last map, a dense layer, a linear
    head. The convolutions are numbered as torchvision's and timm's are (``features.0`` to
    ``features.28``).

    Attributes:
        pretrained: whether the convolutions know anything yet.

    Args:
        classes: of the answers.
        dropout: share of the values left out around the dense layer while learning.
    """

    def __init__(self, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.pretrained = False
        self.colours = GreyToColours(IMAGENET)
        layers: list[nn.Module] = []
        before = 3
        for block in BLOCKS:
            for width in block:
                conv = nn.Conv2d(before, width, 3, padding=1)
                nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
                layers += [conv, nn.ReLU()]
                before = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.dense = nn.Sequential(nn.Linear(before, DENSE), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(DENSE, classes)

    def embed(self, crops: Tensor) -> Tensor:
        """Crops to the dense layer ``(n, 256)``."""
        embedding: Tensor = self.dense(self.features(self.colours(crops)).mean((2, 3)))
        return embedding

    def answer(self, embedding: Tensor) -> Tensor:
        """Embeddings ``(n, 256)`` to logits ``(n, classes)``."""
        logits: Tensor = self.head(self.dropout(embedding))
        return logits

    def learn_from(self, layer: int) -> None:
        """Freeze the layers of ``features`` before ``layer``; random ones all learn."""
        for number, part in enumerate(self.features):
            part.requires_grad_(number >= layer or not self.pretrained)


def load_convolutions(network: Vgg16, file: str) -> None:
    """Copy pretrained convolutions into the network.

    Args:
        file: ``.safetensors``, with torchvision's names; other arrays in it are left out.

    Raises:
        MissingExtraError: safetensors is not installed.
        ModelUnavailableError: the file cannot be read.
        ModelIntegrityError: it lacks an array, or one has another shape.
    """
    safetensors = require("safetensors", extra="train")
    wanted = network.features.state_dict()
    found = {}
    try:
        with safetensors.safe_open(file, framework="pt") as arrays:
            there = set(arrays.keys())
            for name, parameter in wanted.items():
                key = f"features.{name}"
                if key not in there:
                    raise ModelIntegrityError(f"{file}: no weights of VGG16: it lacks {key}")
                found[name] = arrays.get_tensor(key)
                if found[name].shape != parameter.shape:
                    raise ModelIntegrityError(
                        f"{file}: no weights of VGG16: {key} should be {tuple(parameter.shape)}, "
                        f"it is {tuple(found[name].shape)}"
                    )
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelUnavailableError(
            f"{file}: not a readable .safetensors file ({error}); name one with --checkpoint, or "
            "start from random weights with --from-scratch"
        ) from error
    network.features.load_state_dict(found)
    network.pretrained = True
