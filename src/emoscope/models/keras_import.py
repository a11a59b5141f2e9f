"""Turns the published mini-XCEPTION weights (a Keras ``.hdf5``) into an emoscope ONNX file.

The network is that of Arriaga, Plöger & Valdenegro (2017), "Real-time Convolutional Neural
Networks for Emotion and Gender Classification". The file is read as plain arrays: its
``model_config`` is not evaluated and nothing is unpickled; the architecture is written here, and
a file whose arrays do not fit it is refused. After the conversion the ONNX file must reproduce
probabilities that Keras itself computed (``mini_xception_golden.json``) before it is kept.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope._optional import require
from emoscope.errors import ModelIntegrityError
from emoscope.labels import SHARED_LABELS
from emoscope.models.metadata import ModelMetadata

VERSION = "1"  # of this conversion; a new one makes caches convert again
SIZE = 64
MODULES = (16, 32, 64, 128)  # channels of the four residual modules
TOLERANCE = 1e-4  # largest difference from the stored outputs

_EXTRA = "keras"
_BN_EPSILON = 1e-3
_OPSET = 17
_IR_VERSION = 8
_GOLDEN = Path(__file__).with_name("mini_xception_golden.json")
Array = NDArray[np.float32]


def check_requirements() -> None:
    """Raise :class:`MissingExtraError` unless the packages that the conversion needs are there."""
    require("h5py", extra=_EXTRA)
    require("onnx", extra=_EXTRA)


def convert(data: bytes, *, name: str, version: str) -> bytes:
    """Convert the published weights and check the result against stored outputs.

    Args:
        data: the ``.hdf5`` file.
        name: for the metadata.
        version: for the metadata.

    Returns:
        An ONNX file: ``crops`` uint8 (n, 64, 64) to ``probs`` (n, 7) and ``embedding`` (n, 128).

    Raises:
        MissingExtraError: h5py or onnx is not installed.
        ModelIntegrityError: the file's arrays are not those of mini-XCEPTION (names the first
            that is missing or of another shape), or the outputs differ from the stored ones.
    """
    model = build(read_weights(data), describe(name, version))
    check_outputs(model)
    return model


def describe(name: str, version: str) -> ModelMetadata:
    """What the converted model says about itself."""
    return ModelMetadata(
        name=name,
        version=version,
        role="face",
        labels=SHARED_LABELS,
        input={"name": "crops", "dtype": "uint8", "shape": ["n", SIZE, SIZE]},
        preprocessing="grey levels scaled from 0..255 to -1..1, inside the graph",
        calibration={"method": "none, as published", "temperature": 1.0},
        corpus="FER2013",
        split=(
            "trained on Training; checkpoint and learning rate chosen on PublicTest and "
            "PrivateTest together, so figures on either lean to the good side"
        ),
        metrics=METRICS,
        licence="MIT",
    )


# Measured with the converted file by this project: 2347 of 3579.
METRICS: dict[str, Any] = {
    "protocol": (
        "FER2013 validation (PublicTest without the pictures that show no face), 48x48 pictures "
        "scaled to 64x64 bilinearly; not held out: its authors chose the checkpoint on it"
    ),
    "n": 3579,
    "accuracy": 0.6558,
    "accuracy_95": [0.6400, 0.6712],
    "uar": 0.6168,
}


# --- reading ---


def expected_shapes() -> dict[str, tuple[int, ...]]:
    """Every array of the published file by its path, with its shape (Keras' layouts)."""
    shapes: dict[str, tuple[int, ...]] = {}

    def add(layer: str, arrays: dict[str, tuple[int, ...]]) -> None:
        shapes.update({_path(layer, array): shape for array, shape in arrays.items()})

    def add_norm(number: int, channels: int) -> None:
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        add(f"batch_normalization_{number}", dict.fromkeys(names, (channels,)))

    add("conv2d_1", {"kernel": (3, 3, 1, 8)})
    add("conv2d_2", {"kernel": (3, 3, 8, 8)})
    add_norm(1, 8)
    add_norm(2, 8)
    before = 8
    for module, channels in enumerate(MODULES):
        add(f"conv2d_{3 + module}", {"kernel": (1, 1, before, channels)})
        for half, entering in enumerate((before, channels)):
            arrays: dict[str, tuple[int, ...]] = {
                "depthwise_kernel": (3, 3, entering, 1),
                "pointwise_kernel": (1, 1, entering, channels),
            }
            add(f"separable_conv2d_{1 + 2 * module + half}", arrays)
        for number in range(3 + 3 * module, 6 + 3 * module):
            add_norm(number, channels)
        before = channels
    add("conv2d_7", {"kernel": (3, 3, before, len(SHARED_LABELS)), "bias": (len(SHARED_LABELS),)})
    return shapes


def read_weights(data: bytes) -> dict[str, Array]:
    """The arrays of the published file, by path; raises as :func:`convert` does."""
    h5py = require("h5py", extra=_EXTRA)
    weights: dict[str, Array] = {}
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            for path, shape in expected_shapes().items():
                weights[path] = _read_array(h5py, file, f"model_weights/{path}", shape)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ModelIntegrityError(f"not a readable Keras .hdf5 file: {error}") from error
    return weights


def _read_array(h5py: Any, file: Any, path: str, shape: tuple[int, ...]) -> Array:
    node = file
    for step in path.split("/"):
        # Soft and external links may lead to other files: only what is in this one is read.
        link = node.get(step, getlink=True) if isinstance(node, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise ModelIntegrityError(f"not the published mini-XCEPTION: it lacks the array {path}")
        node = node[step]
    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual:
        raise ModelIntegrityError(f"not the published mini-XCEPTION: {path} is no plain array")
    if node.shape != shape or node.dtype != np.float32:
        raise ModelIntegrityError(
            f"not the published mini-XCEPTION: the array {path} should be float32 {shape}, "
            f"it is {node.dtype} {node.shape}"
        )
    return np.asarray(node[...], dtype=np.float32)


def _path(layer: str, array: str) -> str:
    return f"{layer}/{layer}_1/{array}:0"


# --- building ---


class _Graph:
    """Collects nodes and constants; every method returns the name of its result."""

    def __init__(self, helper: Any, numpy_helper: Any, weights: dict[str, Array]) -> None:
        self._helper = helper
        self._numpy_helper = numpy_helper
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: NDArray[Any], name: str = "") -> str:
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(self._numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def conv(self, x: str, layer: str, *, array: str = "kernel", **attributes: Any) -> str:
        # Keras keeps (height, width, in, out), ONNX wants (out, in, height, width).
        kernel = self._weights[_path(layer, array)].transpose(3, 2, 0, 1)
        if array == "depthwise_kernel":  # Keras: (height, width, in, 1); one filter a channel
            kernel = kernel.transpose(1, 0, 2, 3)
        inputs = [x, self.constant(kernel)]
        bias = self._weights.get(_path(layer, "bias"))
        if bias is not None:
            inputs.append(self.constant(bias))
        return self.node("Conv", inputs, **attributes)

    def separable(self, x: str, number: int) -> str:
        layer = f"separable_conv2d_{number}"
        channels = self._weights[_path(layer, "depthwise_kernel")].shape[2]
        x = self.conv(x, layer, array="depthwise_kernel", pads=[1, 1, 1, 1], group=channels)
        return self.conv(x, layer, array="pointwise_kernel")

    def norm(self, x: str, number: int) -> str:
        layer = f"batch_normalization_{number}"
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        arrays = [self.constant(self._weights[_path(layer, name)]) for name in names]
        return self.node("BatchNormalization", [x, *arrays], epsilon=_BN_EPSILON)

    def module(self, x: str, index: int) -> str:
        """A residual module: two separable convolutions beside a strided 1x1 one."""
        first_norm = 3 + 3 * index
        beside = self.conv(x, f"conv2d_{3 + index}", strides=[2, 2])
        beside = self.norm(beside, first_norm)
        x = self.norm(self.separable(x, 1 + 2 * index), first_norm + 1)
        x = self.node("Relu", [x])
        x = self.norm(self.separable(x, 2 + 2 * index), first_norm + 2)
        # TensorFlow's "same" puts the odd row of padding at the end: SAME_UPPER.
        x = self.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
        return self.node("Add", [x, beside])


def build(weights: dict[str, Array], metadata: ModelMetadata) -> bytes:
    """The ONNX file of the network with these weights (as :func:`read_weights` returns them)."""
    onnx = require("onnx", extra=_EXTRA)
    helper, types = onnx.helper, onnx.TensorProto
    graph = _Graph(helper, onnx.numpy_helper, weights)
    x = graph.node("Cast", ["crops"], to=types.FLOAT)
    x = graph.node("Unsqueeze", [x, graph.constant(np.array([1], dtype=np.int64))])
    x = graph.node("Div", [x, graph.constant(np.array(255.0, dtype=np.float32))])
    x = graph.node("Sub", [x, graph.constant(np.array(0.5, dtype=np.float32))])
    x = graph.node("Mul", [x, graph.constant(np.array(2.0, dtype=np.float32))])
    for number in (1, 2):
        x = graph.node("Relu", [graph.norm(graph.conv(x, f"conv2d_{number}"), number)])
    for index in range(len(MODULES)):
        x = graph.module(x, index)
    pooled = graph.node("GlobalAveragePool", [x])
    graph.node("Flatten", [pooled], output="embedding")
    x = graph.conv(x, "conv2d_7", pads=[1, 1, 1, 1])
    x = graph.node("Flatten", [graph.node("GlobalAveragePool", [x])])
    graph.node("Softmax", [x], output="probs", axis=1)

    value = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "mini-xception",
            [value("crops", types.UINT8, ["n", SIZE, SIZE])],
            [
                value("probs", types.FLOAT, ["n", len(SHARED_LABELS)]),
                value("embedding", types.FLOAT, ["n", MODULES[-1]]),
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="emoscope",
    )
    helper.set_model_props(model, metadata.to_props())
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


# --- checking ---


def synthetic_crops() -> NDArray[np.uint8]:
    """Deterministic inputs, uint8 (6, 64, 64), made by integer formulas from no corpus.

    Three textures and three crude faces (an oval with eyes and a mouth), so that the stored
    answers differ from one another.
    """
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.int64)
    textures: list[Callable[[], NDArray[np.int64]]] = [
        lambda: (x * 7 + y * 13 + (x * y) // 5) % 256,
        lambda: (x * x + 3 * y * y) // 23 % 256,
        lambda: 4 * np.abs(x - y) % 256,
    ]
    crops = [texture() for texture in textures]
    for mouth, brow, light in ((6, 0, 190), (-6, 3, 150), (0, -4, 230)):
        face = np.full((SIZE, SIZE), 40, dtype=np.int64)
        face[4 * (x - 32) ** 2 + 3 * (y - 32) ** 2 < 3000] = light
        for centre in (21, 43):
            face[(x - centre) ** 2 + 2 * (y - 25) ** 2 < 20] = 30
            face[(np.abs(x - centre) < 6) & (np.abs(y - 17 - brow * (x - centre) // 8) < 2)] = 60
        curve = 46 + mouth * (64 - (x - 32) ** 2) // 80
        face[(np.abs(x - 32) < 11) & (np.abs(y - curve) < 2 + abs(mouth) // 6)] = 20
        crops.append(face + (x + 2 * y) // 8)
    return np.clip(np.stack(crops), 0, 255).astype(np.uint8)


def check_outputs(model: bytes) -> None:
    """Compare a converted model with what Keras computed.

    Raises:
        ModelIntegrityError: they differ by more than :data:`TOLERANCE`.
    """
    from emoscope.models.session import Session

    golden = json.loads(_GOLDEN.read_text(encoding="utf-8"))
    got = Session(model, threads=1).run({"crops": synthetic_crops()})
    pairs = (
        ("probs", got["probs"], golden["probs"]),
        ("embedding", got["embedding"][:, :8], golden["embedding_first_8"]),
    )
    for name, have, want in pairs:
        worst = float(np.abs(have - np.asarray(want)).max())
        if not worst <= TOLERANCE:  # also catches NaN
            raise ModelIntegrityError(
                f"the conversion of mini-XCEPTION went wrong: {name} differs by {worst:.2g} from "
                "what Keras computed; update onnxruntime and emoscope, or report it"
            )
