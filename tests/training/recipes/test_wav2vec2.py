from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from emoscope.errors import ModelError, ModelIntegrityError, ModelUnavailableError  # noqa: E402
from emoscope.labels import LabelSet  # noqa: E402
from emoscope.models.metadata import ModelMetadata  # noqa: E402
from emoscope.training.calibration import softmax  # noqa: E402
from emoscope.training.datasets.corpora import Clip, SpeechCorpus  # noqa: E402
from emoscope.training.nets import wav2vec2 as nets  # noqa: E402
from emoscope.training.recipe import Settings  # noqa: E402
from emoscope.training.recipes import load_recipe  # noqa: E402
from emoscope.training.recipes.wav2vec2 import Wav2Vec2  # noqa: E402
from emoscope.training.voice_recipe import TrainedVoice, pad  # noqa: E402
from emoscope.voice.recognise import VoiceRecogniser  # noqa: E402

LABELS = LabelSet(("angry", "happy", "sad"))
HEAT = 1.4
TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
LAYER_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}


def save(folder: Path, kind: str = "wav2vec2", **config: Any) -> str:
    """A tiny random encoder as a checkpoint's folder."""
    torch.manual_seed(3)
    described = transformers.AutoConfig.for_model(kind, **{**TINY, **config})
    transformers.AutoModel.from_config(described).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save(tmp_path_factory.mktemp("grouped"))


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save(tmp_path_factory.mktemp("layered"), **LAYER_NORM)


def corpus(*lengths: int) -> SpeechCorpus:
    rng = np.random.default_rng(0)
    waveforms = tuple((0.1 * rng.standard_normal(n)).astype(np.float32) for n in lengths)
    clips = [
        Clip(Path(f"{i}.wav"), "noise", str(i % 2), LABELS.names[i % len(LABELS)])
        for i in range(len(lengths))
    ]
    extents = np.array([(0, n) for n in lengths], np.int64)
    return SpeechCorpus(tuple(clips), waveforms, extents, LABELS)


ITEMS = corpus(9_000, 4_000, 300, 16_000, 1, 7_000, 12_000, 399)


def train(run: Path, **settings: Any) -> TrainedVoice:
    wanted = Settings(batch_size=4, accelerator="cpu", threads=1, **settings)
    trained = load_recipe("wav2vec2").train(ITEMS, ITEMS.take(slice(3)), LABELS, run, wanted)
    assert isinstance(trained, TrainedVoice)
    return trained


def described() -> ModelMetadata:
    recipe = load_recipe("wav2vec2")
    return ModelMetadata(
        name=recipe.name,
        version="1",
        role=recipe.role,
        labels=LABELS,
        input=recipe.input,
        preprocessing=recipe.preprocessing,
        calibration={"temperature": HEAT},
        corpus="noise",
        split="none",
        metrics={},
        licence="MIT",
    )


def test_levels_are_those_of_transformers() -> None:
    waveforms = [ITEMS.waveforms[i] * 3 + 0.2 for i in (0, 1, 3)]
    extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    wanted = extractor(waveforms, sampling_rate=16_000, padding=True, return_tensors="pt")
    front = nets.Level(normalised=True, shortest=400)
    values, lengths = front(*pad(waveforms))
    np.testing.assert_allclose(values, wanted["input_values"], atol=1e-5)
    assert lengths.tolist() == [9_000, 4_000, 16_000]


def test_what_lies_beyond_the_length_is_not_heard() -> None:
    waveform, lengths = pad([ITEMS.waveforms[0], ITEMS.waveforms[1]])
    front = nets.Level(normalised=True, shortest=400)
    clean, _ = front(waveform, lengths)
    waveform[1, 4_000:] = 7.0
    np.testing.assert_array_equal(front(waveform, lengths)[0], clean)


def test_short_waveforms_are_lengthened() -> None:
    front = nets.Level(normalised=False, shortest=720)
    values, lengths = front(*pad([np.ones(3, np.float32)]))
    assert values.shape == (1, 720)
    assert values.sum() == 3
    assert lengths.tolist() == [720]


def test_frames_are_counted_as_the_encoder_makes_them(grouped: str) -> None:
    encoder = nets.load(grouped)
    for samples in (encoder.shortest, 1_000, 9_001, 16_000):
        with torch.no_grad():
            hidden = encoder.module(torch.zeros(1, samples)).last_hidden_state
        assert encoder.frames(torch.tensor(samples)) == hidden.shape[1]
    assert encoder.frames(torch.tensor(encoder.shortest)) == 2
    assert encoder.frames(torch.tensor(encoder.shortest - 1)) == 1


def embeddings(network: nets.SpeechEncoderNet, waveforms: list[np.ndarray]) -> np.ndarray:
    with torch.no_grad():
        found: np.ndarray = network.embed(*network.front(*pad(waveforms))).numpy()
    return found


def test_padding_changes_nothing_under_layer_norm(layered: str) -> None:
    network = nets.SpeechEncoderNet(nets.load(layered), 3).eval()
    waveforms = [ITEMS.waveforms[i] for i in (0, 1, 2, 3, 4)]
    alone = np.concatenate([embeddings(network, [waveform]) for waveform in waveforms])
    np.testing.assert_allclose(embeddings(network, waveforms), alone, atol=1e-5)
    assert np.ptp(alone, axis=0).max() > 1e-3  # and they do differ


def test_an_encoder_with_group_norm_gets_no_mask(grouped: str, layered: str) -> None:
    assert not nets.load(grouped).masked
    assert nets.load(layered).masked


def test_the_checkpoint_says_how_waveforms_are_prepared(tmp_path: Path) -> None:
    folder = save(tmp_path, **LAYER_NORM)
    said = {"do_normalize": False, "return_attention_mask": False}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    encoder = nets.load(folder)
    assert not encoder.normalised
    assert not encoder.masked


def test_a_recogniser_of_speech_gives_its_encoder(tmp_path: Path) -> None:
    config = transformers.Wav2Vec2Config(**TINY, vocab_size=32)
    whole = transformers.Wav2Vec2ForCTC(config)
    whole.half().save_pretrained(tmp_path)
    kept = nets.load(str(tmp_path)).module.state_dict()
    for name, value in whole.wav2vec2.state_dict().items():
        assert kept[name].dtype == torch.float32
        torch.testing.assert_close(kept[name], value.float())


def spoil(checkpoint: Path, **changes: Any) -> None:
    config = checkpoint / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))


def pickled(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    torch.save({}, checkpoint / "pytorch_model.bin")


def cut(checkpoint: Path) -> None:
    file = checkpoint / "model.safetensors"
    file.write_bytes(file.read_bytes()[:3_000])


def coded(checkpoint: Path) -> None:
    (checkpoint / "mine.py").write_text("raise SystemExit('run')")
    spoil(checkpoint, model_type="mine", auto_map={"AutoConfig": "mine.A", "AutoModel": "mine.B"})


@pytest.mark.parametrize(
    ("harm", "error", "message"),
    [
        (pickled, ModelUnavailableError, r"no model\.safetensors there\); name a folder"),
        (cut, ModelUnavailableError, "no pretrained weights .* --checkpoint.* --from-scratch"),
        (coded, ModelUnavailableError, "no pretrained weights"),
        (lambda c: spoil(c, num_hidden_layers=2), ModelIntegrityError, "lack encoder.layers.1"),
        (lambda c: spoil(c, model_type="whisper"), ModelError, r"of type whisper; .* \(wav2vec2, "),
        (lambda c: spoil(c, model_type="bert"), ModelError, "a model of type bert; this recipe"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(
    tmp_path: Path, harm: Callable[[Path], None], error: type[Exception], message: str
) -> None:
    save(tmp_path)
    harm(tmp_path)
    with pytest.raises(error, match=message) as caught:
        nets.load(str(tmp_path))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_an_adapter_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path, add_adapter=True)
    with pytest.raises(ModelError, match=r"expected \(1, 49, 16\); take an encoder without"):
        nets.load(folder)


def test_what_no_onnx_file_holds_is_refused(grouped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nets, "MAX_BYTES", 20_000)
    with pytest.raises(ModelError, match="million weights are too many for one ONNX file"):
        nets.load(grouped)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("somebody/encoder", "not on this machine, and EMOSCOPE_OFFLINE forbids the network"),
        ("/nowhere/encoder", "no such folder"),
    ],
)
def test_weights_that_are_not_there(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(ModelUnavailableError, match=rf"{name}: .*{reason}.*--checkpoint"):
        train(tmp_path, checkpoint=name)


def learning(network: nets.SpeechEncoderNet) -> set[str]:
    """Parts of the encoder that learn."""
    named = network.encoder.named_parameters()
    return {name.split(".")[0] for name, value in named if value.requires_grad}


def test_the_transformer_learns_from_the_second_epoch_on(grouped: str) -> None:
    recipe = Wav2Vec2()
    network = recipe.network(3, Settings(checkpoint=grouped))
    assert isinstance(network, nets.SpeechEncoderNet)
    recipe.begin_epoch(network.train(), 0, 3)
    assert learning(network) == set()
    assert not network.encoder.training  # no dropout in what does not learn
    recipe.begin_epoch(network.train(), 1, 3)
    assert learning(network) == {"feature_projection", "encoder"}
    assert network.encoder.training
    assert network.project.weight.requires_grad


def test_a_new_encoder_learns_at_once() -> None:
    recipe = Wav2Vec2()
    network = recipe.network(3, Settings(from_scratch=True))
    assert isinstance(network, nets.SpeechEncoderNet)
    recipe.begin_epoch(network, 0, 3)
    assert learning(network) == {"feature_extractor", "feature_projection", "encoder"}


def test_long_recordings_are_read_in_part() -> None:
    items = corpus(200_000, 5_000)
    rng = np.random.default_rng(0)
    recipe = Wav2Vec2()
    views = [recipe.augment(items, 0, rng) for _ in range(3)]
    assert {len(view) for view in views} == {80_000}
    assert not np.array_equal(views[0], views[1])
    np.testing.assert_array_equal(recipe.augment(items, 1, rng), items.speech(1))


def test_training_moves_what_may_learn_and_nothing_else(grouped: str, tmp_path: Path) -> None:
    trained = train(tmp_path, epochs=2, checkpoint=grouped, learning_rate=1e-2)
    before = nets.load(grouped).module.state_dict()
    network = trained.network
    assert isinstance(network, nets.SpeechEncoderNet)
    moved = {
        name.split(".")[0]
        for name, value in network.encoder.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert moved == {"feature_projection", "encoder"}


def test_answers_do_not_depend_on_the_neighbours(grouped: str, tmp_path: Path) -> None:
    trained = train(tmp_path, epochs=1, checkpoint=grouped)
    together = trained.logits(ITEMS)
    assert together.shape == (len(ITEMS), 3)
    one = trained.logits(ITEMS.take(np.array([2])))
    np.testing.assert_allclose(one[0], together[2], atol=1e-6)


def check_export(trained: TrainedVoice, folder: Path) -> None:
    path = folder / "model.onnx"
    assert trained.export(HEAT, described(), path) < 1e-4
    recogniser = VoiceRecogniser(path, threads=1)
    probs, embedding = recogniser.read([ITEMS.speech(i) for i in range(len(ITEMS))])
    np.testing.assert_allclose(probs, softmax(trained.logits(ITEMS) / HEAT), atol=1e-4)
    assert embedding.shape == (len(ITEMS), nets.EMBEDDING)
    assert np.isfinite(embedding).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", nets.KINDS)
def test_every_kind_trains_and_its_file_answers_alike(kind: str, tmp_path: Path) -> None:
    config = {"conv_pos_kernel_size": 5} if kind == "data2vec-audio" else {}
    checkpoint = save(tmp_path / "checkpoint", kind, **config)
    check_export(train(tmp_path / "run", epochs=1, checkpoint=checkpoint), tmp_path)


@pytest.mark.slow
def test_a_masked_encoder_is_exported(layered: str, tmp_path: Path) -> None:
    check_export(train(tmp_path / "run", epochs=1, checkpoint=layered), tmp_path)


@pytest.mark.slow
def test_a_new_encoder_is_exported(tmp_path: Path) -> None:
    check_export(train(tmp_path / "run", epochs=1, from_scratch=True), tmp_path)
