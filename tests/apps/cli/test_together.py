"""The line that says what all modalities express together."""

from __future__ import annotations

from rich.console import Console

from emoscope.apps.cli.render import render
from emoscope.labels import SHARED
from emoscope.results import Analysis, FusedEmotion, Scores


def shown(*fused: FusedEmotion) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(render(Analysis("a.wav", "audio", 9.0, None, True, 0, {}, fused=fused)))
    return captured.get()


def answer(time_s: float, congruence: float | None, least: float = 0.0) -> FusedEmotion:
    probabilities = tuple(0.61 if name == "happy" else 0.065 for name in SHARED)
    return FusedEmotion(
        time_s,
        Scores(SHARED, probabilities, least),
        {"face": 0.5, "voice": 0.5, "words": 0.0},
        congruence=congruence,
    )


def test_one_line_says_label_share_and_congruence() -> None:
    lines = [line.strip() for line in shown(answer(0.0, 0.82)).splitlines()]
    assert "together: happy 61%, congruence 0.82" in lines


def test_of_several_it_names_the_least_congruent_moment() -> None:
    text = shown(answer(0.0, 0.9), answer(2.0, 0.5))
    assert "congruence 0.70, least at 0:02.0" in text


def test_it_abstains_and_is_silent_where_nothing_came_together() -> None:
    assert "together: unsure 61%" in shown(answer(0.0, 0.9, least=0.7))
    assert "together" not in shown(answer(0.0, None))
