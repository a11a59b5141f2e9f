"""Runs a model: the only place that imports onnxruntime.

A model file speaks for itself (:mod:`emoscope.models.metadata`); a session checks on opening that
the graph is what the metadata and the role promise:

=====  ==========================================================  ===========================
role   inputs                                                      outputs
=====  ==========================================================  ===========================
face   ``crops`` uint8 (n, size, size), ``size`` fixed             ``probs`` float32 (n, labels),
                                                                   ``embedding`` float32 (n, d);
                                                                   some: ``fer2013_probs`` float32
                                                                   (n, labels), what FER2013's own
                                                                   label would be
voice  ``waveform`` float32 (n, time) at 16 kHz, zero-padded;      ``probs`` and ``embedding``
       ``lengths`` int64 (n,) in samples. Where the graph fixes
       n at 1, it takes one waveform at a time, not padded
voice  ``features`` float32 (n, width), ``width`` fixed: what the  the same
       metadata's ``input.features`` names, computed outside
words  ``ids`` int64 (n, tokens), padded with 0                     the same
=====  ==========================================================  ===========================

A translation takes ``face`` float32 (n, d1) and ``voice`` float32 (m, d2), embeddings of the models
that :mod:`emoscope.models.spaces` reads from its metadata, each with any number of rows. It gives
``face_to_voice`` (n, d2) with ``face_to_voice_probs`` (n, the voice model's labels), the same the
other way round, and both in one space: ``face_shared`` (n, s) and ``voice_shared`` (m, s).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from emoscope.errors import ModelError, ModelIntegrityError
from emoscope.models.metadata import ModelMetadata
from emoscope.models.spaces import MODALITIES, other, spaces_of
from emoscope.models.wire import refuse_external_data

MAX_BYTES = 2 * 1024**3 - 1  # protobuf's own limit for one message
_LOG_FATAL = 4  # errors reach the caller as exceptions; the runtime need not print them too

_Graph = Mapping[str, tuple[str, int]]  # name -> (dtype, rank)
_INPUTS: Mapping[str, tuple[_Graph, ...]] = {  # one of these
    "face": ({"crops": ("uint8", 3)},),
    "voice": (
        {"waveform": ("float32", 2), "lengths": ("int64", 1)},
        {"features": ("float32", 2)},
    ),
    "words": ({"ids": ("int64", 2)},),
}
_OUTPUTS: _Graph = {"probs": ("float32", 2), "embedding": ("float32", 2)}
_MORE_OUTPUTS: Mapping[str, _Graph] = {"face": {"fer2013_probs": ("float32", 2)}}  # of some
_DTYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int64)": "int64"}


class Session:
    """An ONNX model ready to run on the CPU.

    Args:
        path: an ``.onnx`` file, or its bytes.
        threads: threads for one run; None: as many cores as this process may use.

    Attributes:
        metadata: the model's own description.
        source: the path, or ``<bytes>``.

    Raises:
        ModelError: the file cannot be read.
        ModelIntegrityError: not an ONNX model, one that points at other files, one without
            emoscope's metadata, or one whose graph differs from what its metadata says.
        ValueError: ``threads`` is less than 1.
    """

    metadata: ModelMetadata
    source: str

    def __init__(self, path: Path | bytes, *, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self.source = "<bytes>" if isinstance(path, bytes) else str(path)
        data = path if isinstance(path, bytes) else _read(path)
        try:
            refuse_external_data(data)
            self._session = _open(data, threads or _usable_cores())
            props = self._session.get_modelmeta().custom_metadata_map
            self.metadata = ModelMetadata.from_props(props)
            self._inputs = _describe(self._session.get_inputs())
            self._outputs = _describe(self._session.get_outputs())
            self._check_graph()
        except ModelIntegrityError as error:
            raise ModelIntegrityError(f"{self.source}: {error}") from error

    def input_shape(self, name: str) -> tuple[int | None, ...]:
        """Sizes of an input as the graph fixes them, None where free; ``KeyError`` if unknown."""
        return self._inputs[name][1]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the graph's outputs."""
        return tuple(self._outputs)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the model once.

        Args:
            inputs: every input of the graph, by name.

        Returns:
            Every output of the graph, by name.

        Raises:
            ValueError: an input is missing, unknown, or of the wrong dtype or shape.
            ModelError: the runtime failed, for example for want of memory.
        """
        if set(inputs) != set(self._inputs):
            raise ValueError(f"expected inputs {sorted(self._inputs)}, got {sorted(inputs)}")
        for name, (dtype, shape) in self._inputs.items():
            value = inputs[name]
            fits = value.ndim == len(shape) and all(
                want is None or want == got for want, got in zip(shape, value.shape, strict=True)
            )
            if not fits or str(value.dtype) != dtype:
                raise ValueError(
                    f"input {name!r}: expected {dtype} {_shape_text(shape)}, "
                    f"got {value.dtype} {_shape_text(value.shape)}"
                )
        names = list(self._outputs)
        feed = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        try:
            values = self._session.run(names, feed)
        except Exception as error:
            raise ModelError(f"{self.source}: the model failed: {_one_line(error)}") from error
        return dict(zip(names, values, strict=True))

    def _check_graph(self) -> None:
        role = self.metadata.role
        if role in _INPUTS:
            _check_tensors("input", self._inputs, self._form(_INPUTS[role]))
            more = _MORE_OUTPUTS.get(role, {})
            there = {name: form for name, form in more.items() if name in self._outputs}
            _check_tensors("output", self._outputs, {**_OUTPUTS, **there})
            for name in ("probs", *there):
                width = self._outputs[name][1][1]
                if width is not None and width != len(self.metadata.labels):
                    raise ModelIntegrityError(
                        f"the metadata has {len(self.metadata.labels)} labels, the graph {width} "
                        f"in {name!r}"
                    )
        if role == "face":
            _, height, width = self._inputs["crops"][1]
            if height is None or height != width:
                raise ModelIntegrityError(
                    "input 'crops' must have a fixed square size, got "
                    + _shape_text(self._inputs["crops"][1])
                )
        if role == "voice" and "features" in self._inputs and not self._inputs["features"][1][1]:
            raise ModelIntegrityError(
                "input 'features' must have a fixed width, got "
                + _shape_text(self._inputs["features"][1])
            )
        if role == "translation":
            self._check_translation()
        self._check_stated_input()

    def _check_translation(self) -> None:
        """Inputs and outputs have exactly the widths that the stated spaces have."""
        spaces = spaces_of(self.metadata)
        self._form((dict.fromkeys(MODALITIES, ("float32", 2)),))
        shared: set[int | None] = set()
        for source in MODALITIES:
            target = other(source)
            way = f"{source}_to_{target}"
            wanted = {way: spaces[target].width, f"{way}_probs": len(spaces[target].labels)}
            outputs: _Graph = dict.fromkeys((*wanted, f"{source}_shared"), ("float32", 2))
            _check_tensors("input", self._inputs, {source: ("float32", 2)})
            _check_tensors("output", self._outputs, outputs)
            got = {name: self._outputs[name][1][1] for name in wanted}
            wanted[source] = spaces[source].width
            got[source] = self._inputs[source][1][1]
            if got != wanted:
                raise ModelIntegrityError(
                    f"the metadata states the widths {wanted}, the graph has {got}"
                )
            shared.add(self._outputs[f"{source}_shared"][1][1])
        if len(shared) != 1 or None in shared:
            raise ModelIntegrityError(
                f"both sides must share one space of a fixed width, the graph has {shared}"
            )

    def _form(self, forms: tuple[_Graph, ...]) -> _Graph:
        """The one of ``forms`` that has the graph's inputs."""
        for form in forms:
            # A further input would have no value.
            if set(form) == set(self._inputs):
                return form
        expected = " or ".join(str(sorted(form)) for form in forms)
        raise ModelIntegrityError(
            f"expected inputs {expected}, the graph has {sorted(self._inputs)}"
        )

    def _check_stated_input(self) -> None:
        stated = self.metadata.input
        name, dtype, shape = stated["name"], stated["dtype"], stated["shape"]
        if name not in self._inputs:
            raise ModelIntegrityError(
                f"the metadata names the input {name!r}, the graph has {sorted(self._inputs)}"
            )
        got_dtype, got_shape = self._inputs[name]
        same = len(shape) == len(got_shape) and all(
            got is None or not isinstance(want, int) or want == got
            for want, got in zip(shape, got_shape, strict=True)
        )
        if dtype != got_dtype or not same:
            raise ModelIntegrityError(
                f"the metadata says the input {name!r} is {dtype} {_shape_text(shape)}, "
                f"the graph {got_dtype} {_shape_text(got_shape)}"
            )


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ModelError(f"{path}: not a file")
        if size > MAX_BYTES:
            raise ModelIntegrityError(f"{path}: {size} bytes are too many for an ONNX file")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot read it: {error.strerror or error}") from error


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _open(data: bytes, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    # A stated number also keeps the runtime from pinning threads to cores it may not use.
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_FATAL
    # Idle threads that spin would take a whole core between the frames of a live picture.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The runtime would otherwise also accept its own format, which the check did not look into.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    ort.disable_telemetry_events()
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelIntegrityError(f"not a model that can be run: {_one_line(error)}") from error


def _describe(nodes: Any) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    """Name -> (dtype, sizes with None where free)."""
    return {
        node.name: (
            _DTYPES.get(node.type, node.type),
            tuple(size if isinstance(size, int) and size > 0 else None for size in node.shape),
        )
        for node in nodes
    }


def _check_tensors(
    kind: str, got: Mapping[str, tuple[str, tuple[int | None, ...]]], want: _Graph
) -> None:
    if not set(want) <= set(got):  # further outputs do no harm
        raise ModelIntegrityError(f"expected {kind}s {sorted(want)}, the graph has {sorted(got)}")
    for name, (dtype, rank) in want.items():
        got_dtype, shape = got[name]
        if got_dtype != dtype or len(shape) != rank:
            raise ModelIntegrityError(
                f"{kind} {name!r}: expected {dtype} with {rank} axes, "
                f"the graph has {got_dtype} {_shape_text(shape)}"
            )


def _shape_text(shape: Any) -> str:
    return "(" + ", ".join("?" if size is None else str(size) for size in shape) + ")"


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:200] + "…"


def open_graph(path: Path | bytes, threads: int | None = None) -> ort.InferenceSession:
    """Open a graph made by others, which carries no metadata of emoscope's.

    Args:
        path: an ``.onnx`` file, or its bytes.
        threads: as for :class:`Session`.

    Returns:
        The runtime's own session; its caller knows the graph's inputs and outputs.

    Raises:
        ModelError: the file cannot be read.
        ModelIntegrityError: not an ONNX model, or one that points at other files.
        ValueError: ``threads`` is less than 1.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    source = "<bytes>" if isinstance(path, bytes) else str(path)
    data = path if isinstance(path, bytes) else _read(path)
    try:
        refuse_external_data(data)
        return _open(data, threads or _usable_cores())
    except ModelIntegrityError as error:
        raise ModelIntegrityError(f"{source}: {error}") from error
