"""The house keeps its shape."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import emoscope

SOURCE = Path(emoscope.__file__).parent
HEAVY = ("torch", "streamlit", "fastapi", "librosa", "matplotlib", "cv2", "av", "onnxruntime")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import emoscope, sys; print([m for m in {HEAVY} if m in sys.modules])"
    assert run(code) == "[]"


def test_importing_the_command_line_loads_no_training_and_no_decoder() -> None:
    heavy = tuple(m for m in HEAVY if m != "numpy")
    code = f"import emoscope.apps.cli, sys; print([m for m in {heavy} if m in sys.modules])"
    assert run(code) == "[]"


def test_importing_the_analyzer_loads_no_training() -> None:
    code = (
        "import emoscope.analyzer, sys; print([m for m in ('torch', 'rich') if m in sys.modules])"
    )
    assert run(code) == "[]"


def test_the_public_names_are_these() -> None:
    assert sorted(emoscope.__all__) == [
        "Analysis",
        "Analyzer",
        "EmoscopeError",
        "Emotion",
        "EmotionStream",
        "FaceEmotion",
        "Frame",
        "FusedEmotion",
        "LabelSet",
        "Limits",
        "MediaError",
        "MissingExtraError",
        "ModelError",
        "Moment",
        "Scores",
        "Sound",
        "TextEmotion",
        "VoiceEmotion",
        "__version__",
        "analyze",
    ]


@pytest.mark.parametrize("name", emoscope.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(emoscope, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        emoscope.no_such_name  # noqa: B018


def test_files_stay_readable_in_a_sitting() -> None:
    lengths = {
        str(path.relative_to(SOURCE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in SOURCE.rglob("*.py")
    }
    assert {name: lines for name, lines in lengths.items() if lines > 420} == {}


def test_no_room_has_a_name_that_says_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "misc", "common", "manager"}
    assert [path.name for path in SOURCE.rglob("*.py") if path.stem in vague] == []
