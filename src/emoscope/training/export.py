"""From a trained network to one ONNX file that speaks for itself, checked against the network."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emoscope.errors import ModelIntegrityError
from emoscope.export.files import atomic_path
from emoscope.models.metadata import ModelMetadata
from emoscope.models.session import Session

OPSET = 18
TOLERANCE = 1e-4
_WORTH_HALVING = 512  # values

_Case = dict[str, NDArray[Any]]


class _Calibrated(nn.Module):
    """A network's answer, its temperature built in.

    Attributes:
        outputs: names of what it gives, in order.
    """

    outputs: tuple[str, ...] = ("probs", "embedding")

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = _positive(temperature)


class _CalibratedFace(_Calibrated):
    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__(network, temperature)
        if hasattr(network, "label_answer"):
            self.outputs = (*self.outputs, "fer2013_probs")

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """``crops`` uint8 ``(n, size, size)`` to :attr:`outputs`."""
        embedding = self.network.embed(crops)  # type: ignore[operator]
        logits = self.network.answer(embedding)  # type: ignore[operator]
        # mini-XCEPTION answers from a map that stands behind its embedding.
        size = getattr(self.network, "embedding_size", embedding.shape[1])
        found = torch.softmax(logits / self.temperature, dim=1), embedding[:, :size]
        if "fer2013_probs" not in self.outputs:
            return found
        labels = self.network.label_answer(embedding)  # type: ignore[operator]
        return *found, torch.softmax(labels, dim=1)


class _CalibratedVoice(_Calibrated):
    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """``waveform`` ``(n, time)`` and ``lengths`` ``(n,)`` to probabilities and embedding."""
        front = self.network.front(waveform, lengths)  # type: ignore[operator]
        embedding = self.network.embed(*front)  # type: ignore[operator]
        logits = self.network.answer(embedding)  # type: ignore[operator]
        return torch.softmax(logits / self.temperature, dim=1), embedding


def export_face(
    network: nn.Module, temperature: float, metadata: ModelMetadata, path: Path, *, size: int = 48
) -> float:
    """Write a face network as ONNX; nothing is left at ``path`` unless all checks passed.

    Args:
        network: has ``embed`` and ``answer``, perhaps ``label_answer``
            (:mod:`emoscope.training.face_recipe`); in evaluation mode.
        temperature: its logits are divided by it.
        metadata: stored in the file.
        path: the ``.onnx`` file, replaced as a whole.
        size: side of the crops in pixels.

    Returns:
        The largest difference between the file and the network on random input.

    Raises:
        ModelIntegrityError: the file does not do what the network does or the metadata says.
        ValueError: the temperature is not positive.
    """
    model = _CalibratedFace(network, temperature).eval()
    n = torch.export.Dim("n")
    graph = _graph(model, _face_case(2, size), {"crops": {0: n}})
    return _write(graph, model, metadata, path, [_face_case(n, size) for n in (1, 2, 5, 33)])


def export_voice(
    network: nn.Module,
    temperature: float,
    metadata: ModelMetadata,
    path: Path,
    *,
    one_by_one: bool = False,
) -> float:
    """Write a voice network as ONNX; as :func:`export_face`.

    The graph takes any number of waveforms of any length from one sample on.

    Args:
        network: has ``front``, ``embed`` and ``answer`` (:mod:`emoscope.training.voice_recipe`).
        one_by_one: the graph takes one waveform at a time, for networks that padding would mislead.
    """
    model = _CalibratedVoice(network, temperature).eval()
    n, time = torch.export.Dim("n"), torch.export.Dim("time", min=1)
    cases = [(1,), (159,), (400, 1), (16_001, 161, 8_000), (16_000 * 5, 30_000), (9_000, 9_000, 1)]
    if one_by_one:
        graph = _graph(model, _voice_case(9001), {"waveform": {1: time}, "lengths": {}})
        cases = [(lengths[0],) for lengths in cases]
    else:
        free = {"waveform": {0: n, 1: time}, "lengths": {0: n}}
        graph = _graph(model, _voice_case(9001, 9001, 5000), free)
    return _write(graph, model, metadata, path, [_voice_case(*lengths) for lengths in cases])


@torch.no_grad()
def round_to_half(network: nn.Module) -> None:
    """Round kernels and matrices to what half precision can hold: their files are half as large."""
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.copy_(parameter.half().float())


def write_metadata(path: Path, metadata: ModelMetadata) -> None:
    """Replace what an exported file says about itself; its graph stays.

    Raises:
        ModelIntegrityError: the graph is not what the metadata says.
    """
    model = onnx.load(path)
    onnx.helper.set_model_props(model, metadata.to_props())
    data = model.SerializeToString()
    Session(data, threads=1)
    with atomic_path(path) as part:
        part.write_bytes(data)


def _positive(temperature: float) -> float:
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0, got {temperature}")
    return float(temperature)


def _face_case(n: int, size: int) -> _Case:
    rng = np.random.default_rng(n)
    crops = rng.integers(0, 256, (n, size, size), dtype=np.uint8)
    if n > 1:
        crops[0] = 128  # without any contrast
    return {"crops": crops}


def _voice_case(*lengths: int) -> _Case:
    rng = np.random.default_rng(lengths)
    time = np.arange(max(lengths))
    # Noise that swells and fades: the network hears the loud parts and cuts the faint ones.
    swell = np.sin(time / 3000.0) ** 2 * 0.3
    waveform = rng.standard_normal((len(lengths), len(time))) * swell
    waveform[time[None] >= np.array(lengths)[:, None]] = 0.0
    if len(lengths) > 2:
        waveform[1] = 0.0  # digital silence
    return {"waveform": waveform.astype(np.float32), "lengths": np.array(lengths, np.int64)}


def _graph(
    model: _Calibrated, example: _Case, free: Mapping[str, Mapping[int, Any]]
) -> onnx.ModelProto:
    """Trace a module whose arguments are named as in ``example``."""
    with _quiet():
        program = torch.onnx.export(
            model,
            tuple(torch.from_numpy(value) for value in example.values()),
            input_names=list(example),
            output_names=list(model.outputs),
            dynamic_shapes={name: dict(axes) for name, axes in free.items()},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
            # The exporter's own optimiser takes x + 1e-10 for x, so that silence becomes infinite
            # (onnxscript 0.7); onnxruntime optimises on loading anyway.
            optimize=False,
        )
    assert program is not None
    outputs = {id(value) for value in program.model.graph.outputs}
    for node in program.model.graph.all_nodes():
        for value in node.outputs:
            # The exporter calls what an Embedding gives "embedding", whatever else is called so.
            if value.name == "embedding" and id(value) not in outputs:
                value.name = "embedding_inside"
    graph: onnx.ModelProto = program.model_proto
    _forget_origin(graph)
    _settle_casts(graph)
    _store_in_half(graph)
    del graph.graph.value_info[:]  # shapes in between, which every reader infers by itself
    return graph


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's remarks are for its own developers; its errors are raised."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _forget_origin(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes of the machine it ran on: stack traces with its paths."""
    graph = model.graph
    del model.metadata_props[:]
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    for function in model.functions:
        del function.metadata_props[:]
        for node in function.node:
            del node.metadata_props[:]
            node.doc_string = ""


def _settle_casts(model: onnx.ModelProto) -> None:
    """Name the type that a constant is cast to.

    The exporter writes "the type of that value there"; onnxruntime then takes the limits of a Clip
    for no constants, and keeps it apart from the convolution before it (a third of the time).
    """
    constants = {name for n in model.graph.node if n.op_type == "Constant" for name in n.output}
    graph = onnx.shape_inference.infer_shapes(model).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input)}
    for node in model.graph.node:
        kind = types.get(node.input[1]) if node.op_type == "CastLike" else None
        if kind and node.input[0] in constants:
            node.op_type = "Cast"
            del node.input[1:]
            node.attribute.append(onnx.helper.make_attribute("to", kind))


def _store_in_half(model: onnx.ModelProto) -> None:
    """Keep large arrays in half precision where that loses nothing; reading makes them whole."""
    casts = []
    for array in model.graph.initializer:
        if array.data_type != onnx.TensorProto.FLOAT or math.prod(array.dims) < _WORTH_HALVING:
            continue
        values = onnx.numpy_helper.to_array(array)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if np.array_equal(half.astype(np.float32), values):
            name = array.name
            array.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}_half"))
            cast = onnx.helper.make_node("Cast", [array.name], [name], to=onnx.TensorProto.FLOAT)
            casts.append(cast)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _write(
    graph: onnx.ModelProto,
    model: _Calibrated,
    metadata: ModelMetadata,
    path: Path,
    cases: list[_Case],
) -> float:
    onnx.helper.set_model_props(graph, metadata.to_props())
    try:
        onnx.checker.check_model(graph, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelIntegrityError(f"{path}: the exported graph is wrong: {error}") from error
    data = graph.SerializeToString()
    difference = parity(model, Session(data, threads=1), cases)
    if not difference < TOLERANCE:
        raise ModelIntegrityError(
            f"{path}: the exported model differs from the network by {difference:.2g}, "
            f"allowed is {TOLERANCE:.0e}"
        )
    with atomic_path(path) as part:
        part.write_bytes(data)
    return difference


def parity(model: _Calibrated, session: Session, cases: list[dict[str, NDArray[Any]]]) -> float:
    """Largest absolute difference of any output over ``cases``; infinite if one is not finite."""
    worst = 0.0
    for case in cases:
        with torch.inference_mode():
            wanted = model(*(torch.from_numpy(value) for value in case.values()))
        got = session.run(case)
        for name, tensor in zip(model.outputs, wanted, strict=True):
            away = np.abs(got[name] - tensor.numpy())
            if got[name].shape != tuple(tensor.shape) or not np.isfinite(away).all():
                return float("inf")
            worst = max(worst, float(away.max()))
    return worst
