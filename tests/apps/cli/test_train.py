"""``emoscope train``: every recipe from one command, and its model in use."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.labels import RAVDESS_LABELS, SHARED

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from emoscope.training.recipes import RECIPES, load_recipe

TESS_WORDS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "ps")
FACES = (
    "emoscope-face",
    "mini-xception",
    "cnn48",
    "vgg16",
    "mobilenetv2",
    "efficientnet-b0",
    "vit",
)
VOICES = ("emoscope-voice", "svm", "mfcc-dnn", "mfcc-conv1d", "mfcc-delta-cnn", "wav2vec2")


def slanted(index: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    y, x = np.mgrid[:48, :48]
    angle = math.pi * index / len(SHARED)
    wave = np.sin((x * math.cos(angle) + y * math.sin(angle)) / 2 + rng.uniform(0, 6))
    noise = rng.normal(0, 12, wave.shape)
    return np.clip(128 + 90 * wave + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def fer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data, rng = tmp_path_factory.mktemp("fer"), np.random.default_rng(0)
    for split, count in (("train", 9), ("validation", 2)):
        for index, label in enumerate(SHARED):
            (data / split / label).mkdir(parents=True)
            for row in range(count):
                path = data / split / label / f"{split}{index}{row}.png"
                cv2.imwrite(str(path), slanted(index, rng))
    return data


def buzz(code: int, pitch: float) -> NDArray[np.float32]:
    time = np.arange(8000) / 16_000
    tone = sum(np.sin(2 * np.pi * pitch * (1 + code / 5) * k * time) / k for k in range(1, 4))
    return (0.2 * tone * np.sin(np.pi * time / time[-1])).astype(np.float32)


@pytest.fixture(scope="module")
def ravdess(tmp_path_factory: pytest.TempPathFactory, make_wav: Callable[..., Path]) -> Path:
    data = tmp_path_factory.mktemp("ravdess")
    for actor in (*range(1, 6), 15, 17):
        for code in range(1, 9):
            path = data / f"Actor_{actor:02d}" / f"03-01-{code:02d}-01-01-01-{actor:02d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            make_wav(path, buzz(code, 100 + 7 * actor))
    return data


@pytest.fixture(scope="module")
def tess(tmp_path_factory: pytest.TempPathFactory, make_wav: Callable[..., Path]) -> Path:
    data = tmp_path_factory.mktemp("tess")
    for pitch, speaker in ((170, "OAF"), (220, "YAF")):
        for code, emotion in enumerate(TESS_WORDS):
            (data / f"{speaker}_{emotion}").mkdir()
            for number, word in enumerate(("back", "bar", "base", "bath", "bean", "beg")):
                path = data / f"{speaker}_{emotion}" / f"{speaker}_{word}_{emotion}.wav"
                make_wav(path, buzz(code, pitch + number))
    return data


def test_every_recipe_is_tried_here() -> None:
    assert set(FACES) | set(VOICES) == set(RECIPES)
    assert {load_recipe(name).role for name in FACES} == {"face"}
    assert {load_recipe(name).role for name in VOICES} == {"voice"}


def test_recipes_are_listed(run: Callable) -> None:
    ran = run("train")
    assert ran.status == 0
    for name in RECIPES:
        assert name in ran.out
    listed = json.loads(run("train", "--json").out)
    assert [entry["name"] for entry in listed] == list(RECIPES)
    assert all(entry["summary"] and entry["corpora"] for entry in listed)


def test_what_is_missing_is_wrong_usage(run: Callable, tmp_path: Path) -> None:
    assert run("train", "cnn48").status == 2
    assert run("train", "cnn48", "--data", tmp_path).status == 2
    both = ("--from-scratch", "--checkpoint", "x")
    for options in (both, ("--devices", "many")):
        ran = run("train", "vit", "--data", tmp_path, "--out", tmp_path / "run", *options)
        assert (ran.status, (tmp_path / "run").exists()) == (2, False)


def test_a_folder_that_is_no_corpus_says_what_was_expected(run: Callable, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "list.txt").write_text("sun, sea")
    ran = run("train", "cnn48", "--data", tmp_path / "holiday", "--out", tmp_path / "run")
    assert ran.status == 1
    assert len(ran.err.splitlines()) == 1
    assert "list.txt" in ran.err
    assert not (tmp_path / "run").exists()


def test_a_voice_model_from_one_command(run: Callable, tmp_path: Path, ravdess: Path) -> None:
    out = tmp_path / "run"
    ran = run("train", "mfcc-dnn", "--data", ravdess, "--out", out, "--epochs", "1", "--json")
    assert ran.status == 0, ran.err
    found = json.loads(ran.out)
    assert (
        found["main"]["n"] == json.loads((out / "report/evaluation.json").read_text())["main"]["n"]
    )
    assert "speakers" in found["main"]["protocol"]
    with as_file(files("emoscope.apps.cli") / "demo_media" / "speech.flac") as media:
        read = json.loads(run("analyze", media, "--voice-model", out, "--json").out)
    assert set(read["voice"][0]["scores"]) == set(RAVDESS_LABELS.names)
    assert read["models"]["voice"].startswith("mfcc-dnn@")
    again = run("train", "mfcc-dnn", "--data", ravdess, "--out", out, "--epochs", "1")
    assert again.status == 1
    assert "--resume" in again.err


@pytest.mark.slow
@pytest.mark.parametrize("recipe", FACES)
def test_a_face_recipe_ends_in_analyze(
    run: Callable, tmp_path: Path, fer: Path, recipe: str
) -> None:
    out = tmp_path / "run"
    options = ("--epochs", "2", "--batch-size", "8", "--from-scratch", "--precision", "32-true")
    ran = run("train", recipe, "--data", fer, "--out", out, *options)
    assert ran.status == 0, ran.err
    with as_file(files("emoscope.apps.cli") / "demo_media" / "faces.png") as media:
        read = json.loads(run("analyze", media, "--face-model", out, "--json").out)
    assert len(read["faces"]) == 7
    assert set(read["faces"][0]["scores"]) == set(SHARED)
    assert read["models"]["face"].startswith(f"{recipe}@")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", VOICES)
def test_a_voice_recipe_ends_in_analyze(
    run: Callable, tmp_path: Path, ravdess: Path, tess: Path, recipe: str
) -> None:
    out = tmp_path / "run"
    corpus = tess if recipe == "mfcc-conv1d" else ravdess
    options = ("--epochs", "2", "--batch-size", "8", "--from-scratch", "--precision", "32-true")
    ran = run("train", recipe, "--data", corpus, "--out", out, *options)
    assert ran.status == 0, ran.err
    with as_file(files("emoscope.apps.cli") / "demo_media" / "speech.flac") as media:
        read = json.loads(run("analyze", media, "--voice-model", out, "--json").out)
    labels = set(read["voice"][0]["scores"])
    assert len(labels) == (14 if recipe == "mfcc-conv1d" else 8)
    assert read["models"]["voice"].startswith(f"{recipe}@")
