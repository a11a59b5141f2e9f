from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("librosa", reason="librosa is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")

from emoscope.errors import DatasetError, MissingExtraError, ModelIntegrityError  # noqa: E402
from emoscope.labels import LabelSet  # noqa: E402
from emoscope.models.metadata import ModelMetadata  # noqa: E402
from emoscope.training import svm_export  # noqa: E402
from emoscope.training.calibration import softmax  # noqa: E402
from emoscope.training.datasets.corpora import Clip, SpeechCorpus  # noqa: E402
from emoscope.training.recipe import Settings  # noqa: E402
from emoscope.training.recipes import load_recipe, svm  # noqa: E402
from emoscope.voice.recognise import VoiceRecogniser  # noqa: E402

RATE = 16_000
LABELS = LabelSet(("angry", "sad", "happy"))
HEAT = 1.7
LEARNT = (0, 1, 3, 5, 6)


def clip(label: str, speaker: int, take: int) -> np.ndarray:
    """A third of a second: anger is high, sadness low and falling, happiness rises."""
    rng = np.random.default_rng([LABELS.index(label), speaker, take])
    time = np.arange(RATE // 3) / RATE
    start, slope = {"angry": (320.0, 0.0), "sad": (130.0, -1.0), "happy": (200.0, 1.0)}[label]
    hz = start * (1 + 0.04 * speaker) * 2 ** (slope * time)
    speech = 0.3 * ((np.cumsum(hz) / RATE) % 1 - 0.5) + 0.01 * rng.standard_normal(len(time))
    return np.pad(speech, 1000).astype(np.float32)


def corpus(speakers: Iterable[int], labels: LabelSet = LABELS, takes: int = 1) -> SpeechCorpus:
    made = [(n, s, t) for s in speakers for n in labels.names for t in range(takes)]
    waveforms = tuple(clip(*which) for which in made)
    return SpeechCorpus(
        tuple(Clip(Path(f"{s}/{n}{t}.wav"), "tones", str(s), n) for n, s, t in made),
        waveforms,
        np.array([(1000, len(w) - 1000) for w in waveforms], np.int64),
        labels,
    )


def train(items: SpeechCorpus, seed: int = 0) -> svm.TrainedSvm:
    settings = Settings(seed=seed)
    trained = load_recipe("svm").train(items, items, items.label_set, Path("unused"), settings)
    assert isinstance(trained, svm.TrainedSvm)
    return trained


def described(labels: LabelSet = LABELS) -> ModelMetadata:
    recipe = load_recipe("svm")
    return ModelMetadata(
        name=recipe.name,
        version="1",
        role=recipe.role,
        labels=labels,
        input=recipe.input,
        preprocessing=recipe.preprocessing,
        calibration={"temperature": HEAT},
        corpus="tones",
        split="none",
        metrics={},
        licence="MIT",
    )


@pytest.fixture(scope="module")
def trained() -> svm.TrainedSvm:
    return train(corpus(LEARNT))


@pytest.fixture(scope="module")
def strangers() -> SpeechCorpus:
    return corpus((2, 4))


@pytest.fixture
def path(trained: svm.TrainedSvm, tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    assert trained.export(HEAT, described(), path) < 1e-5
    return path


def test_it_learns_and_its_file_answers_alike(
    trained: svm.TrainedSvm, strangers: SpeechCorpus, path: Path
) -> None:
    logits = trained.logits(strangers)
    assert (logits.argmax(1) == strangers.labels).mean() > 0.8
    np.testing.assert_allclose(np.exp(logits).sum(1), 1, atol=1e-5)  # calibrated probabilities
    recogniser = VoiceRecogniser(path, threads=1)
    assert recogniser.labels == LABELS
    probs, embedding = recogniser.read([strangers.speech(i) for i in range(len(strangers))])
    np.testing.assert_allclose(probs, softmax(logits / HEAT), atol=1e-4)
    assert embedding.shape == (len(strangers), 66)


def test_the_embedding_is_standardised(path: Path) -> None:
    learnt = corpus(LEARNT)
    _, embedding = VoiceRecogniser(path, threads=1).read(
        [learnt.speech(i) for i in range(len(learnt))]
    )
    np.testing.assert_allclose(embedding.mean(0), 0, atol=1e-3)
    spread = embedding.std(0)
    np.testing.assert_allclose(spread[spread > 1e-3], 1, atol=1e-3)


def test_the_file_holds_no_label_and_no_map(path: Path) -> None:
    graph = onnx.load(path).graph
    assert [output.name for output in graph.output] == ["probs", "embedding"]
    assert not {"ZipMap", "ArgMax"} & {node.op_type for node in graph.node}


def test_two_labels_are_enough(tmp_path: Path) -> None:
    labels = LabelSet(("sad", "happy"))
    items = corpus(range(3), labels)
    made = train(items)
    path = tmp_path / "model.onnx"
    made.export(1.0, described(labels), path)
    probs, _ = VoiceRecogniser(path, threads=1).read([items.speech(0), items.speech(2)])
    np.testing.assert_allclose(probs, np.exp(made.logits(items.take(np.array([0, 2])))), atol=1e-4)


def test_the_same_seed_gives_the_same(trained: svm.TrainedSvm, strangers: SpeechCorpus) -> None:
    again = train(corpus(LEARNT))
    np.testing.assert_array_equal(again.logits(strangers), trained.logits(strangers))


def test_the_graph_divides_by_the_temperature(
    trained: svm.TrainedSvm, strangers: SpeechCorpus, tmp_path: Path
) -> None:
    one = [strangers.speech(0)]
    answers = {}
    for heat in (0.5, 4.0):
        trained.export(heat, described(), tmp_path / "model.onnx")
        answers[heat] = VoiceRecogniser(tmp_path / "model.onnx", threads=1).read(one)[0][0]
    assert answers[0.5].max() > answers[4.0].max()
    assert answers[0.5].argmax() == answers[4.0].argmax()


def test_a_file_that_differs_is_not_written(
    trained: svm.TrainedSvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = svm_export._graph

    def hotter(scaler: object, classifier: object, temperature: float) -> object:
        return real(scaler, classifier, temperature * 1.1)

    monkeypatch.setattr(svm_export, "_graph", hotter)
    with pytest.raises(ModelIntegrityError, match="differs from scikit-learn by 0"):
        trained.export(1.0, described(), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_temperature_of_zero_is_refused(trained: svm.TrainedSvm, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="above 0"):
        trained.export(0.0, described(), tmp_path / "model.onnx")


def test_no_speaker_is_on_both_sides_of_a_calibration_fold() -> None:
    items = corpus(range(7))
    folds = svm.calibration_folds(items.labels, items.speakers, seed=1)
    speakers = np.array(items.speakers)
    assert len(folds) == svm.FOLDS
    for rest, part in folds:
        assert not set(speakers[rest]) & set(speakers[part])
        assert set(items.labels[rest]) == {0, 1, 2}
    assert sorted(np.concatenate([part for _, part in folds])) == list(range(len(items)))


@pytest.mark.parametrize(
    "speakers",
    [("a",) * 12, ("a", "b", "c") * 4],  # one speaker; one label a speaker
)
def test_folds_are_mixed_where_speakers_cannot_be_kept_apart(speakers: tuple[str, ...]) -> None:
    labels = np.tile([0, 1, 2], 4)
    folds = svm.calibration_folds(labels, speakers, seed=0)
    assert len(folds) == 4  # as many as there are of each label
    for rest, part in folds:
        assert set(labels[rest]) == set(labels[part]) == {0, 1, 2}


def test_too_little_to_learn_from_is_told() -> None:
    alone = LabelSet(("sad",))
    with pytest.raises(DatasetError, match=r"tones: one label only \(sad\)"):
        train(corpus(range(2), alone))
    items = corpus(range(3), takes=2)
    few = items.take(np.array([*np.flatnonzero(items.labels != 2), 4]))
    with pytest.raises(DatasetError, match="1 recordings of happy to learn from"):
        train(few)


@pytest.mark.parametrize("module", ["skl2onnx", "librosa"])
def test_missing_packages_say_the_command(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"{module} is not installed; .*pip install"):
        train(corpus(range(2)))


def test_progress_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    svm.statistics_rows(corpus(range(1)), progress=True)
    shown = capsys.readouterr()
    assert "MFCC and pitch" in shown.err
    assert shown.out == ""
    svm.statistics_rows(corpus(range(1)))
    assert capsys.readouterr().err == ""
