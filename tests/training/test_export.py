from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")

from emoscope.errors import ModelIntegrityError  # noqa: E402
from emoscope.face.recognise import FaceRecogniser  # noqa: E402
from emoscope.labels import SHARED_LABELS, VOICE_LABELS  # noqa: E402
from emoscope.models.load import load  # noqa: E402
from emoscope.models.metadata import ModelMetadata  # noqa: E402
from emoscope.training import export  # noqa: E402
from emoscope.training.nets.face import FaceNet  # noqa: E402
from emoscope.training.nets.voice import VoiceNet  # noqa: E402
from emoscope.training.recipes.emoscope_face import EmoscopeFace  # noqa: E402
from emoscope.training.recipes.emoscope_voice import EmoscopeVoice  # noqa: E402
from emoscope.voice.recognise import VoiceRecogniser  # noqa: E402

HEAT = 1.7
LABEL_HEAT = 0.6


def described(role: str) -> ModelMetadata:
    face = role == "face"
    return ModelMetadata(
        name=f"tiny-{role}",
        version="1",
        role=role,
        labels=SHARED_LABELS if face else VOICE_LABELS,
        input=(EmoscopeFace() if face else EmoscopeVoice()).input,
        preprocessing="inside",
        calibration={"temperature": HEAT},
        corpus="none",
        split="none",
        metrics={},
        licence="MIT",
    )


def stir(network: torch.nn.Module) -> None:
    """Norms as after training, and heads that answer loudly, so that faults show."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    for name, parameter in network.named_parameters():
        if "head" in name:
            parameter.data.normal_(0, 1.0, generator=generator)
        elif parameter.ndim > 1:
            parameter.data.mul_(1.7)  # as drawn, every input comes out nearly the same


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> tuple[FaceNet, Path]:
    torch.manual_seed(0)
    network = FaceNet(widths=(8, 8, 12, 16))
    stir(network)
    network.label_temperature.fill_(LABEL_HEAT)
    path = tmp_path_factory.mktemp("face") / "model.onnx"
    export.export_face(network, HEAT, described("face"), path)
    return network, path


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> tuple[VoiceNet, Path]:
    torch.manual_seed(0)
    network = VoiceNet(readers=2, hidden=8, narrow=4)
    stir(network)
    generator = torch.Generator().manual_seed(1)
    for name, value in network.front.named_buffers():
        if name.endswith("whole"):
            value.copy_(torch.randint(-127, 128, value.shape, generator=generator))
        elif name.endswith("factor"):
            value.fill_(0.0005)
    path = tmp_path_factory.mktemp("voice") / "model.onnx"
    export.export_voice(network, HEAT, described("voice"), path)
    return network, path


def test_a_face_file_answers_as_its_network(face: tuple[FaceNet, Path]) -> None:
    network, path = face
    recogniser = FaceRecogniser(path)
    rng = np.random.default_rng(8)
    patches = rng.integers(0, 256, (70, 4, 4), dtype=np.uint8)
    crops = patches.repeat(12, axis=1).repeat(12, axis=2)
    crops[0] = 0  # no picture has less contrast
    probs, embedding = recogniser.read(crops)
    fer2013 = recogniser.read_fer2013(crops)
    with torch.inference_mode():
        wanted = network.eval().embed(torch.from_numpy(crops)).numpy()

    def answer(head: torch.nn.Linear, heat: float) -> np.ndarray:
        weight, bias = head.weight.detach().numpy(), head.bias.detach().numpy()
        raised = np.exp((wanted @ weight[:7].T + bias[:7]) / heat)  # without contempt
        return raised / raised.sum(1, keepdims=True)

    assert recogniser.crop_size == 48
    assert np.abs(probs - answer(network.vote_head, HEAT)).max() < 1e-4
    assert np.abs(fer2013 - answer(network.label_head, LABEL_HEAT)).max() < 1e-4
    assert np.abs(embedding - wanted).max() < 1e-4
    for found in (probs, fer2013):
        assert np.ptp(found, axis=0).max() > 0.01, "one answer to everything would hide a fault"
    assert np.abs(probs - fer2013).max() > 0.1


def test_a_network_without_a_label_answer_has_two_outputs() -> None:
    class Plain(torch.nn.Module):
        def embed(self, crops: torch.Tensor) -> torch.Tensor:
            return crops.float().mean(2)

        def answer(self, embedding: torch.Tensor) -> torch.Tensor:
            return embedding[:, :3]

    model = export._CalibratedFace(Plain(), HEAT)
    assert model.outputs == ("probs", "embedding")
    assert len(model(torch.zeros(2, 6, 6))) == 2


def test_what_half_precision_holds_is_stored_so_without_loss(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = FaceNet(widths=(16, 32, 32, 48))
    stir(network)
    files = []
    for name in ("whole", "half"):
        files.append(tmp_path / f"{name}.onnx")
        difference = export.export_face(network.eval(), HEAT, described("face"), files[-1])
        assert difference < 1e-4
        kinds = {tensor.data_type for tensor in onnx.load(files[-1]).graph.initializer}
        assert (onnx.TensorProto.FLOAT16 in kinds) == (name == "half")
        export.round_to_half(network)
    crops = np.random.default_rng(0).integers(0, 256, (4, 48, 48), dtype=np.uint8)
    with torch.inference_mode():
        logits = network.answer(network.embed(torch.from_numpy(crops)))
    wanted = torch.softmax(logits / HEAT, 1).numpy()
    assert np.abs(FaceRecogniser(files[1]).read(crops)[0] - wanted).max() < 1e-5
    assert files[1].stat().st_size < files[0].stat().st_size


def test_limits_are_constants_of_a_known_type(face: tuple[FaceNet, Path]) -> None:
    # Only then does onnxruntime take Clip into the convolution before it.
    assert "CastLike" not in {node.op_type for node in onnx.load(face[1]).graph.node}


def test_a_voice_file_answers_as_its_network(voice: tuple[VoiceNet, Path]) -> None:
    network, path = voice
    rng = np.random.default_rng(8)
    waveforms = [
        np.sin(np.arange(length) * rng.uniform(0.05, 2.5)).astype(np.float32)
        for length in (1, 159, 160, 161, 7_777, 9_000, 16_000, 50_001)
    ]
    waveforms.append(np.zeros(4000, np.float32))
    probs, _ = VoiceRecogniser(path).read(waveforms)
    assert np.isfinite(probs).all()
    assert np.allclose(probs.sum(1), 1, atol=1e-5)
    for row, waveform in zip(probs, waveforms, strict=True):
        with torch.inference_mode():
            front = network.front(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))
            logits = network.answer(network.embed(*front))
        assert np.abs(row - torch.softmax(logits / HEAT, 1).numpy()).max() < 1e-4
    assert np.ptp(probs, axis=0).max() > 0.01, "one answer to everything would hide a fault"


def test_padding_is_no_cue(voice: tuple[VoiceNet, Path]) -> None:
    session = load(voice[1], role="voice")
    rng = np.random.default_rng(0)
    waveform = (rng.standard_normal((1, 9_000)) * 0.1).astype(np.float32)
    lengths = np.array([9_000], np.int64)
    alone = session.run({"waveform": waveform, "lengths": lengths})
    for extra in (1, 160, 40_000):
        padded = np.pad(waveform, ((0, 0), (0, extra)))
        got = session.run({"waveform": padded, "lengths": lengths})
        assert np.abs(got["probs"] - alone["probs"]).max() < 1e-5


def test_a_network_that_padding_would_mislead_reads_one_at_a_time(
    voice: tuple[VoiceNet, Path], tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    one = dataclasses.replace(
        described("voice"), input={**described("voice").input, "shape": [1, "time"]}
    )
    export.export_voice(voice[0], HEAT, one, path, one_by_one=True)
    session = load(path, role="voice")
    assert session.input_shape("waveform") == (1, None)
    waveform = np.sin(np.arange(5_000) / 9.0).astype(np.float32)[None]
    lengths = np.array([5_000], np.int64)
    both = [
        found.run({"waveform": waveform, "lengths": lengths})["probs"]
        for found in (session, load(voice[1], role="voice"))
    ]
    assert np.abs(both[0] - both[1]).max() < 1e-5


def test_files_are_small_sound_and_say_nothing_of_the_machine(
    face: tuple[FaceNet, Path], voice: tuple[VoiceNet, Path]
) -> None:
    here = Path(export.__file__).resolve().parents[3]
    for _, path in (face, voice):
        onnx.checker.check_model(onnx.load(path), full_check=True)
        assert str(here).encode() not in path.read_bytes()
        assert b"site-packages" not in path.read_bytes()
        assert onnx.load(path).opset_import[0].version >= 17
        assert [item.name for item in path.parent.iterdir()] == ["model.onnx"]
    assert load(face[1]).metadata == described("face")


def test_a_wrong_export_is_refused_and_leaves_nothing(
    face: tuple[FaceNet, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, path = face
    graph = onnx.load(path)
    # The file of one network offered for another: the next temperature.
    monkeypatch.setattr(export, "_graph", lambda *_: graph)
    with pytest.raises(ModelIntegrityError, match="differs from the network"):
        export.export_face(network, HEAT + 1, described("face"), tmp_path / "model.onnx")
    other = copy.deepcopy(network)
    other.label_temperature.fill_(LABEL_HEAT + 1)
    with pytest.raises(ModelIntegrityError, match="differs from the network"):
        export.export_face(other, HEAT, described("face"), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_metadata_that_does_not_fit_is_refused(face: tuple[FaceNet, Path], tmp_path: Path) -> None:
    copy = tmp_path / "model.onnx"
    copy.write_bytes(face[1].read_bytes())
    wrong = dataclasses.replace(described("face"), labels=VOICE_LABELS)
    with pytest.raises(ModelIntegrityError, match="8 labels, the graph 7"):
        export.write_metadata(copy, wrong)
    assert copy.read_bytes() == face[1].read_bytes()
    export.write_metadata(copy, dataclasses.replace(described("face"), metrics={"n": 3}))
    assert load(copy).metadata.metrics == {"n": 3}


def test_a_temperature_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="above 0"):
        export.export_face(FaceNet(widths=(4, 4)), 0.0, described("face"), tmp_path / "m.onnx")
