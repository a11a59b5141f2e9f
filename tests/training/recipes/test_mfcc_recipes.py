from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")

from emoscope.labels import LabelSet, plain_label  # noqa: E402
from emoscope.models.load import load  # noqa: E402
from emoscope.models.metadata import ModelMetadata  # noqa: E402
from emoscope.training.datasets.corpora import Clip, SpeechCorpus, label_set_of  # noqa: E402
from emoscope.training.recipe import Recipe, Settings  # noqa: E402
from emoscope.training.recipes import load_recipe  # noqa: E402
from emoscope.training.voice_recipe import TrainedVoice  # noqa: E402

NAMES = ("mfcc-dnn", "mfcc-conv1d", "mfcc-delta-cnn")
EMOTIONS = ("angry", "happy", "sad")


def corpus(name: str = "tess", clips: int = 18) -> SpeechCorpus:
    """Two voices; each emotion is a pitch that rises or falls."""
    rng = np.random.default_rng(0)
    made, waveforms = [], []
    for number in range(clips):
        label, speaker = EMOTIONS[number % 3], ("OAF", "YAF")[number // 3 % 2]
        time = np.arange(6_000 + 1_500 * (number % 7)) / 16_000
        hz = 200 * (1 + EMOTIONS.index(label)) + 150 * time * (1 if speaker == "OAF" else -1)
        voice = np.sin(2 * np.pi * hz * time) + 0.1 * rng.standard_normal(len(time))
        waveforms.append((0.2 * voice).astype(np.float32))
        made.append(Clip(Path(f"{speaker}_{label}/{number}.wav"), name, speaker, label))
    extents = np.array([[100, len(w) - 100] for w in waveforms], np.int64)
    return SpeechCorpus(tuple(made), tuple(waveforms), extents, label_set_of(list(EMOTIONS)))


@dataclass(frozen=True)
class Made:
    recipe: Recipe[SpeechCorpus]
    trained: TrainedVoice
    learn: SpeechCorpus
    held: SpeechCorpus
    path: Path
    difference: float


@pytest.fixture(scope="module", params=NAMES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A recipe trained for two epochs and exported."""
    folder = tmp_path_factory.mktemp(request.param)
    recipe = load_recipe(request.param)
    items = recipe.prepare(corpus(), "random")
    learn, held = items.take(np.arange(12)), items.take(np.arange(12, 18))
    settings = Settings(epochs=2, batch_size=4, accelerator="cpu", threads=1)
    trained = recipe.train(learn, held, items.label_set, folder, settings)
    path = folder / "model.onnx"
    difference = trained.export(1.3, described(recipe, items.label_set), path)
    return Made(recipe, trained, learn, held, path, difference)


def described(recipe: Recipe[SpeechCorpus], labels: LabelSet) -> ModelMetadata:
    return ModelMetadata(
        name=recipe.name,
        version="1",
        role=recipe.role,
        labels=labels,
        input=recipe.input,
        preprocessing=recipe.preprocessing,
        calibration={"temperature": 1.3},
        corpus="none",
        split="none",
        metrics={},
        licence="MIT",
    )


def probabilities(logits: np.ndarray) -> np.ndarray:
    return torch.softmax(torch.from_numpy(logits) / 1.3, 1).numpy()


def test_a_file_answers_as_its_network(made: Made) -> None:
    assert made.difference < 1e-4
    session = load(made.path, role="voice")
    wanted = probabilities(made.trained.logits(made.held))
    for row in range(len(made.held)):
        speech = made.held.speech(row)
        alone = session.run({"waveform": speech[None], "lengths": np.array([len(speech)])})
        assert np.abs(alone["probs"][0] - wanted[row]).max() < 1e-4
    assert np.ptp(wanted, axis=0).max() > 1e-3, "one answer to everything would hide a fault"


def test_padding_is_no_cue(made: Made) -> None:
    session = load(made.path, role="voice")
    clips = [made.held.speech(row) for row in range(4)]
    clips += [np.zeros(5_000, np.float32), np.full(1, 0.1, np.float32)]
    lengths = np.array([len(clip) for clip in clips])
    waveform = np.stack([np.pad(clip, (0, 70_000 - len(clip))) for clip in clips])
    together = session.run({"waveform": waveform, "lengths": lengths})
    assert np.isfinite(together["probs"]).all()
    for row, clip in enumerate(clips):
        alone = session.run({"waveform": clip[None], "lengths": lengths[row : row + 1]})
        for key in ("probs", "embedding"):
            assert np.abs(alone[key][0] - together[key][row]).max() < 1e-4


def test_files_are_small(made: Made) -> None:
    network = sum(p.numel() * 4 for p in made.trained.network.parameters())
    assert made.path.stat().st_size < network + 1_000_000
    assert made.path.stat().st_size < 2_000_000 or made.recipe.name == "mfcc-conv1d"


def test_features_are_standardised_by_what_was_learnt_from(made: Made) -> None:
    front = made.trained.network.get_submodule("front")
    rows = [front(torch.from_numpy(w)[None], torch.tensor([len(w)]))[0] for w in speech(made.learn)]
    features = made.trained.network.get_submodule("embed.0")(torch.cat(rows))
    features = features.transpose(0, 1).flatten(1)
    assert features.mean(1).abs().max() < 0.05
    assert (features.std(1, correction=0) - 1).abs().max() < 0.05


def speech(items: SpeechCorpus) -> list[np.ndarray]:
    return [items.speech(row) for row in range(len(items))]


@pytest.mark.parametrize("name", NAMES)
def test_two_trainings_of_one_seed_are_one(name: str, tmp_path: Path) -> None:
    items = load_recipe(name).prepare(corpus(), "random")
    settings = Settings(epochs=2, batch_size=6, seed=3, accelerator="cpu", threads=1)
    first, again = (
        load_recipe(name).train(items, items, items.label_set, tmp_path / part, settings)
        for part in ("first", "again")
    )
    assert np.array_equal(first.logits(items), again.logits(items))


def test_the_dense_network_learns(tmp_path: Path) -> None:
    items = corpus(clips=36)
    recipe = load_recipe("mfcc-dnn")
    settings = Settings(epochs=30, batch_size=12, accelerator="cpu", threads=1)
    trained = recipe.train(items, items, items.label_set, tmp_path, settings)
    assert np.mean(trained.logits(items).argmax(1) == items.labels) > 0.9


def test_the_published_network_has_481518_parameters() -> None:
    network = load_recipe("mfcc-conv1d").network(14, Settings())
    assert sum(p.numel() for p in network.parameters()) == 481_518
    features = network.front(torch.zeros(2, 16_000), torch.tensor([16_000, 300]))
    embedding = network.embed.eval()(*features)
    assert embedding.shape == (2, 128)
    assert network.answer(embedding).shape == (2, 14)


def test_frames_lie_one_after_the_other_in_a_row() -> None:
    network = load_recipe("mfcc-conv1d").network(14, Settings())
    features = torch.arange(2 * 40 * 60.0).reshape(2, 40, 60)
    row = network.embed[1](features)
    assert row.shape == (2, 1, 2400)
    assert torch.equal(row[1, 0, 80:120], features[1, :, 2])


def test_tess_has_a_class_for_each_voice_and_emotion() -> None:
    recipe = load_recipe("mfcc-conv1d")
    items = recipe.prepare(corpus("tess"), "random")
    assert items.label_set.names == tuple(f"{s}/{e}" for s in ("OAF", "YAF") for e in EMOTIONS)
    assert [plain_label(clip.label) for clip in items.clips] == [
        clip.label for clip in corpus("tess").clips
    ]
    assert recipe.prepare(corpus("ravdess"), "random").label_set.names == EMOTIONS
    mixed = SpeechCorpus.join([corpus("ravdess"), corpus("tess")])
    assert recipe.prepare(mixed, "random").label_set.names == EMOTIONS
    # A voice that is not learnt from has no label of its own to be answered with.
    assert recipe.prepare(corpus("tess"), "speakers").label_set.names == EMOTIONS
