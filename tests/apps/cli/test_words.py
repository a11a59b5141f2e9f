"""``emoscope analyze --transcribe``: what is said before anything is read."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from emoscope.apps.cli.render import render
from emoscope.labels import SHARED_LABELS
from emoscope.results import Analysis, Scores, TextEmotion

Models = Sequence[object]


def test_offline_one_line_tells_how_to_fetch_it(run: Callable, blank: Path) -> None:
    pytest.importorskip("faster_whisper")
    ran = run("analyze", blank, "--transcribe", "tiny")
    assert (ran.status, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1
    assert "emoscope models fetch whisper-tiny" in ran.err
    fetched = run("models", "fetch", "whisper-tiny")
    assert fetched.status == 1
    assert "--from FOLDER" in fetched.err


def test_what_is_no_whisper_is_wrong_usage(run: Callable, blank: Path) -> None:
    for wrong in ("tinny", blank):
        ran = run("analyze", blank, "--transcribe", wrong)
        assert (ran.status, ran.out) == (2, "")
        assert "tiny, base, small, medium, large-v3, turbo" in ran.err


@pytest.mark.parametrize("options", [("--language", "de"), ("--translate",)])
def test_options_of_words_need_words(run: Callable, blank: Path, options: Models) -> None:
    ran = run("analyze", blank, *options)
    assert (ran.status, ran.out) == (2, "")
    assert "--transcribe" in ran.err


def test_sizes_are_listed(run: Callable) -> None:
    assert "whisper-large-v3" in run("models", "list").out


def test_the_table_shows_words_with_language_and_emotion() -> None:
    happy = Scores.of(SHARED_LABELS, [0, 0, 0, 0.9, 0, 0, 0.1])
    words = tuple(
        TextEmotion(
            float(n), n + 0.5, f"[bold]wort{n}", happy, "de", 0.9, translated=True,
            scored_text=f"word{n}",
        )
        for n in range(20)
    )  # fmt: skip
    models = {"transcriber": "tiny"}
    analysis = Analysis("talk.wav", "audio", 30.0, None, True, 0, models, words=words)
    console = Console(width=100, file=io.StringIO())
    console.print(render(analysis))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[bold]wort0" in text
    assert "word19" in text
    assert "word10" not in text
    assert "de→en" in text
    assert "happy" in text
