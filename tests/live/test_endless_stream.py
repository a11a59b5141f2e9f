"""A stream without an end forgets, bridges what is missing, and reads what it is asked to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emoscope.media import Frame, Sound
from emoscope.stream import EmotionStream

Paint, Utter = Callable[..., Frame], Callable[..., Sound]


def drive(stream: EmotionStream, paint: Paint, utter: Utter, seconds: int) -> None:
    for second in range(seconds):
        stream.push_sound(utter(second, 0.5, "angry"))
        stream.push_sound(utter(second + 0.5, 0.5))
        for tenth in range(10):
            stream.push_frame(paint(second + tenth / 10, "happy"))


def counts(stream: EmotionStream) -> dict[str, int]:
    line = stream._together
    return {
        "faces": len(stream._faces),
        "voice": len(stream._voice),
        "times": len(line._frames_s),
        "seen": len(line._faces),
        "heard": len(line._voices),
    }


def test_it_does_not_grow(analyzer: Any, paint: Paint, utter: Utter) -> None:
    stream = analyzer.stream(keep_s=5.0)
    drive(stream, paint, utter, 12)
    early = counts(stream)
    assert early["faces"] <= 52
    assert early["voice"] <= 6
    for second in range(12, 20):
        stream.push_sound(utter(second, 0.5, "angry"))
        stream.push_sound(utter(second + 0.5, 0.5))
        for tenth in range(10):
            stream.push_frame(paint(second + tenth / 10, "happy"))
    assert counts(stream) == early


def test_what_is_kept_is_what_a_stream_that_keeps_all_has_last(
    analyzer: Any, paint: Paint, utter: Utter
) -> None:
    short, whole = analyzer.stream(keep_s=5.0), analyzer.stream()
    drive(short, paint, utter, 12)
    drive(whole, paint, utter, 12)
    assert short.moment == whole.moment
    few, all_of_it = short.close(), whole.close()
    assert few.faces == all_of_it.faces[-len(few.faces) :]
    assert few.voice == all_of_it.voice[-len(few.voice) :]
    assert few.faces[0].time_s == pytest.approx(7.0)
    assert few.frames_read == all_of_it.frames_read


def test_the_weight_of_faces_that_left_is_forgotten(analyzer: Any, paint: Paint) -> None:
    stream = analyzer.stream(keep_s=5.0)
    stream.push_frame(paint(0.0, "happy", "sad"))
    for tenth in range(1, 120):
        stream.push_frame(paint(tenth / 10, "happy"))
    assert set(stream._together._prominence) == {0}


def test_a_stretch_is_read_whatever_the_gate_says(analyzer: Any, utter: Utter) -> None:
    stream = analyzer.stream()
    assert stream.read_sound(0.0, 1.0) is None
    stream.push_sound(utter(3.0, 2.0, "calm"), read=False)
    stream.push_sound(utter(5.0, 1.0), read=False)
    assert stream.moment.voice is None
    found = stream.read_sound(3.5, 4.5)
    assert (found.start_s, found.end_s, found.scores.top) == (3.5, 4.5, "calm")
    assert stream.moment.voice == found
    assert stream.moment.fused is not None
    clipped = stream.read_sound(4.0, 99.0)
    assert (clipped.start_s, clipped.end_s) == (4.0, 6.0)
    assert stream.read_sound(5.9, 99.0) is None
    assert stream.close().voice == (found, clipped)


def test_a_passing_reading_stands_until_the_next(analyzer: Any, utter: Utter) -> None:
    stream = analyzer.stream()
    stream.push_sound(utter(0.0, 2.0, "sad"))
    passing = stream.read_sound(0.5, 1.5, passing=True)
    assert stream.moment.voice == passing
    assert stream.moment.fused.weights["voice"] == 1.0
    stream.push_sound(utter(2.0, 0.5))
    last = stream.moment.voice
    assert (last.start_s, last.end_s) == (0.0, 2.0)
    assert stream.close().voice == (last,)


def test_speech_ends_where_sound_is_missing(analyzer: Any, utter: Utter) -> None:
    stream = analyzer.stream()
    stream.push_sound(utter(0.0, 1.0, "angry"))
    stream.push_sound(utter(60.0, 1.0, "happy"))
    stream.push_sound(utter(61.0, 0.5))
    found = [(v.start_s, v.end_s, v.scores.top) for v in stream.close().voice]
    assert found == [(0.0, 1.0, "angry"), (60.0, 61.0, "happy")]


def test_a_small_gap_is_none(analyzer: Any, utter: Utter) -> None:
    stream = analyzer.stream()
    stream.push_sound(utter(0.0, 1.0, "angry"))
    stream.push_sound(utter(1.05, 1.0, "angry"))
    assert len(stream.close().voice) == 1


def test_a_face_leaves_when_no_frame_comes_any_more(
    analyzer: Any, paint: Paint, utter: Utter
) -> None:
    stream = analyzer.stream()
    stream.push_frame(paint(0.0, "happy"))
    stream.push_sound(utter(0.0, 2.5))
    assert stream.moment.faces
    stream.push_sound(utter(2.5, 1.0))
    assert stream.moment.faces == ()
    assert stream.moment.fused is None


def test_what_is_forgotten_must_not_be_needed(analyzer: Any) -> None:
    with pytest.raises(ValueError, match="keep_s"):
        analyzer.stream(keep_s=1.0)
