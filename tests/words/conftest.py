"""Tiny text models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emoscope.labels import SHARED, LabelSet
from emoscope.models.metadata import ModelMetadata


@pytest.fixture(scope="session")
def tiny_words_model() -> Callable[..., Path]:
    """Factory ``(path, word="love", top="happy") -> path`` of a text model.

    It gives ``top`` where the text holds the word, else *neutral*.
    """

    def build(path: Path, word: str = "love", top: str = "happy") -> Path:
        from onnx import TensorProto, helper, numpy_helper

        from emoscope.words import tokenise

        number = int(tokenise.encode(word)[0])
        high = np.zeros((1, 7), np.float32)
        high[0, SHARED.index(top)] = 20.0
        low = np.zeros((1, 7), np.float32)
        low[0, SHARED.index("neutral")] = 5.0
        constants = {
            "number": np.array(number, np.int64), "high": high, "low": low,
            "steps": np.array([[1, 2, 3]], np.float32), "axis": np.array([1], np.int64),
        }  # fmt: skip
        nodes = [
            helper.make_node("Equal", ["ids", "number"], ["is"]),
            helper.make_node("Cast", ["is"], ["one"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMax", ["one"], ["level"], axes=[1], keepdims=1),
            helper.make_node("Mul", ["level", "high"], ["raised"]),
            helper.make_node("Add", ["raised", "low"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probs"], axis=1),
            helper.make_node("Mul", ["level", "steps"], ["embedding"]),
        ]
        value = helper.make_tensor_value_info
        del constants["axis"]
        graph = helper.make_graph(
            nodes,
            "tiny",
            [value("ids", TensorProto.INT64, ["n", "tokens"])],
            [
                value("probs", TensorProto.FLOAT, ["n", 7]),
                value("embedding", TensorProto.FLOAT, ["n", 3]),
            ],
            [numpy_helper.from_array(array, name) for name, array in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        metadata = ModelMetadata(
            name="tiny-words", version="1", role="words", labels=LabelSet(SHARED),
            input={"name": "ids", "dtype": "int64", "shape": ["n", "tokens"]},
            preprocessing="none", calibration={"temperature": 1.0}, corpus="none", split="none",
            metrics={}, licence="MIT",
        )  # fmt: skip
        helper.set_model_props(model, metadata.to_props())
        path.write_bytes(model.SerializeToString())
        return path

    return build


@pytest.fixture
def make_exported(tmp_path: Path) -> Callable[..., Path]:
    """Factory ``(classes, **config) -> folder`` of a classifier as Optimum exports it.

    Its logits are ``4 * (how many tokens are number i)`` for class i; the words are w0, w1, ...
    """

    def build(classes: list[str], **config: object) -> Path:
        from onnx import TensorProto, helper, numpy_helper
        from tokenizers import Tokenizer, models, pre_tokenizers

        folder = tmp_path / "exported"
        folder.mkdir()
        words = {f"w{number}": number for number in range(len(classes))}
        tokenizer = Tokenizer(models.WordLevel({**words, "?": len(words)}, unk_token="?"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.save(str(folder / "tokenizer.json"))
        named = {"id2label": {str(i): name for i, name in enumerate(classes)}, **config}
        (folder / "config.json").write_text(json.dumps(named))
        constants = [
            numpy_helper.from_array(np.array(len(classes) + 1), "depth"),
            numpy_helper.from_array(np.array([0.0, 4.0], np.float32), "off_on"),
            numpy_helper.from_array(np.array([0]), "first"),
            numpy_helper.from_array(np.array([len(classes)]), "last"),
            numpy_helper.from_array(np.array([1]), "axis"),
        ]
        nodes = [
            helper.make_node("OneHot", ["input_ids", "depth", "off_on"], ["hot"]),
            helper.make_node("ReduceSum", ["hot", "axis"], ["counts"], keepdims=0),
            helper.make_node("Slice", ["counts", "first", "last", "axis"], ["logits"]),
        ]
        value = helper.make_tensor_value_info
        shape = ["batch", "sequence"]
        graph = helper.make_graph(
            nodes,
            "exported",
            [
                value("input_ids", TensorProto.INT64, shape),
                value("attention_mask", TensorProto.INT64, shape),
            ],
            [value("logits", TensorProto.FLOAT, ["batch", len(classes)])],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        return folder

    return build
