"""The ONNX graph of the word model: built by hand, its tables stored small.

A hashed number is looked up in a table of 16-bit rows (0: never seen in training), the row in a
table of weights: 16-bit floats for the linear reader, 8-bit numbers with a scale per column for
word vectors. Everything is computed in 32-bit floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from emoscope.export.files import atomic_path
from emoscope.training.texts.corpus import EMOTIONS, Floats, Index
from emoscope.training.texts.readers import Convolutional, Linear
from emoscope.words import tokenise

OPSET = 17
_SMALLEST = 1e-6  # the square of a length is not less


@dataclass(frozen=True)
class Calibration:
    """From the readers' mean logits to one distribution: ``softmax(logits @ weights + bias)``."""

    weights: Floats
    bias: Floats

    def apply(self, logits: Floats) -> Floats:
        """Probabilities ``(n, 7)`` that sum to 1."""
        scores = logits @ self.weights + self.bias
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        probs: Floats = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
        return probs


@dataclass(frozen=True)
class Projection:
    """Principal components of what the convolutions found: ``(pooled - mean) @ axes``."""

    mean: Floats
    axes: Floats


@dataclass
class _Graph:
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, value: NDArray[Any] | float | Sequence[int]) -> str:
        array = np.asarray(value, dtype=np.float32 if isinstance(value, float) else None)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operator: str, *inputs: str, name: str | None = None, **options: Any) -> str:
        output = name or f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **options))
        return output

    def number(self, value: int) -> str:
        return self.constant(np.array(value, np.int64))

    def cast(self, value: str, kind: int) -> str:
        return self.add("Cast", value, to=kind)

    def rows(self, index: Index, hashed: str, mask: str) -> str:
        """Rows of the hashed numbers; 0 where the mask (0 or 1) is 0."""
        safe = self.add("Mul", hashed, mask)
        row = self.add("Gather", self.constant(index.row.astype(np.uint16)), safe)
        return self.add("Mul", self.cast(row, TensorProto.INT64), mask)

    def range_mask(self, ids: str, first: int, end: int) -> str:
        """1 where ``first <= ids < end``, else 0."""
        above = self.add("GreaterOrEqual", ids, self.number(first))
        below = self.add("Less", ids, self.number(end))
        return self.cast(self.add("And", above, below), TensorProto.INT64)

    def group(
        self, ids: str, span: tuple[int, int], index: Index, weights: Floats, square: Floats
    ) -> str:
        """One group's part of the linear logits ``(n, 7)``."""
        mask = self.range_mask(ids, *span)
        rows = self.rows(index, self.add("Sub", ids, self.number(span[0])), mask)
        # The square of a frequency is over 65504 for none: it is at most (ln 40000 + 1)².
        table = self.constant(np.column_stack([weights, square]).astype(np.float16))
        values = self.cast(self.add("Gather", table, rows), TensorProto.FLOAT)
        total = self.add("ReduceSum", values, self.constant([1]), keepdims=0)
        evidence = self.add("Slice", total, *map(self.constant, ([0], [7], [1])))
        squared = self.add("Slice", total, *map(self.constant, ([7], [8], [1])))
        length = self.add("Sqrt", self.add("Max", squared, self.constant(_SMALLEST)))
        return self.add("Div", evidence, length)

    def convolutional(
        self, model: Convolutional, rows: str, reached: str, mask: str
    ) -> tuple[str, str]:
        """Logits ``(n, 7)`` and what the convolutions found."""
        vectors = model.table.weight.detach().numpy()
        scale = (np.abs(vectors).max(axis=0) / 127).astype(np.float32)
        table = self.constant(np.round(vectors / scale).astype(np.int8))
        values = self.cast(self.add("Gather", table, rows), TensorProto.FLOAT)
        values = self.add("Mul", values, self.constant(scale))
        shift = self.add("Mul", reached, self.constant(model.reached.detach().numpy()))
        along = self.add("Transpose", self.add("Add", values, shift), perm=[0, 2, 1])
        heights = []
        for layer in model.convolutions:
            assert isinstance(layer, nn.Conv1d)
            assert layer.bias is not None
            weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
            pad = weight.shape[2] // 2
            height = self.add(
                "Conv", along, self.constant(weight), self.constant(bias), pads=[pad, pad]
            )
            height = self.add("Mul", self.add("Relu", height), mask)
            heights.append(self.add("ReduceMax", height, axes=[2], keepdims=0))
        found = self.add("Concat", *heights, axis=1)
        weight, bias = (part.detach().numpy() for part in (model.out.weight, model.out.bias))
        return self.add("Gemm", found, *map(self.constant, (weight, bias)), transB=1), found


def build(
    linear: Linear,
    word_index: Index,
    models: Sequence[Convolutional],
    share: float,
    calibration: Calibration,
    projection: Projection,
    metadata: dict[str, str],
) -> onnx.ModelProto:
    """The whole model: ``ids (n, tokens)`` to ``probs (n, 7)`` and ``embedding (n, d)``."""
    graph = _Graph()
    bag_span = (tokenise.BAG_START, tokenise.PIECE_START)
    piece_span = (tokenise.PIECE_START, tokenise.END)
    bag = graph.group("ids", bag_span, linear.bag_index, linear.bag_weights, linear.bag_square)
    pieces = graph.group(
        "ids", piece_span, linear.piece_index, linear.piece_weights, linear.piece_square
    )
    logits = graph.add("Add", graph.add("Add", bag, pieces), graph.constant(linear.bias))
    logits = graph.add("Mul", logits, graph.constant(1.0 - share))

    # The words stand first: cut the rest off before the convolutions, but leave one column.
    mask = graph.range_mask("ids", 1, tokenise.BAG_START)
    counts = graph.add("ReduceSum", mask, graph.constant([1]), keepdims=0)
    longest = graph.add("ReduceMax", counts, axes=[0], keepdims=1)
    longest = graph.add("Max", longest, graph.constant([1]))
    first, axis = graph.constant([0]), graph.constant([1])
    words = graph.add("Slice", "ids", first, longest, axis)
    mask = graph.add("Slice", mask, first, longest, axis)
    words = graph.add("Mul", words, mask)
    size = graph.number(tokenise.WORDS)
    rows = graph.rows(word_index, graph.add("Mod", words, size), mask)
    reached = graph.cast(graph.add("GreaterOrEqual", words, size), TensorProto.FLOAT)
    reached = graph.add("Unsqueeze", reached, graph.constant([2]))
    mask = graph.add("Unsqueeze", graph.cast(mask, TensorProto.FLOAT), graph.constant([1]))
    found = []
    for model in models:
        part, pooled = graph.convolutional(model, rows, reached, mask)
        scaled = graph.add("Mul", part, graph.constant(share / len(models)))
        logits = graph.add("Add", logits, scaled)
        found.append(pooled)

    calibrated = graph.add(
        "Gemm", logits, *map(graph.constant, (calibration.weights, calibration.bias))
    )
    graph.add("Softmax", calibrated, axis=1, name="probs")
    pooled = graph.add("Concat", *found, axis=1)
    centred = graph.add("Sub", pooled, graph.constant(projection.mean))
    graph.add("MatMul", centred, graph.constant(projection.axes), name="embedding")

    width = projection.axes.shape[1]
    proto = helper.make_graph(
        graph.nodes,
        "words",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", "tokens"])],
        [
            helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["n", len(EMOTIONS)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", width]),
        ],
        graph.constants,
    )
    model_proto = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)])
    model_proto.ir_version = 8
    helper.set_model_props(model_proto, metadata)
    onnx.checker.check_model(model_proto)
    return model_proto


def write(model: onnx.ModelProto, path: Path) -> None:
    """Write the model whole or not at all."""
    with atomic_path(path) as part:
        part.write_bytes(model.SerializeToString())
