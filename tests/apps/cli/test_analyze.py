"""``emoscope analyze``: documents, tables, errors, exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

Models = Sequence[object]


def test_one_document_per_input_and_nothing_else_on_standard_output(
    run: Callable, models: Models, blank: Path, make_wav: Callable, make_video: Callable
) -> None:
    wav, film = blank.with_name("hush.wav"), blank.with_name("film.mp4")
    make_wav(wav, np.zeros(16_000, np.float32))
    make_video(film)
    ran = run("analyze", "--json", blank, wav, film, *models)
    assert ran.status == 0
    picture, recording, video = ran.documents
    assert [d["kind"] for d in ran.documents] == ["image", "audio", "video"]
    assert picture["summary"]["faces"]["state"] == "no face"
    assert picture["source"] == str(blank)
    assert recording["summary"] == {
        "faces": {"state": "no picture", "tracks": []},
        "voice": {"state": "no speech"},
        "words": {"state": "not transcribed"},
        "fused": {"state": "nothing to fuse"},
    }
    assert video["summary"]["voice"]["state"] == "no sound"
    assert video["frames_read"] > 0


def test_absence_is_a_result_that_people_can_read(
    run: Callable, models: Models, blank: Path
) -> None:
    ran = run("analyze", blank, *models)
    assert ran.status == 0
    assert "blank.png" in ran.out
    assert "picture, 160×120" in ran.out
    assert "no face" in ran.out
    assert ran.err == ""


@pytest.mark.parametrize("width", ["40", "200"])
def test_a_long_path_stays_in_one_piece(
    run: Callable, models: Models, blank: Path, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    long = blank.rename(blank.with_name(f"{'a' * 60} {'b' * 60}.png"))
    assert f"{long}  picture, 160×120\n" in run("analyze", long, *models).out


def broken_inputs(folder: Path) -> dict[str, str]:
    """Inputs that cannot be read, and a word that must stand in the line about each."""
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture at all\n")
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n")
    return {
        str(folder / "missing.png"): "no such file",
        str(folder / "empty.jpg"): "empty",
        str(folder / "text.jpg"): "text.jpg",
        str(folder / "list.m3u8"): "playlist",
        str(folder): "directory",
        "https://127.0.0.1/talk.mp4": "address",
    }


def test_bad_inputs_get_one_line_each_and_the_others_are_done(
    run: Callable, models: Models, blank: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "inputs"
    folder.mkdir()
    broken = broken_inputs(folder)
    ran = run("analyze", "--json", *broken, blank, *models)
    assert ran.status == 1
    assert [document["source"] for document in ran.documents] == [str(blank)]
    lines = ran.err.splitlines()
    assert len(lines) == len(broken)
    for line, (name, word) in zip(lines, broken.items(), strict=True):
        assert line.startswith(f"emoscope: {name}: ")
        assert word in line


def test_limits_can_be_lowered_and_are_named(run: Callable, models: Models, blank: Path) -> None:
    ran = run("analyze", blank, "--max-megapixels", "0.01", *models)
    assert ran.status == 1
    assert "pixel" in ran.err
    assert run("analyze", blank, "--max-megapixels", "0.02", *models).status == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ("--min-confidence", "1.5"),
        ("--fps", "0"),
        ("--detector", "magic"),
        ("--no-such-option",),
        ("--face-model", "no-such-model"),
    ],
)
def test_wrong_usage_is_status_2(run: Callable, blank: Path, wrong: tuple[str, ...]) -> None:
    ran = run("analyze", blank, *wrong)
    assert ran.status == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_without_inputs_it_says_how_it_is_used(run: Callable) -> None:
    assert run("analyze").status == 2


def test_a_traceback_is_only_shown_when_asked_for(
    blank: Path,
) -> None:
    command = [sys.executable, "-c", "from emoscope.apps.cli import main; main()", "analyze"]
    environment = {**os.environ, "EMOSCOPE_OFFLINE": "1"}
    for extra, traceback in (([], False), (["--debug"], True)):
        done = subprocess.run(
            [*command, str(blank), "--detector", "yunet", *extra],
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
        assert done.returncode == 1
        assert ("Traceback" in done.stderr) is traceback
        assert "emoscope models fetch yunet" in done.stderr


def test_files_are_written_and_two_inputs_of_one_name_stay_apart(
    run: Callable, models: Models, blank: Path, make_wav: Callable, tmp_path: Path
) -> None:
    make_wav(blank.with_name("blank.wav"), np.zeros(16_000, np.float32))
    results = tmp_path / "results"
    ran = run("analyze", blank, blank.with_name("blank.wav"), "--out", results, *models)
    assert ran.status == 0
    names = sorted(path.name for path in results.iterdir())
    assert names == [
        "blank-2.csv", "blank-2.json", "blank-2.timeline.png",
        "blank.annotated.png", "blank.csv", "blank.json",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_written_is_one_line(
    run: Callable, models: Models, blank: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    ran = run("analyze", blank, "--out", tmp_path / "file" / "below", *models)
    assert ran.status == 1
    assert len(ran.err.splitlines()) == 1


def test_formats_can_be_chosen(
    run: Callable, models: Models, blank: Path, make_wav: Callable, tmp_path: Path
) -> None:
    wav, results = blank.with_name("hush.wav"), tmp_path / "results"
    make_wav(wav, np.zeros(16_000, np.float32))
    wanted = ("--format", "textgrid", "--format", "csv-wide", "--format", "eaf")
    ran = run("analyze", "--json", blank, wav, "--out", results, *wanted, *models)
    assert ran.status == 0
    assert len(ran.documents) == 2
    assert sorted(path.name for path in results.iterdir()) == [
        "blank.wide.csv", "hush.TextGrid", "hush.eaf", "hush.wide.csv",
    ]  # fmt: skip
    assert f"{blank}: there is no textgrid of a picture" in ran.err
    for wrong in (("--format", "docx", "--out", results), ("--format", "json")):
        assert run("analyze", blank, *wrong, *models).status == 2


def test_parquet_says_what_it_needs_before_anything_is_read(
    run: Callable, models: Models, blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = run("analyze", blank, "--out", tmp_path / "out", "--format", "parquet", *models)
    assert (ran.status, ran.out) == (1, "")
    assert "pip install 'emoscope[parquet]'" in ran.err
