"""Reading crops with a tiny face model made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from emoscope.errors import ModelError
from emoscope.face.recognise import BATCH, FaceRecogniser
from emoscope.labels import LabelSet
from emoscope.models.metadata import ModelMetadata

SIZE = 6
LABELS = LabelSet(("happy", "sad"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Embedding: the mean grey level. Probabilities: softmax of (mean / 255, 0)."""
    nodes = [
        helper.make_node("Cast", ["crops"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "axis"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "weight"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probs"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", SIZE, SIZE])],
        [
            helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["n", 2]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 1]),
        ],
        [
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
            helper.make_tensor("weight", TensorProto.FLOAT, [1, 2], [1 / 255, 0.0]),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    metadata = ModelMetadata(
        name="tiny",
        version="3",
        role="face",
        labels=LABELS,
        input={"name": "crops", "dtype": "uint8", "shape": ["n", SIZE, SIZE]},
        preprocessing="none",
        calibration={},
        corpus="none",
        split="none",
        metrics={},
        licence="MIT",
    )
    helper.set_model_props(proto, metadata.to_props())
    path = tmp_path / "tiny.onnx"
    onnx.save(proto, str(path))
    return path


def test_a_recogniser_says_what_it_reads(model: Path) -> None:
    recogniser = FaceRecogniser(str(model), threads=1)
    assert (recogniser.name, recogniser.crop_size) == ("tiny@3", SIZE)
    assert recogniser.labels == LABELS


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1, 2 * BATCH + 7])
def test_batches_keep_the_order(model: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    recogniser = FaceRecogniser(model, threads=1)
    sizes = []
    run = recogniser._session.run
    monkeypatch.setattr(
        recogniser._session, "run", lambda feed: sizes.append(len(feed["crops"])) or run(feed)
    )
    crops = np.random.default_rng(1).integers(0, 256, (count, SIZE, SIZE), dtype=np.uint8)
    probs, embedding = recogniser.read(crops)
    assert max(sizes) <= BATCH
    assert probs.shape == (count, 2)
    assert embedding.shape == (count, 1)
    mean = crops.reshape(count, SIZE * SIZE).mean(axis=1, dtype=float)
    assert np.allclose(embedding[:, 0], mean, atol=1e-3)
    assert np.allclose(probs[:, 0], 1 / (1 + np.exp(-mean / 255)), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((2, 5, 6), "uint8"), ((6, 6), "uint8"), ((2, 6, 6), "float32")]
)
def test_wrong_crops_are_refused(model: Path, shape: tuple[int, ...], dtype: str) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 crops \(n, 6, 6\), got"):
        FaceRecogniser(model).read(np.zeros(shape, dtype=dtype))


def test_a_model_of_another_role_is_refused() -> None:
    with pytest.raises(ModelError, match="where a face model is needed"):
        FaceRecogniser("yunet")


@pytest.mark.parametrize("count", [0, 1, BATCH + 1])
def test_fer2013s_label_is_an_answer_of_its_own(
    tmp_path: Path, tiny_face_model: Callable[..., Path], count: int
) -> None:
    model = tiny_face_model(tmp_path / "m.onnx", SIZE, ("happy", "sad"), fer2013=(1, 0))
    recogniser = FaceRecogniser(model, threads=1)
    assert recogniser.answers_fer2013
    crops = np.random.default_rng(1).integers(0, 256, (count, SIZE, SIZE), dtype=np.uint8)
    probs = recogniser.read(crops)[0]
    assert recogniser.read_fer2013(crops).tolist() == probs[:, ::-1].tolist()
    assert set(recogniser.read_all(crops)) == {"probs", "embedding", "fer2013_probs"}


def test_a_model_without_fer2013s_label_says_so(model: Path) -> None:
    recogniser = FaceRecogniser(model)
    assert not recogniser.answers_fer2013
    crops = np.zeros((1, SIZE, SIZE), np.uint8)
    assert set(recogniser.read_all(crops)) == {"probs", "embedding"}
    with pytest.raises(ModelError, match=r"^tiny@3: has no output for FER2013's own labels"):
        recogniser.read_fer2013(crops)
