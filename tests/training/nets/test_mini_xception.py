from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

from emoscope.models import keras_import  # noqa: E402
from emoscope.models.session import Session  # noqa: E402
from emoscope.training.nets.mini_xception import MiniXception, load_published  # noqa: E402

FILE = "fer2013_mini_XCEPTION.102-0.66.hdf5"
Weights = dict[str, NDArray[np.float32]]


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


def both(
    weights: Weights, crops: NDArray[np.uint8]
) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float32]]]:
    """Outputs of the converted file, and of the torch network with the same weights."""
    data = keras_import.build(weights, keras_import.describe("mini-xception", "1"))
    network = MiniXception(7).eval()
    load_published(network, weights)
    with torch.inference_mode():
        features = network.embed(torch.from_numpy(crops))
        probs = torch.softmax(network.answer(features), dim=1).numpy()
    found = {"probs": probs, "embedding": features[:, : network.embedding_size].numpy()}
    return Session(data, threads=1).run({"crops": crops}), found


def test_it_has_the_published_number_of_parameters() -> None:
    network = MiniXception(7)
    trainable = sum(p.numel() for p in network.parameters())
    statistics = sum(b.numel() for b in network.buffers() if b.ndim)
    assert (trainable, statistics) == (56_951, 1_472)
    assert trainable + statistics == 58_423


@pytest.mark.parametrize("seed", [0, 1])
def test_random_weights_answer_as_the_converted_file(seed: int) -> None:
    crops = np.random.default_rng(seed).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    wanted, found = both(make_weights(seed), crops)
    assert wanted["probs"].std() > 0.01
    np.testing.assert_allclose(found["probs"], wanted["probs"], atol=1e-5)
    np.testing.assert_allclose(found["embedding"], wanted["embedding"], rtol=1e-3, atol=1e-4)


def test_the_published_weights_answer_as_the_converted_file(shared_dir: Path) -> None:
    pytest.importorskip("h5py", reason="h5py is not installed")
    weights = keras_import.read_weights((shared_dir / "models" / FILE).read_bytes())
    wanted, found = both(weights, keras_import.synthetic_crops())
    assert wanted["probs"].max() > 0.5
    for name in ("probs", "embedding"):
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-5)


def test_with_other_classes_all_but_the_head_is_loaded() -> None:
    torch.manual_seed(0)
    network = MiniXception(5)
    head = network.head.weight.clone()
    weights = make_weights(0)
    load_published(network, weights)
    assert torch.equal(network.head.weight, head)
    kernel = weights["conv2d_6/conv2d_6_1/kernel:0"]
    np.testing.assert_array_equal(
        network.blocks[3].beside.weight[:, :, 0, 0].detach(), kernel[0, 0].T
    )
    assert network.answer(network.embed(torch.zeros(2, 64, 64))).shape == (2, 5)


def test_every_weight_learns() -> None:
    network = MiniXception(7).to(memory_format=torch.channels_last)
    crops = torch.rand(8, 64, 64) * 255
    network.answer(network.embed(crops)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if not p.grad.abs().max() > 0] == []
