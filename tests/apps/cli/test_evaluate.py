from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from emoscope.apps.cli.evaluate import app, render
from emoscope.errors import DatasetError, ModelError
from emoscope.labels import RAVDESS_LABELS, SHARED, VOICE_LABELS
from emoscope.training.evaluate import Evaluation, Figure
from emoscope.training.metrics import measure

Build = Callable[..., Path]


@pytest.fixture
def fer(tmp_path: Path) -> Path:
    """Two pictures of each emotion that the tiny face model reads rightly."""
    cv2 = pytest.importorskip("cv2")
    for split in ("train", "validation"):
        for index, label in enumerate(SHARED):
            folder = tmp_path / "fer" / split / label
            folder.mkdir(parents=True)
            for row in range(2):
                grey = round(255 * (index + 0.5) / len(SHARED))
                cv2.imwrite(str(folder / f"fer{row}.png"), np.full((48, 48), grey, np.uint8))
    return tmp_path / "fer"


@pytest.fixture
def ravdess(tmp_path: Path, make_wav: Build) -> Path:
    """Two actors; a hum that no gate takes for speech, so that clips are read whole."""
    for actor in ("01", "02"):
        folder = tmp_path / "ravdess" / f"Actor_{actor}"
        folder.mkdir(parents=True)
        for code, label in enumerate(RAVDESS_LABELS.names, start=1):
            level = (VOICE_LABELS.index(label) + 0.5) / len(VOICE_LABELS)
            path = folder / f"03-01-{code:02d}-01-01-01-{actor}.wav"
            make_wav(path, np.full(4000, level))
    return tmp_path / "ravdess"


def test_face_in_words(tmp_path: Path, fer: Path, tiny_face_model: Build) -> None:
    model = tiny_face_model(tmp_path / "m.onnx")
    done = CliRunner().invoke(app, ["face", "--data", str(fer), "--model", str(model)])
    assert done.exit_code == 0, done.output
    for text in ("tiny-face@1", "validation", "100.0%", "14", "is happy", "recall", "Wilson"):
        assert text in done.stdout
    assert done.stderr == ""


def test_the_default_answer_stands_beside_the_output_for_the_benchmark(
    tmp_path: Path, fer: Path, tiny_face_model: Build
) -> None:
    model = tiny_face_model(tmp_path / "m.onnx", fer2013=[0] * 7)  # any label is as likely
    done = CliRunner().invoke(app, ["face", "--data", str(fer), "--model", str(model)])
    assert done.exit_code == 0, done.output
    rows = {line.strip()[:14]: line for line in done.stdout.splitlines()}
    assert "100.0%" in rows["default answer"]
    assert "by the model's output for FER2013's labels" in " ".join(done.stdout.split())


def test_face_as_json(tmp_path: Path, fer: Path, tiny_face_model: Build) -> None:
    model = tiny_face_model(tmp_path / "m.onnx")
    done = CliRunner().invoke(app, ["face", "--data", str(fer), "--model", str(model), "--json"])
    document = json.loads(done.stdout)
    assert document["schema"] == "emoscope.evaluation/1"
    assert document["main"]["accuracy"] == 1.0
    assert document["main"]["n"] == 14
    assert document["main"]["recall"] == [1.0] * 7
    assert np.trace(document["main"]["confusion"]) == 14
    assert len(document["main"]["accuracy_interval"]) == 2


def test_train_is_warned_of_on_standard_error(
    tmp_path: Path, fer: Path, tiny_face_model: Build
) -> None:
    model = tiny_face_model(tmp_path / "m.onnx")
    arguments = ["face", "--data", str(fer), "--split", "train", "--model", str(model), "--json"]
    done = CliRunner().invoke(app, arguments)
    assert "training pictures" in done.stderr
    assert json.loads(done.stdout)["warnings"]


def test_voice_as_json(tmp_path: Path, ravdess: Path, tiny_voice_model: Build) -> None:
    model = tiny_voice_model(tmp_path / "m.onnx", metrics={"unseen_speakers": {"ravdess": ["02"]}})
    start = ["voice", "--corpus", "ravdess", "--data", str(ravdess), "--model", str(model)]
    start += ["--speech", "light", "--json"]
    unseen = json.loads(CliRunner().invoke(app, start).stdout)
    assert unseen["part"] == "speakers 02"
    assert unseen["main"]["n"] == 8
    assert unseen["main"]["uar"] == 1.0
    assert {item["name"] for item in unseen["further"]} == {"shared", "duration_only"}
    everyone = CliRunner().invoke(app, [*start, "--actors", "all"])
    assert json.loads(everyone.stdout)["main"]["n"] == 16
    assert "01" in everyone.stderr


def test_voice_in_words(tmp_path: Path, ravdess: Path, tiny_voice_model: Build) -> None:
    model = tiny_voice_model(tmp_path / "m.onnx")
    arguments = ["voice", "--corpus", "ravdess", "--data", str(ravdess), "--model", str(model)]
    done = CliRunner().invoke(app, [*arguments, "--actors", "1-2", "--speech", "light"])
    assert done.exit_code == 0, done.output
    for text in ("speakers 01, 02", "duration only", "is calm", "UAR", "speakers"):
        assert text in done.stdout


def test_errors_reach_the_main_command(
    tmp_path: Path, ravdess: Path, tiny_face_model: Build, tiny_voice_model: Build
) -> None:
    face = str(tiny_face_model(tmp_path / "f.onnx"))
    voice = str(tiny_voice_model(tmp_path / "v.onnx"))
    missing = str(tmp_path / "none")
    cases: list[tuple[list[str], type[Exception]]] = [
        (["face", "--data", missing, "--model", face], DatasetError),
        (["face", "--data", missing, "--model", voice], ModelError),
        (["voice", "--corpus", "tess", "--data", missing, "--model", voice], DatasetError),
        (["voice", "--corpus", "ravdess", "--data", str(ravdess), "--model", voice], ModelError),
    ]
    for arguments, error in cases:
        done = CliRunner().invoke(app, arguments)
        assert isinstance(done.exception, error), arguments
        assert done.stdout == ""


def test_wrong_usage_is_status_2() -> None:
    for arguments in (["face"], ["voice", "--data", "x"], ["face", "--data", "x", "--split", "y"]):
        assert CliRunner().invoke(app, arguments).exit_code == 2


def test_the_table_fits_a_narrow_terminal_and_shades_the_matrix() -> None:
    probs = np.full((20, 8), 0.02) + 0.84 * np.eye(8)[np.arange(20) % 8]
    metrics = measure(probs, np.arange(20) % 8, VOICE_LABELS.names, ["a", "b"] * 10)
    figure = Figure("ferplus_plurality", "some items", metrics)
    result = Evaluation("voice", "m@1", "ravdess", "speakers a, b", figure, (figure,))
    narrow = Console(width=80, record=True, file=io.StringIO())
    narrow.print(render(result))
    text = narrow.export_text(clear=False)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "…" not in text
    assert "#0b5394" in narrow.export_html(inline_styles=True).lower()
