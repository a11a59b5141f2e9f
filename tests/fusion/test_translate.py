from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from emoscope.errors import ModelError, ModelIntegrityError
from emoscope.face.recognise import FaceRecogniser
from emoscope.fusion import translate
from emoscope.fusion.translate import TranslatedReading, Translator, missing_side
from emoscope.labels import SHARED, VOICE_LABELS, LabelSet
from emoscope.models import catalog
from emoscope.models.metadata import ModelMetadata
from emoscope.models.session import Session
from emoscope.results import FaceEmotion, Scores, VoiceEmotion
from emoscope.voice.recognise import VoiceRecogniser

FACE, VOICE, SPACE = 3, 5, 2
RNG = np.random.default_rng(0)
CONSTANTS = {
    "face_map": RNG.normal(size=(FACE, VOICE)),
    "face_head": RNG.normal(size=(VOICE, 8)),
    "face_space": RNG.normal(size=(FACE, SPACE)),
    "voice_map": RNG.normal(size=(VOICE, FACE)),
    "voice_head": RNG.normal(size=(FACE, 7)),
    "voice_space": RNG.normal(size=(VOICE, SPACE)),
}
SPACES: dict[str, Any] = {
    "face": {"model": "emoscope-face@1", "width": FACE, "labels": list(SHARED)},
    "voice": {"model": "emoscope-voice@1", "width": VOICE, "labels": list(VOICE_LABELS.names)},
}
IN_USE = {"face": "emoscope-face@1", "voice": "emoscope-voice@1"}


def build(path: Path, spaces: object = SPACES, *, drop: str = "", input_width: int = FACE) -> Path:
    """A translation of one matrix each way."""
    node, value = helper.make_node, helper.make_tensor_value_info
    nodes, outputs = [], []
    for source, target, rows, width, labels in (
        ("face", "voice", "n", VOICE, 8),
        ("voice", "face", "m", FACE, 7),
    ):
        way = f"{source}_to_{target}"
        nodes += [
            node("MatMul", [source, f"{source}_map"], [way]),
            node("MatMul", [way, f"{source}_head"], [f"{way}_logits"]),
            node("Softmax", [f"{way}_logits"], [f"{way}_probs"], axis=1),
            node("MatMul", [source, f"{source}_space"], [f"{source}_plain"]),
            node("LpNormalization", [f"{source}_plain"], [f"{source}_shared"], axis=1),
        ]
        widths = {way: width, f"{way}_probs": labels, f"{source}_shared": SPACE}
        outputs += [value(k, TensorProto.FLOAT, [rows, w]) for k, w in widths.items() if k != drop]
    inputs = [
        value("face", TensorProto.FLOAT, ["n", input_width]),
        value("voice", TensorProto.FLOAT, ["m", VOICE]),
    ]
    arrays = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in CONSTANTS.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    stated = {"name": "face", "dtype": "float32", "shape": ["n", input_width], "spaces": spaces}
    metadata = ModelMetadata(
        name="tiny-translation",
        version="7",
        role="translation",
        labels=LabelSet(SHARED),
        input=stated,
        preprocessing="none",
        calibration={},
        corpus="none",
        split="none",
        metrics={},
        licence="MIT",
    )
    helper.set_model_props(model, metadata.to_props())
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def translator(tmp_path: Path) -> Translator:
    return Translator(build(tmp_path / "t.onnx"), **IN_USE, threads=1)


def rows(n: int, width: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, width)).astype(np.float32)


@pytest.mark.parametrize("to", ["voice", "face"])
def test_translates_as_the_graph_says(translator: Translator, to: Any) -> None:
    source = "face" if to == "voice" else "voice"
    given = rows(4, FACE if source == "face" else VOICE)
    made, probs = translator.translate(given, to)
    wanted = given @ CONSTANTS[f"{source}_map"]
    logits = wanted @ CONSTANTS[f"{source}_head"]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert made.dtype == probs.dtype == np.float32
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(probs, shares, rtol=1e-4, atol=1e-5)


def test_both_modalities_lie_in_one_space(translator: Translator) -> None:
    face = translator.shared(rows(3, FACE), "face")
    voice = translator.shared(rows(2, VOICE), "voice")
    assert (face @ voice.T).shape == (3, 2)
    for found in (face, voice):
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)


def test_no_rows_give_no_rows_of_the_right_width(translator: Translator) -> None:
    made, probs = translator.translate(np.zeros((0, FACE), np.float32), "voice")
    assert (made.shape, probs.shape) == ((0, VOICE), (0, 8))
    assert translator.shared(np.zeros((0, VOICE), np.float32), "voice").shape == (0, SPACE)


def test_many_rows_are_read_in_pieces(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = rows(7, FACE)
    whole, _ = translator.translate(given, "voice")
    monkeypatch.setattr(translate, "ROWS", 3)
    pieces, _ = translator.translate(given, "voice")
    np.testing.assert_allclose(pieces, whole, rtol=1e-6)
    assert len(pieces) == 7


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((2, VOICE), np.float32), r"\(n, 3\) of emoscope-face@1, got float32 \(2, 5\)"),
        (np.zeros((2, FACE)), "got float64"),
        (np.zeros(FACE, np.float32), r"got float32 \(3,\)"),
        (np.full((1, FACE), np.nan, np.float32), "finite"),
    ],
)
def test_what_is_no_embedding_is_refused(translator: Translator, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        translator.translate(given, "voice")


def test_an_unknown_modality_is_refused(translator: Translator) -> None:
    with pytest.raises(ValueError, match="expected face or voice, got 'words'"):
        translator.translate(rows(1, FACE), "words")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected face or voice"):
        translator.shared(rows(1, FACE), "words")  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", [{"face": "emoscope-face@2"}, {"voice": "another-voice@1"}])
def test_other_models_than_it_was_trained_on_are_refused(
    tmp_path: Path, changed: dict[str, str]
) -> None:
    path = build(tmp_path / "t.onnx")
    [(modality, used)] = changed.items()
    with pytest.raises(ModelIntegrityError) as caught:
        Translator(path, **{**IN_USE, **changed})
    text = str(caught.value)
    assert IN_USE[modality] in text
    assert used in text
    assert "\n" not in text


def test_by_default_the_models_that_ship_are_in_use(tmp_path: Path) -> None:
    shipped = catalog.find("emoscope-face").at_version
    spaces = {
        "face": {**SPACES["face"], "model": shipped},
        "voice": {**SPACES["voice"], "model": "emoscope-voice@0-old"},
    }
    with pytest.raises(ModelIntegrityError, match="of emoscope-voice@0-old, not of emoscope-voice"):
        Translator(build(tmp_path / "t.onnx", spaces))


def test_another_role_is_refused(tmp_path: Path, tiny_face_model: Callable[..., Path]) -> None:
    path = tiny_face_model(tmp_path / "face.onnx")
    with pytest.raises(ModelError, match="is a face model, where a translation model is needed"):
        Translator(path)


def space(**changed: object) -> dict[str, Any]:
    return {**SPACES, "voice": {**SPACES["voice"], **changed}}


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        (None, "must state spaces of face and voice"),
        ({"face": SPACES["face"]}, "must state spaces of face and voice"),
        ({**SPACES, "voice": 3}, "space of voice is no mapping"),
        (space(model="emoscope-voice"), "must name a model as name@version"),
        (space(model="@1"), "must name a model as name@version"),
        (space(width=True), "width above 0"),
        (space(width=0), "width above 0"),
        (space(labels="angry"), "no list of labels"),
        (space(labels=["angry", "glee"]), "unknown labels"),
        (space(width=VOICE + 1), "the graph has"),
        (space(labels=list(SHARED)), "'face_to_voice_probs': 7.* the graph has"),
    ],
)
def test_a_file_that_misstates_its_spaces_is_refused(
    tmp_path: Path, spaces: object, message: str
) -> None:
    with pytest.raises(ModelIntegrityError, match=message):
        Session(build(tmp_path / "t.onnx", spaces))


@pytest.mark.parametrize("drop", ["face_to_voice", "voice_to_face_probs", "voice_shared"])
def test_a_graph_without_an_output_is_refused(tmp_path: Path, drop: str) -> None:
    with pytest.raises(ModelIntegrityError, match="expected outputs"):
        Session(build(tmp_path / "t.onnx", drop=drop))


def test_a_further_input_is_refused(tmp_path: Path) -> None:
    path = build(tmp_path / "t.onnx")
    model = onnx.load(path)
    extra = helper.make_tensor_value_info("words", TensorProto.FLOAT, ["n", 2])
    model.graph.input.append(extra)
    with pytest.raises(ModelIntegrityError, match="'words'"):
        Session(model.SerializeToString())


def test_a_reading_is_flagged_and_is_none_of_what_is_fused(translator: Translator) -> None:
    given = rows(1, FACE)
    reading = translator.reading(1.25, given[0], "voice", min_confidence=0.9)
    _, probs = translator.translate(given, "voice")
    assert reading.translated
    assert not isinstance(reading, FaceEmotion | VoiceEmotion)
    assert (reading.source, reading.to) == ("face", "voice")
    assert reading.scores.labels == VOICE_LABELS.names
    np.testing.assert_allclose(reading.scores.probabilities, probs[0], atol=1e-6)
    document = reading.to_dict()
    assert document["translated"] is True
    assert document["model"] == "tiny-translation@7"
    assert document["time_s"] == 1.25
    assert document["top"] == reading.scores.top


@pytest.mark.parametrize(
    ("time_s", "source", "to"),
    [(-1.0, "face", "voice"), (float("nan"), "face", "voice"), (0.0, "face", "face")],
)
def test_impossible_readings_are_refused(time_s: float, source: Any, to: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        TranslatedReading(time_s, source, to, Scores(("happy",), (1.0,)), "t@1")


def test_only_the_side_that_is_missing_is_translated() -> None:
    assert missing_side(face_seen=True, speaking=False) == "voice"
    assert missing_side(face_seen=False, speaking=True) == "face"
    assert missing_side(face_seen=True, speaking=True) is None
    assert missing_side(face_seen=False, speaking=False) is None


def test_the_translation_that_ships_belongs_to_the_models_that_ship() -> None:
    face, voice = FaceRecogniser(threads=1), VoiceRecogniser(threads=1)
    shipped = Translator(face=face.name, voice=voice.name, threads=1)
    assert shipped.spaces["face"].labels == face.labels
    assert shipped.spaces["voice"].labels == voice.labels
    crop = np.random.default_rng(0).integers(0, 256, (2, 48, 48), dtype=np.uint8)
    made, probs = shipped.translate(face.read(crop)[1], "voice")
    heard = voice.read([np.zeros(16_000, np.float32)])
    assert made.shape[1:] == heard[1].shape[1:]
    assert probs.shape[1:] == heard[0].shape[1:]
    back, answer = shipped.translate(heard[1], "face")
    assert back.shape == (1, face.read(crop)[1].shape[1])
    assert answer.shape == (1, len(face.labels))
