"""Refuses ONNX files that point at other files, before the runtime sees them.

ONNX lets a tensor live in an external file named by the model, so that a model brought by a user
could make the runtime open any path. This walks the protobuf wire format (no ``onnx`` package
needed) and looks into every place where a tensor may stand. Field numbers are those of
``onnx.proto3``.
"""

from __future__ import annotations

from collections.abc import Iterator

from emoscope.errors import ModelIntegrityError

# Message -> field number -> message inside. Fields that are not listed hold no tensor.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse",
        23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_TENSOR_EXTERNAL_DATA = 13
_TENSOR_DATA_LOCATION = 14
_MAX_DEPTH = 64


def refuse_external_data(data: bytes) -> None:
    """Check that an ONNX file is complete in itself.

    Args:
        data: the file's bytes.

    Raises:
        ModelIntegrityError: a tensor is stored in another file, or this is no protobuf.
    """
    if not data:
        raise ModelIntegrityError("the file is empty")
    stack = [("model", memoryview(data), 0)]
    while stack:
        message, view, depth = stack.pop()
        if depth > _MAX_DEPTH:
            raise ModelIntegrityError("not an ONNX file emoscope runs: graphs nested too deeply")
        inside = _INSIDE[message]
        for number, value in _fields(view):
            if message == "tensor" and number in (_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION):
                if isinstance(value, int) and value == 0:
                    continue
                raise ModelIntegrityError(
                    "the model stores tensors in other files, which emoscope refuses; "
                    "save it as one file"
                )
            if number in inside and isinstance(value, memoryview):
                stack.append((inside[number], value, depth + 1))


def _fields(view: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers with their varint or bytes; fixed-width values come as 0."""
    at, end = 0, len(view)
    while at < end:
        key, at = _varint(view, at)
        number, kind = key >> 3, key & 7
        if number == 0 or key >= 1 << 32:  # readers that cut to 32 bits would see another field
            raise ModelIntegrityError("not an ONNX file")
        if kind == 0:
            value, at = _varint(view, at)
            yield number, value
        elif kind == 2:
            size, at = _varint(view, at)
            if size > end - at:
                raise ModelIntegrityError("not an ONNX file, or a truncated one")
            yield number, view[at : at + size]
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
            yield number, 0
        else:
            raise ModelIntegrityError("not an ONNX file")
        if at > end:
            raise ModelIntegrityError("not an ONNX file, or a truncated one")


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(view):
            raise ModelIntegrityError("not an ONNX file, or a truncated one")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ModelIntegrityError("not an ONNX file")
