"""Subtitles that players read, whatever was said."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Callable
from io import StringIO

import pytest
from hypothesis import given, settings

from emoscope.export.formats import Format, render
from emoscope.export.plain import one_line
from emoscope.labels import plain_label
from emoscope.results import Analysis, TextEmotion

from ..made_up import some_analyses  # noqa: TID252

TIME = r"\d\d:[0-5]\d:[0-5]\d"


@pytest.fixture
def said(make_analysis: Callable[..., Analysis], scores: Callable) -> Callable[..., Analysis]:
    def build(*words: tuple[float, float, str]) -> Analysis:
        found = tuple(TextEmotion(a, b, text, scores("happy")) for a, b, text in words)
        return dataclasses.replace(make_analysis("talk.wav", "audio"), words=found)

    return build


def subtitles(analysis: Analysis, kind: Format) -> str:
    return render(analysis, kind).decode("utf-8")


def test_cues_are_numbered_and_timed(said: Callable[..., Analysis]) -> None:
    analysis = said((0.0, 1.5, "I love it."), (3661.2345, 3662.0, "Do you?"))
    assert subtitles(analysis, Format.SRT) == (
        "1\n00:00:00,000 --> 00:00:01,500\nI love it.\n\n"
        "2\n01:01:01,234 --> 01:01:02,000\nDo you?\n"
    )
    assert subtitles(analysis, Format.VTT) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nI love it.\n\n"
        "01:01:01.234 --> 01:01:02.000\nDo you?\n"
    )


def test_hostile_text_stays_inside_its_cue(said: Callable[..., Analysis]) -> None:
    text = "a <b> & c\n\n2\n00:00:00.000 --> 00:00:09.000\nfake \ud800 😀 مرحبا " + "long " * 40
    analysis = said((1.0, 1.0, text), (2.0, 3.0, "  "))
    for kind in (Format.SRT, Format.VTT):
        found = subtitles(analysis, kind)
        assert found.count("-->") == 1
        start, end = re.findall(TIME + r"[.,]\d{3}", found)[:2]
        assert start < end
        body = found.split(end + "\n")[1]
        assert "\n\n" not in body
        assert max(map(len, body.splitlines())) <= 60
        assert "😀" in body
    assert "&lt;b&gt; &amp; c" in found


def test_where_nobody_wrote_the_words_down_the_voice_is_named(
    make_analysis: Callable[..., Analysis], make_voice: Callable, said: Callable[..., Analysis]
) -> None:
    voice = [make_voice(0.5, 1.5), make_voice(2, 3, share=0.2)]
    analysis = make_analysis("talk.wav", "audio", None, 4.0, voice=voice)
    wanted = [("00:00:00,500", "[sad]"), ("00:00:02,000", "[unsure]")]
    found = re.findall(rf"({TIME},\d+) --> .*\n(.*)\n", subtitles(analysis, Format.SRT))
    assert found == wanted
    mute = dataclasses.replace(analysis, words=said((0, 1, " ")).words)
    assert "[sad]" in subtitles(mute, Format.VTT)
    heard = dataclasses.replace(analysis, words=said((0, 1, "Well.")).words)
    assert "[sad]" not in subtitles(heard, Format.VTT)


def wanted(analysis: Analysis) -> list[tuple[int, int, str]]:
    """Milliseconds and text of each cue."""
    said = [(text.start_s, text.end_s, one_line(text.text)) for text in analysis.words]
    heard = [
        (v.start_s, v.end_s, f"[{plain_label(v.scores.top or 'unsure')}]") for v in analysis.voice
    ]
    rows = [row for row in said if row[2]] or heard
    return [
        (round(start * 1000), round(max(end, start + 0.001) * 1000), text)
        for start, end, text in sorted(rows, key=lambda row: row[0])
    ]


def milliseconds(clock: str) -> int:
    hours, minutes, seconds = clock.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + int(seconds.replace(".", ""))


@given(some_analyses())
@settings(max_examples=60, deadline=None)
def test_other_readers_read_the_same(analysis: Analysis) -> None:
    pysubs2, webvtt = pytest.importorskip("pysubs2"), pytest.importorskip("webvtt")
    if not Format.SRT.applies_to(analysis):
        return
    cues = wanted(analysis)
    read = pysubs2.SSAFile.from_string(subtitles(analysis, Format.SRT), format_="srt")
    found = [(cue.start, cue.end, " ".join(cue.plaintext.split())) for cue in read]
    plain = str.maketrans("<>{}\\", "‹›()/")
    assert found == [(start, end, text.translate(plain)) for start, end, text in cues]
    read = webvtt.from_buffer(StringIO(subtitles(analysis, Format.VTT)))
    assert cues == [
        (
            milliseconds(cue.start),
            milliseconds(cue.end),
            html.unescape(" ".join(cue.raw_text.split())),
        )
        for cue in read
    ]
