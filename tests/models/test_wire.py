from __future__ import annotations

import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from emoscope.errors import ModelIntegrityError
from emoscope.models.wire import refuse_external_data


def tensor(external: bool) -> TensorProto:
    made = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    if external:
        made.data_location = TensorProto.EXTERNAL
        entry = made.external_data.add()
        entry.key, entry.value = "location", "weights.bin"
    else:
        made.data_location = TensorProto.DEFAULT
        made.raw_data = b"\0" * 8
    return made


def graph(nodes: list[onnx.NodeProto], tensors: list[TensorProto]) -> onnx.GraphProto:
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    return helper.make_graph(nodes, "g", [], [out], tensors)


def branch(t: TensorProto) -> onnx.NodeProto:
    inside = graph([helper.make_node("Identity", ["w"], ["y"])], [t])
    return helper.make_node("If", ["c"], ["y"], then_branch=inside, else_branch=inside)


def model(place: str, t: TensorProto) -> bytes:
    nodes = [helper.make_node("Identity", ["w"], ["y"])]
    made = helper.make_model(graph(nodes, []))
    main = made.graph
    if place == "initializer":
        main.initializer.append(t)
    elif place == "attribute":
        main.node.append(helper.make_node("Constant", [], ["k"], value=t))
    elif place == "attribute list":
        attribute = onnx.AttributeProto(name="many", type=onnx.AttributeProto.TENSORS)
        attribute.tensors.append(t)
        main.node[0].attribute.append(attribute)
    elif place == "subgraph":
        main.node.append(branch(t))
    elif place == "nested subgraph":
        inner = graph([branch(t)], [])
        main.node.append(helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner))
    elif place == "sparse values":
        main.sparse_initializer.add().values.CopyFrom(t)
    elif place == "sparse indices":
        main.sparse_initializer.add().indices.CopyFrom(t)
    elif place == "sparse attribute":
        attribute = onnx.AttributeProto(name="s", type=onnx.AttributeProto.SPARSE_TENSOR)
        attribute.sparse_tensor.values.CopyFrom(t)
        main.node[0].attribute.append(attribute)
    elif place == "function":
        function = made.functions.add()
        function.name = "f"
        function.node.append(helper.make_node("Constant", [], ["k"], value=t))
    elif place == "function default":
        function = made.functions.add()
        function.attribute_proto.append(helper.make_attribute("a", t))
    elif place == "training":
        made.training_info.add().algorithm.initializer.append(t)
    else:
        raise AssertionError(place)
    return bytes(made.SerializeToString())


PLACES = [
    "initializer",
    "attribute",
    "attribute list",
    "subgraph",
    "nested subgraph",
    "sparse values",
    "sparse indices",
    "sparse attribute",
    "function",
    "function default",
    "training",
]


@pytest.mark.parametrize("place", PLACES)
def test_external_data_is_found_wherever_a_tensor_may_stand(place: str) -> None:
    refuse_external_data(model(place, tensor(external=False)))
    with pytest.raises(ModelIntegrityError, match="in other files"):
        refuse_external_data(model(place, tensor(external=True)))


@pytest.mark.parametrize("half", ["data_location", "external_data"])
def test_either_mark_alone_is_enough(half: str) -> None:
    marked = tensor(external=True)
    marked.ClearField("external_data" if half == "data_location" else "data_location")
    with pytest.raises(ModelIntegrityError, match="in other files"):
        refuse_external_data(model("initializer", marked))


def wrap(field: int, data: bytes) -> bytes:
    size, prefix = len(data), bytearray()
    while size > 127:
        prefix.append(size & 127 | 128)
        size >>= 7
    return bytes([field << 3 | 2, *prefix, size]) + data


def test_deep_nesting_is_refused_without_recursion() -> None:
    # Deeper than protobuf itself writes, so by hand: node > attribute > graph, over and over.
    data = wrap(5, tensor(external=True).SerializeToString())
    for field in (6, 5, 1) * 3000:
        data = wrap(field, data)
    with pytest.raises(ModelIntegrityError, match="nested too deeply"):
        refuse_external_data(wrap(7, data))


def test_a_field_number_beyond_32_bits_is_refused() -> None:
    # Readers that cut the key to 32 bits would take this for the graph (field 7).
    graph_of_tensor = wrap(5, tensor(external=True).SerializeToString())
    hidden = bytes([0x3A | 0x80, 0x80, 0x80, 0x80, 0x10, len(graph_of_tensor)]) + graph_of_tensor
    with pytest.raises(ModelIntegrityError, match="not an ONNX file"):
        refuse_external_data(hidden)


def test_empty() -> None:
    with pytest.raises(ModelIntegrityError, match="empty"):
        refuse_external_data(b"")


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_end_in_a_clear_answer(data: bytes) -> None:
    try:
        refuse_external_data(data)
    except ModelIntegrityError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both endings are right


SAMPLE = model("subgraph", tensor(external=False))


@given(st.integers(1, len(SAMPLE) - 1))
def test_a_file_cut_within_its_graph_is_refused(kept: int) -> None:
    parsed = onnx.ModelProto()
    try:
        parsed.ParseFromString(SAMPLE[:kept])
        readable = True
    except DecodeError:
        readable = False
    if readable:
        refuse_external_data(SAMPLE[:kept])
    else:
        with pytest.raises(ModelIntegrityError):
            refuse_external_data(SAMPLE[:kept])
