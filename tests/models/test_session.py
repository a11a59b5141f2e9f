from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from emoscope.errors import (
    ModelError,
    ModelIntegrityError,
    ModelUnavailableError,
    UnknownModelError,
)
from emoscope.labels import SHARED, LabelSet
from emoscope.models.load import load
from emoscope.models.session import Session

Build = Callable[..., Path]


@pytest.fixture
def face(tmp_path: Path, tiny_face_model: Build) -> Path:
    return tiny_face_model(tmp_path / "face.onnx", size=24)


@pytest.fixture
def voice(tmp_path: Path, tiny_voice_model: Build) -> Path:
    return tiny_voice_model(tmp_path / "voice.onnx")


def edit(path: Path, change: Callable[[onnx.ModelProto], Any]) -> Path:
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def set_prop(key: str, value: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        next(p for p in model.metadata_props if p.key == f"emoscope.{key}").value = value

    return change


def test_a_face_model_runs(face: Path) -> None:
    session = Session(face)
    assert session.metadata.labels == LabelSet(SHARED)
    assert session.input_shape("crops") == (None, 24, 24)
    greys = (255 * (np.arange(7) + 0.5) / 7).astype(np.uint8)
    crops = np.broadcast_to(greys[:, None, None], (7, 24, 24))
    out = session.run({"crops": crops})
    assert set(out) == {"probs", "embedding"}
    assert out["probs"].argmax(axis=1).tolist() == list(range(7))
    np.testing.assert_allclose(out["probs"].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(out["embedding"][:, 3], 4.0 * greys / 255, rtol=1e-5)


def test_a_voice_model_runs_and_padding_is_no_cue(voice: Path) -> None:
    session = Session(voice)
    assert session.input_shape("waveform") == (None, None)
    waveform = np.zeros((2, 100), dtype=np.float32)
    waveform[:, :40] = 0.3
    waveform[1, 40:] = 0.9
    lengths = np.array([40, 40], dtype=np.int64)
    out = session.run({"waveform": waveform, "lengths": lengths})
    np.testing.assert_allclose(out["embedding"][:, 0], 0.3, rtol=1e-5)
    assert out["probs"].shape == (2, 8)
    assert out["probs"].argmax(axis=1).tolist() == [2, 2]


def test_a_voice_model_may_run_on_features(tmp_path: Path, tiny_statistics_model: Build) -> None:
    session = Session(tiny_statistics_model(tmp_path / "voice.onnx"))
    assert session.input_shape("features") == (None, 66)
    out = session.run({"features": np.zeros((3, 66), np.float32)})
    assert out["probs"].shape == (3, 7)
    with pytest.raises(ValueError, match=r"expected float32 \(\?, 66\), got float32 \(3, 65\)"):
        session.run({"features": np.zeros((3, 65), np.float32)})


def test_features_have_a_fixed_width(tmp_path: Path, tiny_statistics_model: Build) -> None:
    path = tiny_statistics_model(tmp_path / "voice.onnx", width="any")
    with pytest.raises(ModelIntegrityError, match=r"'features' must have a fixed width, got"):
        Session(path)


def test_features_and_a_waveform_at_once_are_refused(
    tmp_path: Path, tiny_statistics_model: Build
) -> None:
    def more(model: onnx.ModelProto) -> None:
        extra = helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["n", "time"])
        model.graph.input.append(extra)

    path = edit(tiny_statistics_model(tmp_path / "voice.onnx"), more)
    with pytest.raises(ModelIntegrityError, match=r"the graph has \['features', 'waveform'\]"):
        Session(path)


def test_bytes_and_threads_give_the_same(face: Path) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, 24, 24), dtype=np.uint8)
    results = [
        Session(model, threads=threads).run({"crops": crops})["probs"]
        for model, threads in ((face, None), (face, 1), (face.read_bytes(), 2))
    ]
    np.testing.assert_allclose(results[1], results[0], atol=1e-6)
    np.testing.assert_allclose(results[2], results[0], atol=1e-6)


def test_an_empty_batch_gives_empty_results(face: Path) -> None:
    out = Session(face).run({"crops": np.zeros((0, 24, 24), dtype=np.uint8)})
    assert out["probs"].shape == (0, 7)


def test_threads_must_be_positive(face: Path) -> None:
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        Session(face, threads=0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, r"expected inputs \['crops'\], got \[\]"),
        ({"faces": np.zeros((1, 24, 24), np.uint8)}, r"got \['faces'\]"),
        ({"crops": np.zeros((1, 24, 24), np.float32)}, r"expected uint8 \(\?, 24, 24\), got float"),
        ({"crops": np.zeros((1, 24, 25), np.uint8)}, r"got uint8 \(1, 24, 25\)"),
        ({"crops": np.zeros((24, 24), np.uint8)}, r"got uint8 \(24, 24\)"),
    ],
)
def test_wrong_inputs_say_expected_and_got(
    face: Path, inputs: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Session(face).run(inputs)


def test_a_failure_of_the_runtime_is_a_model_error(
    voice: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inputs = {"waveform": np.zeros((2, 9), np.float32), "lengths": np.ones(3, np.int64)}
    with pytest.raises(ModelError, match=r"voice\.onnx: the model failed") as caught:
        Session(voice).run(inputs)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "zeroed"])
def test_corrupt_files(face: Path, damage: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = face.read_bytes()
    half = len(data) // 2
    damaged = {
        "empty": b"",
        "text": b"<html>404</html>",
        "cut": data[:half],
        "zeroed": data[:half] + bytes(len(data) - half),
    }[damage]
    face.write_bytes(damaged)
    with pytest.raises(ModelIntegrityError, match=r"face\.onnx: ") as caught:
        Session(face)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_unknown_operator_is_refused(face: Path) -> None:
    edit(face, lambda model: setattr(model.graph.node[0], "op_type", "Exfiltrate"))
    with pytest.raises(ModelIntegrityError, match="not a model that can be run"):
        Session(face)


def test_external_data_is_refused_even_where_the_file_is_there(
    face: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = face.parent
    model = onnx.load(face)
    onnx.save(
        model,
        face,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
        convert_attribute=True,
    )
    assert (folder / "weights.bin").stat().st_size > 0
    monkeypatch.chdir(folder)
    for given in (face, face.read_bytes()):
        with pytest.raises(ModelIntegrityError, match="stores tensors in other files"):
            Session(given)


def test_missing_metadata(face: Path) -> None:
    edit(face, lambda model: model.ClearField("metadata_props"))
    with pytest.raises(ModelIntegrityError, match=r"face\.onnx: not an emoscope model"):
        Session(face)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("labels", '["happy", "sad"]', "the metadata has 2 labels, the graph 7"),
        (
            "role",
            "voice",
            r"expected inputs \['lengths', 'waveform'\] or \['features'\], .* \['crops'\]",
        ),
        ("input", '{"name": "x", "dtype": "uint8", "shape": [1]}', "names the input 'x'"),
        (
            "input",
            '{"name": "crops", "dtype": "uint8", "shape": ["n", 48, 48]}',
            r"says the input 'crops' is uint8 \(n, 48, 48\), the graph uint8 \(\?, 24, 24\)",
        ),
        ("input", '{"name": "crops", "dtype": "float32", "shape": ["n", 24, 24]}', "is float32"),
        ("input", '{"name": "crops", "dtype": "uint8", "shape": ["n", 576]}', r"\(n, 576\)"),
    ],
)
def test_metadata_that_does_not_fit_the_graph(
    face: Path, key: str, value: str, message: str
) -> None:
    edit(face, set_prop(key, value))
    with pytest.raises(ModelIntegrityError, match=message):
        Session(face)


def drop_embedding(model: onnx.ModelProto) -> None:
    del model.graph.output[1]


def whole_crops_free(model: onnx.ModelProto) -> None:
    for axis in (1, 2):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "s"


def oblong(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 30
    set_prop("input", '{"name": "crops", "dtype": "uint8", "shape": ["n", 24, 30]}')(model)


def float_crops(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("hue", TensorProto.FLOAT, ["n"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_embedding, r"expected outputs \['embedding', 'probs'\], the graph has \['probs'\]"),
        (whole_crops_free, r"fixed square size, got \(\?, \?, \?\)"),
        (oblong, r"fixed square size, got \(\?, 24, 30\)"),
        (float_crops, "'crops': expected uint8 with 3 axes, the graph has float32"),
        (second_input, r"the graph has \['crops', 'hue'\]"),
    ],
)
def test_graphs_that_break_the_contract_of_their_role(
    face: Path, change: Callable[[onnx.ModelProto], None], message: str
) -> None:
    edit(face, change)
    with pytest.raises(ModelIntegrityError, match=message):
        Session(face)


@pytest.mark.parametrize(
    ("operator", "options", "kind", "shape", "message"),
    [
        ("Cast", {"to": TensorProto.INT64}, TensorProto.INT64, ["n", 7], r"has int64 \(\?, 7\)"),
        ("ReduceMax", {"axes": [1], "keepdims": 0}, TensorProto.FLOAT, ["n"], "with 2 axes"),
    ],
)
def test_an_output_for_fer2013s_labels_must_be_probabilities(
    tmp_path: Path,
    tiny_face_model: Build,
    operator: str,
    options: dict[str, Any],
    kind: int,
    shape: list[str | int],
    message: str,
) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[-1].output[0] = "inside"
        model.graph.node.append(
            helper.make_node(operator, ["inside"], ["fer2013_probs"], **options)
        )
        value = helper.make_tensor_value_info("fer2013_probs", kind, shape)
        model.graph.output[2].CopyFrom(value)

    path = tiny_face_model(tmp_path / "m.onnx", fer2013=range(7))
    assert Session(path).outputs == ("probs", "embedding", "fer2013_probs")
    with pytest.raises(ModelIntegrityError, match=f"output 'fer2013_probs': .*{message}"):
        Session(edit(path, change))


def test_an_output_for_fer2013s_labels_has_them_all(tmp_path: Path, tiny_face_model: Build) -> None:
    with pytest.raises(ModelIntegrityError, match="7 labels, the graph 6 in 'fer2013_probs'"):
        Session(tiny_face_model(tmp_path / "m.onnx", fer2013=range(6)))


def test_load_by_path_and_by_run_folder(face: Path, tiny_face_model: Build) -> None:
    run = face.parent / "run"
    run.mkdir()
    tiny_face_model(run / "model.onnx", name="trained")
    assert load(str(face), role="face").metadata.name == "tiny-face"
    assert load(run, role="face").metadata.name == "trained"


def test_load_of_a_file_without_suffix_in_the_working_folder(
    face: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    face.rename(face.parent / "mine")
    monkeypatch.chdir(face.parent)
    assert load("mine").metadata.role == "face"


def test_wrong_roles_name_both(voice: Path) -> None:
    with pytest.raises(ModelError, match="is a voice model, where a face model is needed"):
        load(str(voice), role="face")
    # The catalog answers before anything is fetched or read.
    with pytest.raises(
        ModelError, match=r"^yunet is a detector model, where a face model is needed"
    ):
        load("yunet", role="face")


def test_load_of_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match=r"mean mini-xception\?.*nor is there a file"):
        load("mini-xeption")
    with pytest.raises(ModelError, match="there is no such model file"):
        load(str(tmp_path / "none.onnx"))
    with pytest.raises(ModelError, match=r"the folder holds no model\.onnx"):
        load(str(tmp_path))
    with pytest.raises(ModelUnavailableError, match="emoscope models fetch mini-xception"):
        load("mini-xception", role="face")
    with pytest.raises(ModelError, match="cannot look there: File name too long"):
        load("x" * 5000)
    with pytest.raises(ModelError, match="cannot read it: No such file"):
        Session(tmp_path / "none.onnx")
