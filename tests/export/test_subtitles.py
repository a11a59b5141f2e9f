"""Subtitles that players read, whatever was said."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from emoscope.export.subtitles import write_srt, write_vtt
from emoscope.results import Analysis, TextEmotion

TIME = r"\d\d:[0-5]\d:[0-5]\d"


@pytest.fixture
def said(make_analysis: Callable[..., Analysis], scores: Callable) -> Callable[..., Analysis]:
    def build(*words: tuple[float, float, str]) -> Analysis:
        found = tuple(TextEmotion(a, b, text, scores("happy")) for a, b, text in words)
        return dataclasses.replace(make_analysis("talk.wav", "audio"), words=found)

    return build


def test_cues_are_numbered_and_timed(tmp_path: Path, said: Callable[..., Analysis]) -> None:
    analysis = said((0.0, 1.5, "I love it."), (3661.2345, 3662.0, "Do you?"))
    write_srt(analysis, tmp_path / "a.srt")
    assert (tmp_path / "a.srt").read_text() == (
        "1\n00:00:00,000 --> 00:00:01,500\nI love it.\n\n"
        "2\n01:01:01,234 --> 01:01:02,000\nDo you?\n"
    )
    write_vtt(analysis, tmp_path / "a.vtt")
    assert (tmp_path / "a.vtt").read_text() == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nI love it.\n\n"
        "01:01:01.234 --> 01:01:02.000\nDo you?\n"
    )


def test_hostile_text_stays_inside_its_cue(tmp_path: Path, said: Callable[..., Analysis]) -> None:
    text = "a <b> & c\n\n2\n00:00:00.000 --> 00:00:09.000\nfake \ud800 😀 مرحبا " + "long " * 40
    analysis = said((1.0, 1.0, text), (2.0, 3.0, "  "))
    for write, name in ((write_srt, "a.srt"), (write_vtt, "a.vtt")):
        write(analysis, tmp_path / name)
        found = (tmp_path / name).read_text(encoding="utf-8")
        assert found.count("-->") == 1
        start, end = re.findall(TIME + r"[.,]\d{3}", found)[:2]
        assert start < end
        body = found.split(end + "\n")[1]
        assert "\n\n" not in body
        assert max(map(len, body.splitlines())) <= 60
        assert "😀" in body
    assert "&lt;b&gt; &amp; c" in found
