"""From a trained translation to one ONNX file that speaks for itself, checked against the network.

The graph is small enough to be written node by node: no exporter, the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from emoscope.errors import ModelIntegrityError
from emoscope.export.files import atomic_path
from emoscope.labels import SHARED_LABELS
from emoscope.models.metadata import ModelMetadata
from emoscope.models.session import Session
from emoscope.models.spaces import MODALITIES, Modality, Space, other
from emoscope.training.translation.network import TranslationNet

OPSET = 18
TOLERANCE = 1e-4
NAME = "emoscope-translation"


def metadata_of(
    spaces: Mapping[Modality, Space],
    *,
    version: str,
    corpus: str,
    split: str,
    metrics: Mapping[str, Any],
) -> ModelMetadata:
    """What the file says about itself; the labels are those of the shared space."""
    return ModelMetadata(
        name=NAME,
        version=version,
        role="translation",
        labels=SHARED_LABELS,
        input={
            "name": "face",
            "dtype": "float32",
            "shape": ["n", spaces["face"].width],
            "spaces": {m: spaces[m].to_dict() for m in MODALITIES},
        },
        preprocessing="inside the graph: each embedding is standardised by training items",
        calibration={"heads": "those of both models, frozen, with their own temperatures"},
        corpus=corpus,
        split=split,
        metrics=metrics,
        licence="MIT (code and weights); trained on corpora for research use, see the model card",
    )


def write(network: TranslationNet, metadata: ModelMetadata, path: Path) -> float:
    """Write the network as ONNX; nothing is left at ``path`` unless all checks passed.

    Returns:
        The largest difference between the file and the network.

    Raises:
        ModelIntegrityError: the file does not do what the network does or the metadata says.
    """
    model = _graph(network)
    helper.set_model_props(model, metadata.to_props())
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelIntegrityError(f"{path}: the written graph is wrong: {error}") from error
    data = model.SerializeToString()
    difference = _difference(network, Session(data, threads=1))
    if not difference < TOLERANCE:
        raise ModelIntegrityError(
            f"{path}: the written model differs from the network by {difference:.2g}, "
            f"allowed is {TOLERANCE:.0e}"
        )
    with atomic_path(path) as part:
        part.write_bytes(data)
    return difference


def _graph(network: TranslationNet) -> onnx.ModelProto:
    nodes, constants, inputs, outputs = [], {}, [], []
    value = helper.make_tensor_value_info
    for source in MODALITIES:
        target = other(source)
        made = f"{source}_to_{target}"
        way = network.way(source)
        for layer in ("hidden", "project", "widen", "decode"):
            linear = getattr(way, layer)
            constants[f"{source}.{layer}.weight"] = linear.weight
            constants[f"{source}.{layer}.bias"] = linear.bias
        for name in ("mean", "deviation", "target_mean", "target_deviation"):
            constants[f"{source}.{name}"] = getattr(way, name)[None]
        constants[f"{made}.weight"] = network.get_buffer(f"{target}_weight")
        constants[f"{made}.bias"] = network.get_buffer(f"{target}_bias")
        nodes += _way_nodes(source, made)
        width = way.mean.shape[0]
        rows = "n" if source == "face" else "m"
        inputs.append(value(source, TensorProto.FLOAT, [rows, width]))
        widths = {
            made: way.target_mean.shape[0],
            f"{made}_probs": len(network.get_buffer(f"{target}_bias")),
            f"{source}_shared": way.project.out_features,
        }
        outputs += [value(name, TensorProto.FLOAT, [rows, w]) for name, w in widths.items()]
    arrays = {k: v.detach().numpy().astype(np.float32) for k, v in constants.items()}
    initializers = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "translation", inputs, outputs, initializers)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10, producer_name=""
    )


def _way_nodes(source: str, made: str) -> list[onnx.NodeProto]:
    def at(name: str) -> str:
        return f"{source}.{name}"

    def linear(given: str, layer: str, result: str) -> onnx.NodeProto:
        return helper.make_node(
            "Gemm", [given, f"{layer}.weight", f"{layer}.bias"], [result], transB=1
        )

    node = helper.make_node
    return [
        node("Sub", [source, at("mean")], [at("centred")]),
        node("Div", [at("centred"), at("deviation")], [at("x")]),
        linear(at("x"), at("hidden"), at("h")),
        node("Relu", [at("h")], [at("hr")]),
        linear(at("hr"), at("project"), at("z")),
        node("LpNormalization", [at("z")], [f"{source}_shared"], axis=1, p=2),
        node("Concat", [f"{source}_shared", at("x")], [at("zx")], axis=1),
        linear(at("zx"), at("widen"), at("w")),
        node("Relu", [at("w")], [at("wr")]),
        linear(at("wr"), at("decode"), at("y")),
        node("Mul", [at("y"), at("target_deviation")], [at("scaled")]),
        node("Add", [at("scaled"), at("target_mean")], [at("moved")]),
        node("Relu", [at("moved")], [made]),
        linear(made, made, f"{made}_logits"),
        node("Softmax", [f"{made}_logits"], [f"{made}_probs"], axis=1),
    ]


def _difference(network: TranslationNet, session: Session) -> float:
    """Largest difference of any output on random rows; infinite if one is not finite."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for counts in ((1, 0), (0, 3), (33, 5)):
        given: dict[str, NDArray[np.float32]] = {
            m: np.maximum(
                network.way(m).mean.numpy()
                + network.way(m).deviation.numpy() * rng.standard_normal((n, 1)),
                0,
            ).astype(np.float32)
            for m, n in zip(MODALITIES, counts, strict=True)
        }
        got = session.run(given)
        for source in MODALITIES:
            way = f"{source}_to_{other(source)}"
            names = (way, f"{way}_probs", f"{source}_shared")
            for name, wanted in zip(names, network.read(source, given[source]), strict=True):
                if got[name].shape != wanted.shape or not np.isfinite(got[name]).all():
                    return float("inf")
                worst = max(worst, float(np.abs(got[name] - wanted).max(initial=0.0)))
    return worst
