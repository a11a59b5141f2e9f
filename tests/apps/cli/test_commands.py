"""The smaller commands: version, models, doctor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import emoscope
from emoscope.models import catalog


def test_version(run: Callable) -> None:
    ran = run("--version")
    assert (ran.status, ran.out.strip()) == (0, f"emoscope {emoscope.__version__}")


def test_models_are_listed(run: Callable) -> None:
    ran = run("models", "list", "--json")
    assert [entry["name"] for entry in json.loads(ran.out)] == list(catalog.catalog())
    table = run("models", "list")
    assert "mini-xception" in table.out
    assert "not fetched" in table.out


def test_a_model_is_shown_with_where_it_comes_from(run: Callable) -> None:
    ran = run("models", "show", "yunet")
    assert catalog.find("yunet").sha256[:20] in ran.out.replace("\n", "").replace(" ", "")


def test_the_shipped_models_say_how_they_were_measured(run: Callable) -> None:
    for name in ("emoscope-face", "emoscope-voice"):
        facts = json.loads(run("models", "show", name, "--json").out)
        assert facts["metadata"]["metrics"]
        assert facts["metadata"]["split"]
        assert facts["metadata"]["labels"]


def test_an_unknown_model_is_wrong_usage_and_a_near_name_is_offered(run: Callable) -> None:
    ran = run("models", "show", "yumet")
    assert ran.status == 2
    assert "did you mean yunet" in ran.err


def test_a_model_that_cannot_be_fetched_offline_says_what_to_do(run: Callable) -> None:
    ran = run("models", "fetch", "yunet")
    assert ran.status == 1
    assert len(ran.err.splitlines()) == 1
    assert "--from" in ran.err


def test_a_model_is_taken_from_a_file(run: Callable, shared_dir: Path) -> None:
    ran = run("models", "fetch", "yunet", "--from", shared_dir / "models/yunet_n_640_640.onnx")
    assert ran.status == 0
    assert '"available": true' in run("models", "show", "yunet", "--json").out


def test_verify_finds_the_shipped_models_whole_and_the_others_absent(run: Callable) -> None:
    ran = run("models", "verify", "--json")
    states = {entry["name"]: entry["state"] for entry in json.loads(ran.out)}
    assert ran.status == 0
    assert states == {
        "emoscope-face": "ok",
        "emoscope-voice": "ok",
        "emoscope-words": "ok",
        "emoscope-fusion": "ok",
        "emoscope-translation": "ok",
        "yunet": "absent",
        "mini-xception": "absent",
    }


def test_doctor_names_what_there_is(run: Callable) -> None:
    facts = json.loads(run("doctor", "--json").out)
    assert facts["emoscope"] == emoscope.__version__
    assert "h264" in facts["decoders"]
    assert facts["detector"].startswith("Haar")
    assert "camera" in facts
    assert "onnxruntime" in run("doctor").out


def test_help_names_every_command(run: Callable) -> None:
    ran = run("--help")
    assert ran.status == 0
    for command in ("analyze", "demo", "doctor", "models", "evaluate", "train", "data"):
        assert command in ran.out
