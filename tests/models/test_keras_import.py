from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import onnx
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from emoscope.errors import ModelIntegrityError
from emoscope.models import catalog, keras_import, store
from emoscope.models.load import load
from emoscope.models.session import Session

FILE = "fer2013_mini_XCEPTION.102-0.66.hdf5"
Weights = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="session")
def published(shared_dir: Path) -> bytes:
    return (shared_dir / "models" / FILE).read_bytes()


def make_weights(seed: int) -> Weights:
    """Random weights that keep activations of moderate size."""
    rng = np.random.default_rng(seed)
    weights = {}
    for path, shape in keras_import.expected_shapes().items():
        array = rng.standard_normal(shape)
        if "variance" in path:
            array = np.abs(array) + 0.5
        elif "kernel" in path:
            array /= np.sqrt(np.prod(shape[:3]) if "depthwise" not in path else 9)
        weights[path] = array.astype(np.float32)
    return weights


def save(weights: Weights, edit: Callable[[h5py.Group], None] | None = None) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        root = file.create_group("model_weights")
        for path, array in weights.items():
            root[path] = array
        if edit is not None:
            edit(root)
    return buffer.getvalue()


# --- an independent network: numpy, Keras' own layout (n, height, width, channels), float64 ---


class Reference:
    """Mini-XCEPTION after the paper's figure and Keras' documentation of "same" padding."""

    def __init__(self, weights: Weights) -> None:
        self.weights = {key: value.astype(np.float64) for key, value in weights.items()}

    def of(self, layer: str, array: str) -> NDArray[np.float64]:
        return self.weights[f"{layer}/{layer}_1/{array}:0"]

    @staticmethod
    def windows(
        x: NDArray[np.float64], size: int, stride: int, same: bool, fill: float = 0.0
    ) -> NDArray[np.float64]:
        if same:
            pads = []
            for n in x.shape[1:3]:
                total = max((-(-n // stride) - 1) * stride + size - n, 0)
                pads.append((total // 2, total - total // 2))
            x = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)
        return sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]

    def conv(
        self, x: NDArray[np.float64], layer: str, stride: int = 1, same: bool = True
    ) -> NDArray[np.float64]:
        kernel = self.of(layer, "kernel")
        windows = self.windows(x, kernel.shape[0], stride, same)
        return np.einsum("nyxcij,ijco->nyxo", windows, kernel, optimize=True)

    def separable(self, x: NDArray[np.float64], number: int) -> NDArray[np.float64]:
        layer = f"separable_conv2d_{number}"
        depth = self.of(layer, "depthwise_kernel")[..., 0]
        x = np.einsum("nyxcij,ijc->nyxc", self.windows(x, 3, 1, True), depth, optimize=True)
        return x @ self.of(layer, "pointwise_kernel")[0, 0]

    def norm(self, x: NDArray[np.float64], number: int) -> NDArray[np.float64]:
        layer = f"batch_normalization_{number}"
        mean, variance = self.of(layer, "moving_mean"), self.of(layer, "moving_variance")
        scaled = (x - mean) / np.sqrt(variance + 0.001)
        return scaled * self.of(layer, "gamma") + self.of(layer, "beta")

    def __call__(self, crops: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
        x = crops[..., None].astype(np.float64) / 127.5 - 1
        x = np.maximum(self.norm(self.conv(x, "conv2d_1", same=False), 1), 0)
        x = np.maximum(self.norm(self.conv(x, "conv2d_2", same=False), 2), 0)
        # Numbers as Keras gave them: the strided convolution's norm was made first.
        for conv, separable, norms in (
            (3, 1, (3, 4, 5)),
            (4, 3, (6, 7, 8)),
            (5, 5, (9, 10, 11)),
            (6, 7, (12, 13, 14)),
        ):
            beside = self.norm(self.conv(x, f"conv2d_{conv}", stride=2), norms[0])
            x = np.maximum(self.norm(self.separable(x, separable), norms[1]), 0)
            x = self.norm(self.separable(x, separable + 1), norms[2])
            x = self.windows(x, 3, 2, True, fill=-np.inf).max(axis=(-2, -1)) + beside
        embedding = x.mean(axis=(1, 2))
        logits = (self.conv(x, "conv2d_7") + self.of("conv2d_7", "bias")).mean(axis=(1, 2))
        exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponent / exponent.sum(axis=1, keepdims=True), embedding


def session_of(data: bytes) -> Session:
    metadata = keras_import.describe("mini-xception", "1")
    return Session(keras_import.build(keras_import.read_weights(data), metadata), threads=1)


@pytest.mark.parametrize("seed", [0, 1])
def test_random_weights_match_an_independent_network(seed: int) -> None:
    weights = make_weights(seed)
    crops = np.random.default_rng(seed).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    out = session_of(save(weights)).run({"crops": crops})
    probs, embedding = Reference(weights)(crops)
    assert probs.std() > 0.01
    np.testing.assert_allclose(out["probs"], probs, atol=1e-5)
    np.testing.assert_allclose(out["embedding"], embedding, rtol=1e-3, atol=1e-4)


def test_published_weights_match_keras_and_an_independent_network(published: bytes) -> None:
    session = session_of(published)
    keras_import.check_outputs(keras_import.convert(published, name="m", version="1"))
    crops = keras_import.synthetic_crops()
    out = session.run({"crops": crops})
    with h5py.File(io.BytesIO(published)) as file:
        root = file["model_weights"]
        weights = {path: root[path][...] for path in keras_import.expected_shapes()}
        arrays: list[str] = []
        root.visititems(
            lambda n, item: arrays.append(n) if isinstance(item, h5py.Dataset) else None
        )
    assert sorted(arrays) == sorted(weights)  # nothing of the file is left unused
    probs, embedding = Reference(weights)(crops)
    np.testing.assert_allclose(out["probs"], probs, atol=1e-5)
    np.testing.assert_allclose(out["embedding"], embedding, atol=1e-4)


def test_the_synthetic_crops_are_pinned() -> None:
    crops = keras_import.synthetic_crops()
    assert (crops.shape, crops.dtype) == ((6, 64, 64), np.uint8)
    # Sums by crop; the stored outputs hold for exactly these.
    assert crops.sum(axis=(1, 2), dtype=np.int64).tolist() == SUMS


SUMS = [523039, 465051, 349440, 576512, 478432, 683412]


def test_fetch_converts_stores_and_loads(shared_dir: Path) -> None:
    path = store.fetch("mini-xception", from_file=shared_dir / "models" / FILE)
    session = load("mini-xception", role="face")
    assert session.source == str(path)
    assert session.metadata.at_version == catalog.find("mini-xception").at_version
    assert session.metadata.labels.names == (
        "angry", "disgust", "fear", "happy", "sad", "surprise", "neutral",
    )  # fmt: skip
    assert session.input_shape("crops") == (None, 64, 64)
    assert store.verify("mini-xception").state == "ok"


def test_conversion_is_deterministic(published: bytes) -> None:
    first, second = (keras_import.convert(published, name="m", version="1") for _ in range(2))
    assert first == second
    onnx.checker.check_model(first, full_check=True)


def test_other_weights_fail_the_check_against_stored_outputs() -> None:
    with pytest.raises(ModelIntegrityError, match="conversion of mini-XCEPTION went wrong: probs"):
        keras_import.convert(save(make_weights(0)), name="m", version="1")


KERNEL = "conv2d_5/conv2d_5_1/kernel:0"


def replace(make: Callable[[h5py.Group], Any]) -> Callable[[h5py.Group], None]:
    def edit(root: h5py.Group) -> None:
        value = make(root)
        del root[KERNEL]
        if value is not None:
            root[KERNEL] = value

    return edit


def virtual(root: h5py.Group) -> None:
    layout = h5py.VirtualLayout(shape=(1, 1, 32, 64), dtype="f4")
    layout[...] = h5py.VirtualSource("other.hdf5", "x", shape=(1, 1, 32, 64))
    del root[KERNEL]
    root.create_virtual_dataset(KERNEL, layout)


def external(root: h5py.Group) -> None:
    del root[KERNEL]
    root.create_dataset(KERNEL, (1, 1, 32, 64), "f4", external=[("/etc/hostname", 0, 8192)])


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (replace(lambda root: None), f"lacks the array model_weights/{KERNEL}"),
        (replace(lambda root: root[KERNEL][:, :, :3]), "should be float32 (1, 1, 32, 64), it is"),
        (replace(lambda root: root[KERNEL][...].astype("f8")), "it is float64"),
        (replace(lambda root: h5py.SoftLink("/elsewhere")), "lacks the array"),
        (replace(lambda root: h5py.ExternalLink("other.hdf5", "/x")), "lacks the array"),
        (virtual, "is no plain array"),
        (external, "is no plain array"),
    ],
)
def test_other_layouts_are_refused_by_name(
    edit: Callable[[h5py.Group], None], message: str
) -> None:
    with pytest.raises(ModelIntegrityError) as caught:
        keras_import.read_weights(save(make_weights(0), edit))
    assert message in str(caught.value)
    assert KERNEL in str(caught.value)


def test_what_is_no_hdf5_is_refused() -> None:
    whole = save(make_weights(0))
    for data in (b"", b"<html>", whole[: len(whole) // 2]):
        with pytest.raises(ModelIntegrityError):
            keras_import.read_weights(data)


@pytest.mark.slow
def test_the_stated_accuracy_is_what_is_measured(published: bytes, shared_dir: Path) -> None:
    session = session_of(published)
    labels = session.metadata.labels
    crops, targets = [], []
    with tarfile.open(shared_dir / "data" / "fer2013.tar") as archive:
        for member in archive:
            parts = Path(member.name).parts
            if "validation" in parts and member.name.endswith(".png"):
                content = archive.extractfile(member)
                assert content is not None
                picture = cv2.imdecode(np.frombuffer(content.read(), np.uint8), 0)
                crops.append(cv2.resize(picture, (64, 64), interpolation=cv2.INTER_LINEAR))
                targets.append(labels.index(parts[-2]))
    guesses = np.concatenate(
        [
            session.run({"crops": np.stack(crops[at : at + 256])})["probs"].argmax(axis=1)
            for at in range(0, len(crops), 256)
        ]
    )
    right = guesses == np.array(targets)
    stated = session.metadata.metrics
    assert len(right) == stated["n"]
    # A handful of pictures lie so close to a border that rounding may decide them.
    assert right.mean() == pytest.approx(stated["accuracy"], abs=0.001)
    recalls = [right[np.array(targets) == label].mean() for label in range(len(labels))]
    assert np.mean(recalls) == pytest.approx(stated["uar"], abs=0.003)
    low, high = stated["accuracy_95"]
    assert low < stated["accuracy"] < high
