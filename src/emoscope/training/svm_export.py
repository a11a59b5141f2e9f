"""From a calibrated support vector machine to one ONNX file, checked against scikit-learn."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from emoscope._optional import require
from emoscope.errors import ModelIntegrityError
from emoscope.export.files import atomic_path
from emoscope.models.metadata import ModelMetadata
from emoscope.models.session import Session

OPSET = 18
# The file computes in 32 bits, scikit-learn in 64; about 1e-6 was seen.
TOLERANCE = 1e-4
# Pairs of classes this close to a tie may be decided differently in 32 bits: not compared.
TIE = 1e-3
FLOOR = 1e-7  # of a probability, before its logarithm

Floats = NDArray[np.float64]


def export_svm(
    scaler: Any,
    classifier: Any,
    rows: Floats,
    temperature: float,
    metadata: ModelMetadata,
    path: Path,
) -> float:
    """Write ``features → scaled → probs`` as ONNX; nothing is left at ``path`` unless it agrees.

    Args:
        scaler: a fitted ``StandardScaler``; what it gives is the ``embedding``.
        classifier: a fitted ``CalibratedClassifierCV`` of one ``SVC`` (``ensemble=False``), on
            scaled rows, with classes 0, 1, ....
        rows: ``(n, features)``, to compare on; random ones are added.
        temperature: the logarithms of the calibrated probabilities are divided by it.
        metadata: stored in the file.
        path: the ``.onnx`` file, replaced as a whole.

    Returns:
        The largest difference between the file and scikit-learn.

    Raises:
        ModelIntegrityError: the file does not do what scikit-learn does or the metadata says.
        MissingExtraError: skl2onnx is not installed.
        ValueError: the temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0, got {temperature}")
    graph = _graph(scaler, classifier, temperature)
    helper.set_model_props(graph, metadata.to_props())
    try:
        onnx.checker.check_model(graph, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelIntegrityError(f"{path}: the exported graph is wrong: {error}") from error
    data = graph.SerializeToString()
    difference = _difference(Session(data, threads=1), scaler, classifier, rows, temperature)
    if not difference < TOLERANCE:
        raise ModelIntegrityError(
            f"{path}: the exported model differs from scikit-learn by {difference:.2g}, "
            f"allowed is {TOLERANCE:.0e}"
        )
    with atomic_path(path) as part:
        part.write_bytes(data)
    return difference


def _graph(scaler: Any, classifier: Any, temperature: float) -> onnx.ModelProto:
    """Scaling, the machine by skl2onnx, the temperature."""
    width, labels = scaler.mean_.size, len(classifier.classes_)
    machine = _machine(classifier, width)
    constants = {
        "centre": scaler.mean_[None],
        "spread": scaler.scale_[None],
        "floor": np.array(FLOOR),
        "temperature": np.array(temperature),
    }
    node, value = helper.make_node, helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            node("Sub", ["features", "centre"], ["centred"]),
            node("Div", ["centred", "spread"], ["embedding"]),
            *machine.graph.node,
            node("Max", ["probabilities", "floor"], ["floored"]),
            node("Log", ["floored"], ["log_probs"]),
            node("Div", ["log_probs", "temperature"], ["logits"]),
            node("Softmax", ["logits"], ["probs"], axis=1),
        ],
        "svm",
        [value("features", TensorProto.FLOAT, ["n", width])],
        [
            value("probs", TensorProto.FLOAT, ["n", labels]),
            value("embedding", TensorProto.FLOAT, ["n", width]),
        ],
        [
            *machine.graph.initializer,
            *(numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()),
        ],
    )
    return helper.make_model(
        graph, opset_imports=machine.opset_import, ir_version=machine.ir_version
    )


def _machine(classifier: Any, width: int) -> onnx.ModelProto:
    """``embedding`` to ``probabilities``, without the label that skl2onnx also gives."""
    skl2onnx = require("skl2onnx", extra="train")
    wide = skl2onnx.common.data_types.FloatTensorType([None, width])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it reads SVC.probA_, which is to go
        model = skl2onnx.to_onnx(
            classifier,
            initial_types=[("embedding", wide)],
            options={id(classifier): {"zipmap": False}},
            target_opset={"": OPSET, "ai.onnx.ml": 3},
        )
    extractor = onnx.utils.Extractor(model)
    found: onnx.ModelProto = extractor.extract_model(["embedding"], ["probabilities"])
    return found


def _difference(
    session: Session, scaler: Any, classifier: Any, rows: Floats, temperature: float
) -> float:
    """Largest absolute difference of any output; infinite if one is not finite."""
    rng = np.random.default_rng(0)
    made = scaler.mean_ + 2 * scaler.scale_ * rng.standard_normal((64, scaler.mean_.size))
    fed = np.concatenate([rows, made]).astype(np.float32)
    scaled = scaler.transform(fed.astype(np.float64))
    clear = ~_ties(classifier, scaled)
    shares = np.maximum(classifier.predict_proba(scaled), FLOOR) ** (1 / temperature)
    got = session.run({"features": fed})
    away = (
        (got["probs"] - shares / shares.sum(1, keepdims=True))[clear],
        got["embedding"] - scaled,
    )
    if not clear.any() or not all(np.isfinite(a).all() for a in away):
        return float("inf")
    return max(float(np.abs(a).max()) for a in away)


def _ties(classifier: Any, scaled: Floats) -> NDArray[np.bool_]:
    """Rows ``(n,)`` for which some pair of classes is next to undecided."""
    machine = classifier.calibrated_classifiers_[0].estimator
    shape = machine.decision_function_shape
    machine.decision_function_shape = "ovo"
    try:
        pairs = np.asarray(machine.decision_function(scaled)).reshape(len(scaled), -1)
    finally:
        machine.decision_function_shape = shape
    found: NDArray[np.bool_] = (np.abs(pairs) < TIE).any(axis=1)
    return found
