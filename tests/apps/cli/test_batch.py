"""``emoscope batch``: the summary, the exit status, what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

Models = Sequence[object]


@pytest.fixture
def media(tmp_path: Path, make_wav: Callable) -> Path:
    """Two pictures without a face and a recording without speech."""
    folder = tmp_path / "media"
    (folder / "below").mkdir(parents=True)
    for name in ("a.png", "below/a.png"):
        cv2.imwrite(str(folder / name), np.full((60, 80, 3), 200, np.uint8))
    make_wav(folder / "hush.wav", np.zeros(8000, np.float32))
    return folder


def test_a_folder_becomes_documents_and_a_summary(
    run: Callable, models: Models, media: Path, tmp_path: Path
) -> None:
    ran = run("batch", media, "--out", tmp_path / "out", "--workers", 1, *models)
    assert ran.status == 0
    assert "3 of 3 files read" in ran.out
    assert "files a second" in ran.out
    assert ran.err == ""
    document = json.loads((tmp_path / "out/below/a.png.json").read_text())
    assert document["summary"]["faces"]["state"] == "no face"


def test_files_that_cannot_be_read_are_told_and_counted(
    run: Callable, models: Models, media: Path, tmp_path: Path
) -> None:
    (media / "notes.md").write_text("no medium\n")
    (media / "broken.jpg").write_bytes(b"")
    out = tmp_path / "out"
    arguments = ("batch", media, tmp_path / "gone.mp4", "--out", out, "--workers", 1, *models)
    ran = run(*arguments, "--json")
    assert ran.status == 1
    (summary,) = ran.documents
    assert (summary["files"], summary["done"]) == (6, 3)
    assert summary["failed"] == {"damaged": 1, "not a medium": 1, "not found": 1}
    assert len(ran.err.splitlines()) == 3
    assert f"emoscope: {media / 'notes.md'}: holds text" in ran.err
    again = run(*arguments)
    assert again.status == 1
    assert "--resume" in again.err
    resumed = run(*arguments, "--resume", "--json")
    assert resumed.status == 1
    assert resumed.documents[0]["before"] == 5


def test_only_the_first_complaints_are_shown(run: Callable, models: Models, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"gone-{number}.jpg\n" for number in range(30)))
    ran = run("batch", listed, "--out", tmp_path / "out", "--workers", 1, *models)
    assert ran.status == 1
    lines = ran.err.splitlines()
    assert len(lines) == 21
    assert "and 10 more" in lines[-1]
    assert "manifest.sqlite" in lines[-1]


def test_one_table_and_its_report(
    run: Callable, models: Models, media: Path, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = tmp_path / "all.parquet"
    assert run("batch", media, "--out", table, "--workers", 1, *models).status == 0
    assert sorted(parquet.read_table(table)["kind"].to_pylist()) == ["audio", "image", "image"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--workers", "0"),
        ("--timeout", "0"),
        ("--language", "de"),
        ("--ray",),
        ("--ray", "10.0.0.1:6379"),
        ("--detector", "magic"),
        ("--face-model", "no-such-model"),
    ],
)
def test_wrong_usage_is_status_2(
    run: Callable, media: Path, tmp_path: Path, wrong: tuple[str, ...]
) -> None:
    ran = run("batch", media, "--out", tmp_path / "out", *wrong)
    assert ran.status == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_without_a_place_for_the_results_it_says_so(run: Callable, media: Path) -> None:
    ran = run("batch", media)
    assert ran.status == 2
    assert "--out" in ran.err


def test_the_history_keeps_what_was_read_where_it_is_asked_for(
    run: Callable,
    models: Models,
    media: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("sqlalchemy")
    monkeypatch.setenv("EMOSCOPE_HISTORY", str(tmp_path / "history.sqlite"))
    ran = run("batch", media, "--out", tmp_path / "out", "--workers", 2, "--history", *models)
    assert ran.status == 0
    listed = json.loads(run("history", "list", "--json").out)
    assert len(listed) == 3
    assert run("batch", media, "--out", tmp_path / "other", *models).status == 0
    assert len(json.loads(run("history", "list", "--json").out)) == 3


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_ends_it_cleanly_and_it_goes_on(models: Models, media: Path, tmp_path: Path) -> None:
    for number in range(400):
        picture = np.full((600, 800, 3), number % 256, np.uint8)
        cv2.imwrite(str(media / f"{number}.png"), picture)
    out = tmp_path / "out"
    program = "from emoscope.apps.cli import main; main()"
    command = [sys.executable, "-c", program, "batch", media, "--out", out, *models]
    command += ["--workers", 2, "--json"]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as ran:
        while not list(out.glob("*.json")):
            assert ran.poll() is None
        ran.send_signal(signal.SIGINT)
        told, errors = ran.communicate(timeout=60)
    assert ran.returncode == 130
    assert errors.splitlines() == ["emoscope: interrupted; go on with --resume"]
    summary = json.loads(told)
    assert summary["waiting"] > 0
    assert summary["done"] + summary["waiting"] == summary["files"] == 403
    done = subprocess.run(
        [*map(str, command), "--resume"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["done"] == 403
    assert len(list(out.rglob("*.json"))) == 403
