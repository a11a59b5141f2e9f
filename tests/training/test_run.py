from __future__ import annotations

import csv
import errno
import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from emoscope.analyzer import Analyzer  # noqa: E402
from emoscope.errors import DatasetError, ModelError  # noqa: E402
from emoscope.labels import RAVDESS_LABELS, SHARED  # noqa: E402
from emoscope.models.load import load  # noqa: E402
from emoscope.models.metadata import ModelMetadata  # noqa: E402
from emoscope.training.datasets.corpora import FaceCorpus  # noqa: E402
from emoscope.training.evaluate import Evaluation  # noqa: E402
from emoscope.training.predictions import Predictions  # noqa: E402
from emoscope.training.recipe import Settings  # noqa: E402
from emoscope.training.run import Plan, load_items, train  # noqa: E402
from emoscope.training.splits import Fold  # noqa: E402

Build = Callable[..., Path]
QUICK = Settings(epochs=2, batch_size=8, accelerator="cpu", precision="32-true", threads=1)


def face_pictures(n: int, seed: int) -> list[tuple[str, object]]:
    """``n`` pictures of each emotion: stripes whose slant tells it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:48, :48]
    made = []
    for index, label in enumerate(SHARED):
        angle = math.pi * index / len(SHARED)
        for _ in range(n):
            wave = np.sin((x * math.cos(angle) + y * math.sin(angle)) / 2 + rng.uniform(0, 6))
            noise = rng.normal(0, 12, wave.shape)
            made.append((label, np.clip(128 + 90 * wave + noise, 0, 255).astype(np.uint8)))
    return made


def voice(code: int, actor: int) -> NDArray[np.float32]:
    """Half a second of a buzz: the emotion sets its pitch and swell."""
    time = np.arange(8000) / 16_000
    pitch = 110 * 2 ** (code / 6) * (1 + 0.01 * actor)
    buzz = sum(np.sin(2 * math.pi * pitch * k * time) / k for k in range(1, 6))
    return (0.2 * buzz * np.sin(math.pi * time / 0.5) ** (1 + code % 3)).astype(np.float32)


@pytest.fixture(scope="module")
def fer(tmp_path_factory: pytest.TempPathFactory, make_fer: Build) -> Path:
    splits = {"train": face_pictures(12, 0), "validation": face_pictures(4, 1)}
    return make_fer(tmp_path_factory.mktemp("fer"), splits)


@pytest.fixture(scope="module")
def ravdess(tmp_path_factory: pytest.TempPathFactory, make_ravdess: Build) -> Path:
    clips = {(a, c): voice(c, a) for a in range(1, 7) for c in range(1, 9)}
    return make_ravdess(tmp_path_factory.mktemp("ravdess"), clips)


@pytest.fixture(scope="module")
def face_run(tmp_path_factory: pytest.TempPathFactory, fer: Path) -> tuple[Path, Evaluation]:
    run = tmp_path_factory.mktemp("runs") / "face"
    return run, train(Plan("cnn48", {"fer2013": fer}, settings=QUICK), run)


@pytest.fixture(scope="module")
def voice_run(tmp_path_factory: pytest.TempPathFactory, ravdess: Path) -> tuple[Path, Evaluation]:
    run = tmp_path_factory.mktemp("runs") / "voice"
    return run, train(Plan("mfcc-dnn", {"ravdess": ravdess}, settings=QUICK), run)


def split_of(run: Path) -> list[dict[str, str]]:
    with (run / "split.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_face_run_is_one_folder_with_everything(face_run: tuple[Path, Evaluation]) -> None:
    run, result = face_run
    there = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert {
        *("config.json", "environment.json", "split.csv", "curves.csv", "model.onnx"),
        *("predictions.npz", "checkpoints/last.ckpt", "report/evaluation.json"),
        *("report/report.md", "report/confusion.png", "report/reliability.png"),
        *("report/curves.png",),
    } <= there
    assert any(path.startswith("tensorboard/events") for path in there)
    metadata = load(run, role="face").metadata
    assert metadata.name == "cnn48"
    assert metadata.labels.names == SHARED
    assert metadata.metrics["fer2013"]["unseen"]["n"] == 28
    assert result.main.metrics.n == 28
    assert json.loads((run / "report/evaluation.json").read_text())["main"]["n"] == 28
    assert json.loads((run / "config.json").read_text())["recipe"] == "cnn48"


def test_what_is_reported_is_what_the_file_answers(face_run: tuple[Path, Evaluation]) -> None:
    run, result = face_run
    found = Predictions.load(run / "predictions.npz")
    assert result.main.metrics.accuracy == (found.probs.argmax(1) == found.truth).mean()
    assert {row["name"] for row in split_of(run) if row["part"] == "test"} == set(found.names)
    assert all("validation" in name for name in found.names)
    parts = [row["name"] for row in split_of(run)]
    assert len(parts) == len(set(parts))


def test_the_model_answers_analyze(
    face_run: tuple[Path, Evaluation], voice_run: tuple[Path, Evaluation]
) -> None:
    analyzer = Analyzer(face_model=str(face_run[0]), voice_model=str(voice_run[0]))
    with as_file(files("emoscope.apps.cli") / "demo_media") as media:
        faces = analyzer.analyze(media / "faces.png").faces
        voices = analyzer.analyze(media / "speech.flac").voice
    assert {reading.scores.labels for reading in faces} == {SHARED}
    assert {reading.scores.labels for reading in voices} == {RAVDESS_LABELS.names}


def test_no_speaker_is_on_both_sides(voice_run: tuple[Path, Evaluation]) -> None:
    run, result = voice_run
    speakers: dict[str, set[str]] = {}
    for row in split_of(run):
        speakers.setdefault(row["part"], set()).add(row["speaker"])
    assert not speakers["learn"] & speakers["test"]
    assert not speakers["held"] & speakers["test"]
    assert result.main.name == "unseen"
    assert not result.warnings
    assert [figure.name for figure in result.further] == ["shared", "duration_only"]
    metadata = load(run, role="voice").metadata
    assert metadata.labels == RAVDESS_LABELS
    unseen = metadata.metrics["unseen_speakers"]["ravdess"]
    assert {f"ravdess {who}" for who in unseen} == speakers["test"]


@pytest.mark.slow
def test_a_random_split_is_called_leaky(tmp_path: Path, ravdess: Path) -> None:
    plan = Plan("mfcc-dnn", {"ravdess": ravdess}, protocol="random", settings=QUICK)
    result = train(plan, tmp_path / "run")
    assert result.main.name == "leaky"
    assert "leaky" in result.warnings[0].lower()
    assert "unseen_speakers" not in load(tmp_path / "run").metadata.metrics


@pytest.mark.slow
def test_folds_report_every_clip_once(tmp_path: Path, ravdess: Path) -> None:
    run = tmp_path / "run"
    plan = Plan("mfcc-dnn", {"ravdess": ravdess}, "kfold-speakers", folds=3, settings=QUICK)
    result = train(plan, run)
    assert result.main.metrics.n == 48
    found = Predictions.load(run / "predictions.npz")
    assert len(set(found.names)) == 48
    assert (run / "report" / "report.md").is_file()
    assert sorted(path.parent.name for path in run.glob("*/model.onnx")) == [
        "fold-1",
        "fold-2",
        "fold-3",
    ]


def test_a_run_that_was_killed_gives_the_same_figures(
    tmp_path: Path,
    ravdess: Path,
    voice_run: tuple[Path, Evaluation],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan, whole = Plan("mfcc-dnn", {"ravdess": ravdess}, settings=QUICK), voice_run[1]
    from emoscope.training import loop

    write, rows = loop._write_curve, []

    def killed(path: Path, record: dict[str, float]) -> None:
        rows.append(record)
        if len(rows) == 2:
            raise KeyboardInterrupt
        write(path, record)

    monkeypatch.setattr(loop, "_write_curve", killed)
    with pytest.raises(KeyboardInterrupt):
        train(plan, tmp_path / "cut")
    monkeypatch.setattr(loop, "_write_curve", write)
    assert not (tmp_path / "cut" / "model.onnx").exists()
    with pytest.raises(ModelError, match="--resume"):
        train(plan, tmp_path / "cut")
    resumed = train(plan, tmp_path / "cut", resume=True)
    assert resumed.main.metrics == whole.main.metrics
    again = train(plan, tmp_path / "cut", resume=True)
    assert again.main.metrics == whole.main.metrics


def test_a_full_disk_is_one_line_and_nothing_is_taken_for_whole(
    tmp_path: Path, ravdess: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emoscope.training import loop

    def full(path: Path, record: dict[str, float]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(loop, "_write_curve", full)
    with pytest.raises(ModelError, match=r"curves\.csv: No space left.*--resume"):
        train(Plan("mfcc-dnn", {"ravdess": ravdess}, settings=QUICK), tmp_path / "run")
    assert not (tmp_path / "run" / "model.onnx").exists()
    assert not (tmp_path / "run" / "report").exists()


def test_one_seed_one_result(
    tmp_path: Path, ravdess: Path, voice_run: tuple[Path, Evaluation]
) -> None:
    plan, first = Plan("mfcc-dnn", {"ravdess": ravdess}, settings=QUICK), voice_run[1]
    again = train(plan, tmp_path / "again")
    other = train(replace(plan, settings=replace(QUICK, seed=1)), tmp_path / "other")
    assert first.main.metrics == again.main.metrics
    assert first.main.metrics.nll != other.main.metrics.nll


@pytest.mark.slow
def test_across_corpora(tmp_path: Path, ravdess: Path, make_wav: Build) -> None:
    tess = tmp_path / "tess"
    for speaker in ("OAF", "YAF"):
        for code, label in enumerate(("angry", "disgust", "fear", "happy", "neutral", "sad")):
            folder = tess / f"{speaker}_{label}"
            folder.mkdir(parents=True)
            make_wav(folder / f"{speaker}_back_{label}.wav", voice(code, 3))
    plan = Plan(
        "mfcc-dnn",
        {"ravdess": ravdess, "tess": tess},
        protocol="cross-corpus",
        test_on=("tess",),
        settings=QUICK,
    )
    result = train(plan, tmp_path / "run")
    assert result.main.metrics.n == 12
    assert result.corpus == "tess"
    assert {row["part"] for row in split_of(tmp_path / "run") if "tess" in row["name"]} == {"test"}


@pytest.mark.parametrize("protocol", [None, "kfold-speakers"])
def test_corpora_to_test_on_are_not_passed_over(
    tmp_path: Path, ravdess: Path, protocol: str | None
) -> None:
    plan = Plan("mfcc-dnn", {"ravdess": ravdess}, protocol=protocol, test_on=("ravdess",))
    with pytest.raises(DatasetError, match="does not know --test-on; cross-corpus and leave-one"):
        train(plan, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_temperature_is_that_of_the_pictures_that_count(
    tmp_path: Path,
    make_fer: Build,
    tiny_face_model: Build,
    grey_of: Callable[[str], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from emoscope.training import run as run_module
    from emoscope.training.recipes.emoscope_face import EmoscopeFace

    # People see a sad or a neutral face, agree on nothing, or see what is no answer here.
    seen = []

    class Trained:
        def logits(self, items: FaceCorpus) -> NDArray[np.float64]:
            seen.append(items)
            grey = items.crops[:, 0, 0].astype(float)
            return np.stack([0 * grey, 0 * grey, grey / 20], 1)  # happy, sad, neutral

        def export(self, temperature: float, metadata: ModelMetadata, path: Path) -> float:
            tiny_face_model(path, labels=metadata.labels.names)
            return 0.0

    class Recipe(EmoscopeFace):
        def train(self, *_: object) -> Trained:  # type: ignore[override]
            return Trained()

    monkeypatch.setattr(run_module, "load_recipe", lambda name: Recipe())
    labels = ("happy", "sad", "neutral")  # all that is learnt from, numbered 0, 1, 2
    chosen = ({"sadness": 9}, {"neutral": 9}, {"neutral": 5, "happiness": 5}, {"fear": 9})
    rows = [(label, 6 * i) for i, label in enumerate([*labels] * 12 + list(SHARED))]
    votes = {row: chosen[row % 4] for row in range(len(rows))}
    data = make_fer(tmp_path / "fer", {"train": rows}, votes=votes)

    def folds(plan: Plan, recipe: Recipe, items: FaceCorpus) -> list[Fold]:
        three = np.isin(items.labels, [SHARED.index(name) for name in labels])
        part = np.arange(len(items)) % 5
        learn, held, test = (np.flatnonzero(m) for m in (three & (part < 1), part > 2, part == 2))
        return [Fold("", learn, held, test, "by hand")]

    monkeypatch.setattr(run_module, "_folds", folds)
    train(Plan("emoscope-face", {"fer2013": data}, settings=QUICK), tmp_path / "run")
    metadata = load(tmp_path / "run", role="face").metadata
    assert metadata.labels.names == labels
    held = seen[0]
    kind = np.array([int(name[-11:-4]) % 4 for name in held.names])
    counted = kind < 2  # fear is no answer here
    assert 0 < counted.sum() < len(kind)
    logits = Trained().logits(held)[counted]
    truth = 1 + kind[counted]  # sad, neutral

    def cost(heat: float) -> float:
        scaled = logits / heat
        return float((np.log(np.exp(scaled).sum(1)) - scaled[np.arange(len(truth)), truth]).mean())

    heats = np.geomspace(0.05, 20, 4000)
    best = heats[int(np.argmin([cost(heat) for heat in heats]))]
    assert 0.06 < best < 19
    assert metadata.calibration["temperature"] == pytest.approx(best, rel=0.01)
    assert metadata.calibration["n"] == counted.sum()
    assert metadata.calibration["fitted_on"].startswith(f"{counted.sum()} of ")


def test_a_trial_takes_a_few_of_each_label(fer: Path) -> None:
    whole = load_items(Plan("cnn48", {"fer2013": fer}))
    some = load_items(Plan("cnn48", {"fer2013": fer}, limit=3))
    assert len(whole) == 7 * (12 + 4)
    assert Counter(zip(some.splits, some.labels.tolist(), strict=True)) == {
        (split, label): 3 for split in ("train", "validation") for label in range(7)
    }
    assert set(some.names) <= set(whole.names)
    again = load_items(Plan("cnn48", {"fer2013": fer}, limit=3))
    assert again.names == some.names


@pytest.mark.parametrize(
    ("recipe", "data", "problem"),
    [
        ("no-such", "ravdess", "no recipe 'no-such'"),
        ("cnn48", "ravdess", "not a corpus of faces"),
        ("mfcc-dnn", "gone", "no such folder"),
    ],
)
def test_what_cannot_be_trained_says_why(
    tmp_path: Path, ravdess: Path, recipe: str, data: str, problem: str
) -> None:
    folder = ravdess if data == "ravdess" else tmp_path / "gone"
    with pytest.raises((DatasetError, ModelError), match=problem):
        train(Plan(recipe, {"ravdess": folder}, settings=QUICK), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_was_asked_differently_is_not_resumed(
    ravdess: Path, voice_run: tuple[Path, Evaluation]
) -> None:
    other = Plan("mfcc-dnn", {"ravdess": ravdess}, settings=replace(QUICK, epochs=9))
    with pytest.raises(ModelError, match="asked differently"):
        train(other, voice_run[0], resume=True)


def test_other_peoples_folders_are_left_alone(tmp_path: Path, ravdess: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("important")
    with pytest.raises(ModelError, match="not empty"):
        train(Plan("mfcc-dnn", {"ravdess": ravdess}, settings=QUICK), tmp_path / "mine")


@pytest.mark.slow
def test_several_corpora_in_one(tmp_path: Path, ravdess: Path, make_wav: Build) -> None:
    own = tmp_path / "own"
    for speaker in ("ann", "bob", "cy"):
        for code, label in enumerate(("angry", "happy"), start=1):
            (own / speaker / label).mkdir(parents=True)
            make_wav(own / speaker / label / "clip.wav", voice(code, 5))
    plan = Plan("mfcc-dnn", {"ravdess": ravdess, "folder": own}, settings=QUICK)
    train(plan, tmp_path / "run")
    speakers = {row["speaker"].split()[0] for row in split_of(tmp_path / "run")}
    assert speakers == {"ravdess", "folder"}
