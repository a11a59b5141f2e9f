"""``emoscope data``: list, fetch, audit, show."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from emoscope.training.datasets import fetch
from emoscope.training.datasets.catalog import CORPORA


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """FER2013 in small: one picture stands in both splits, with differing labels."""
    rng = np.random.default_rng(0)
    twin = rng.integers(0, 256, (48, 48), np.uint8)
    for split in ("train", "validation"):
        for label in ("angry", "happy", "sad"):
            folder = tmp_path / "fer" / split / label
            folder.mkdir(parents=True)
            for index in range(3):
                picture = rng.integers(0, 256, (48, 48), np.uint8)
                if (split, label, index) in (("train", "sad", 1), ("validation", "happy", 2)):
                    picture = twin
                cv2.imwrite(str(folder / f"{split}{label}{index}.png"), picture)
    return tmp_path / "fer"


@pytest.fixture
def tess(tmp_path: Path, make_wav: Callable[..., Path]) -> Path:
    """TESS in small; sad clips are longer."""
    rng = np.random.default_rng(0)
    for voice in ("OAF", "YAF"):
        for label, seconds in (("angry", 0.3), ("happy", 0.4), ("sad", 0.8)):
            for word in ("back", "bar", "bath", "bean"):
                path = tmp_path / "tess" / f"{voice}_{label}" / f"{voice}_{word}_{label}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                samples = round(16_000 * seconds * rng.uniform(0.9, 1.1))
                make_wav(
                    path, rng.normal(0, 0.1, samples), rate=24_000 if voice == "YAF" else 16_000
                )
    return tmp_path / "tess"


def test_corpora_are_listed(run: Callable) -> None:
    listed = json.loads(run("data", "list", "--json").out)
    assert [entry["name"] for entry in listed] == list(CORPORA)
    ravdess = next(entry for entry in listed if entry["name"] == "ravdess")
    assert ravdess["labels"][1] == "calm"
    assert ravdess["files"][0]["digest"].startswith("md5:")
    table = run("data", "list").out
    for corpus in CORPORA.values():
        assert corpus.name in table
        assert corpus.licence.split(";")[0].split()[0] in table
    assert "data fetch" in table
    assert "by hand" in table


def test_corpora_behind_a_log_in_are_explained(run: Callable, tmp_path: Path) -> None:
    for corpus in CORPORA.values():
        if not corpus.files:
            ran = run("data", "fetch", corpus.name, "--out", tmp_path / "my data")
            assert (ran.status, ran.err) == (0, "")
            for number, step in enumerate(corpus.steps, start=1):
                assert f"  {number}. {step}\n" in ran.out
            assert f"emoscope data audit '{tmp_path}/my data/{corpus.name}'" in ran.out
    assert not (tmp_path / "my data").exists()


def test_a_fetched_corpus_says_how_it_was_checked_and_what_comes_next(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives = (
        fetch.Archive("one.zip", 5, "ab" * 32, "md5:00"),
        fetch.Archive("two.zip", 5, "cd" * 32, ""),
    )
    found = fetch.Fetched("ravdess", tmp_path / "ravdess", archives, 1440)
    monkeypatch.setattr(fetch, "fetch", lambda name, to, step: found)
    ran = run("data", "fetch", "ravdess", "--out", tmp_path)
    assert ran.status == 0
    assert "one.zip: its MD5 is the published one\n" in ran.out
    assert f"two.zip: no digest is published\n  SHA-256 {'cd' * 32}\n" in ran.out
    assert f"{tmp_path / 'ravdess'}: 1,440 files" in ran.out
    assert f"emoscope train emoscope-voice --data ravdess={tmp_path / 'ravdess'}" in ran.out
    assert "CC BY-NC-SA 4.0" in ran.out
    monkeypatch.setattr(fetch, "fetch", lambda name, to, step: fetch.Fetched(name, to / name))
    assert "is there already" in run("data", "fetch", "ravdess", "--out", tmp_path).out


def test_fetching_that_fails_is_one_line(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run("data", "fetch", "ravdess", "--out", tmp_path / "data")
    assert (ran.status, len(ran.err.splitlines())) == (1, 1)
    assert "EMOSCOPE_OFFLINE" in ran.err

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "fetch", interrupted)
    ran = run("data", "fetch", "ravdess", "--out", tmp_path)
    assert ran.status == 130
    assert "run the same command again to go on" in ran.err


@pytest.mark.parametrize(
    "wrong",
    [
        ("fetch", "ravdes", "--out", "."),
        ("fetch", "ravdess"),
        ("audit", ".", "--corpus", "nothing"),
        ("show", ".", "--corpus", "nothing"),
        ("show", ".", "--out", "sheet.jpg"),
        ("audit",),
    ],
)
def test_wrong_usage_is_status_2(run: Callable, wrong: tuple[str, ...]) -> None:
    ran = run("data", *wrong)
    assert (ran.status, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_an_audit_of_faces(run: Callable, faces: Path) -> None:
    ran = run("data", "audit", faces)
    assert (ran.status, ran.err) == (0, "")
    for text in ("fer2013  18 pictures", "validation in train", "1 of 9 (11.1%)", "severe"):
        assert text in ran.out
    words = " ".join(ran.out.split())
    assert "1 of 9 validation pictures also stand in train" in words
    assert "Labels differ within 1 of 1 group" in words
    document = json.loads(run("data", "audit", faces, "--json").out)
    assert document["schema"] == "emoscope.audit/1"
    assert document["near"]["groups"] == [
        ["validation/happy/validationhappy2.png", "train/sad/trainsad1.png"]
    ]


def test_an_audit_of_voices(run: Callable, tess: Path) -> None:
    (tess / "OAF_sad" / "OAF_torn_sad.wav").write_bytes(b"RIFF")
    ran = run("data", "audit", tess)
    assert (ran.status, ran.err) == (0, "")
    for text in (
        "tess  24 recordings, 2 speakers with 12 each, 4 sentences",
        "the length of the clip, speakers left out",
        "24,000",
        "the file format, to tell the speaker",
        "cannot be read: 1",
        "OAF_sad/OAF_torn_sad.wav: ",
    ):
        assert text in ran.out
    document = json.loads(run("data", "audit", tess, "--json").out)
    assert document["corpus"] == "tess"
    assert document["lengths"][0]["chance"] == pytest.approx(1 / 3)
    assert len(document["skipped"]) == 1
    severities = [finding["severity"] for finding in document["findings"]]
    assert severities == sorted(severities, key=["severe", "warning", "note"].index)


def test_a_corpus_is_shown(run: Callable, faces: Path, tess: Path, tmp_path: Path) -> None:
    for folder in (faces, tess):
        path = tmp_path / f"{folder.name}-sheet.PNG"
        ran = run("data", "show", folder, "--out", path)
        assert (ran.status, ran.out.strip()) == (0, f"wrote {path}")
        assert cv2.imread(str(path)) is not None


def test_a_sheet_lies_here_under_the_name_of_the_folder(
    run: Callable, tess: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("data", "show", "tess", "--corpus", "tess").status == 0
    assert (tmp_path / "tess.png").is_file()


@pytest.mark.parametrize("command", ["audit", "show"])
def test_folders_that_are_no_corpus_are_one_line(
    run: Callable, tmp_path: Path, tess: Path, command: str
) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, word in (
        ((tmp_path / "missing",), "no such folder"),
        ((tmp_path / "empty",), "found nothing"),
        ((tess, "--corpus", "ravdess"), "no file is named as ravdess names them"),
        ((tess, "--corpus", "fer2013"), "expected"),
    ):
        ran = run("data", command, *arguments)
        assert (ran.status, ran.out) == (1, "")
        assert len(ran.err.splitlines()) == 1
        assert word in ran.err


def test_data_needs_no_torch(faces: Path, tess: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from emoscope.apps.cli import app\n"
        "assert not any(name.startswith('emoscope.training') for name in sys.modules)\n"
        f"for words in (['list'], ['audit', {str(faces)!r}], ['audit', {str(tess)!r}],\n"
        f"              ['show', {str(tess)!r}, '--out', {str(tmp_path / 'a.png')!r}]):\n"
        "    app(['data', *words], standalone_mode=False)\n"
        "heavy = {'torch', 'lightning', 'matplotlib', 'sklearn', 'librosa'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
