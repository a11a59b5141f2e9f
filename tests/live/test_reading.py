"""What a live session shows, without threads and clocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from emoscope.live.reading import LiveReader
from emoscope.live.state import LiveState
from emoscope.media import Frame, Sound

Paint, Utter = Callable[..., Frame], Callable[..., Sound]


@pytest.fixture
def reader(analyzer: Any) -> LiveReader:
    return LiveReader(analyzer, detect_every=1, smooth_s=0.5, keep_s=60.0)


def listen(
    reader: LiveReader, utter: Utter, start_s: float, seconds: float, label: str | None = None
) -> list[LiveState]:
    """Sound in twentieths of a second; the state after each."""
    states = []
    for index in range(round(seconds * 20)):
        reader.hear([utter(start_s + index / 20, 0.05, label)])
        states.append(reader.state())
    return states


def test_a_frame_shows_faces_with_their_labels(reader: LiveReader, paint: Paint) -> None:
    reader.see(paint(0.5, "happy", "sad"))
    state = reader.state()
    assert [(f.track_id, f.label, f.held) for f in state.faces] == [
        (0, "happy", False),
        (1, "sad", False),
    ]
    assert (state.time_s, state.frame_time_s, state.size_px) == (0.5, 0.5, (200, 100))
    assert state.fused is not None
    assert state.fused_label == state.leading_face.label  # type: ignore[union-attr]
    assert state.voice is None


def test_a_frame_from_the_past_is_left_out(reader: LiveReader, paint: Paint) -> None:
    reader.see(paint(1.0, "happy"))
    reader.see(paint(0.5, "sad"))
    assert reader.state().frame_time_s == 1.0


def test_speech_is_read_while_it_goes_on_and_when_it_ends(reader: LiveReader, utter: Utter) -> None:
    speaking = listen(reader, utter, 0.0, 4.0, "angry")
    first = next(state for state in speaking if state.voice is not None)
    assert first.time_s == pytest.approx(1.0, abs=0.3)
    assert first.speaking
    assert first.voice is not None
    assert (first.voice.label, first.voice.held) == ("angry", False)
    assert len({state.voice.end_s for state in speaking if state.voice is not None}) >= 3
    silent = listen(reader, utter, 4.0, 2.0)
    assert silent[-1].voice is not None
    assert (silent[-1].voice.label, silent[-1].voice.held) == ("angry", True)
    assert (silent[-1].voice.start_s, silent[-1].voice.end_s) == (0.0, 4.0)
    assert not silent[-1].speaking
    assert len(reader.close().voice) == 1


def test_with_a_key_only_what_is_recorded_is_read(reader: LiveReader, utter: Utter) -> None:
    reader.voice_mode = "key"
    before = listen(reader, utter, 0.0, 3.0, "angry")
    assert before[-1].speaking
    assert before[-1].voice is None
    reader.record(2.0)
    during = listen(reader, utter, 3.0, 2.2, "calm")
    shares = [state.recording for state in during if state.recording is not None]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert 0.9 < shares[-1] < 1.0
    voice = during[-1].voice
    assert voice is not None
    assert (voice.label, voice.held) == ("calm", True)
    assert voice.end_s - voice.start_s == pytest.approx(2.0)
    assert during[-1].recording is None


def test_a_recording_of_silence_is_not_read(reader: LiveReader, utter: Utter) -> None:
    reader.record(1.0)
    states = listen(reader, utter, 0.0, 1.5)
    assert states[5].recording is not None
    assert states[-1].recording is None
    assert states[-1].voice is None


def test_without_a_microphone_a_recording_ends_all_the_same(
    reader: LiveReader, paint: Paint
) -> None:
    reader.record(1.0)
    shares = []
    for tenth in range(13):
        reader.see(paint(tenth / 10, "happy"))
        shares.append(reader.state().recording)
    assert shares[5] == pytest.approx(0.5)
    assert shares[-1] is None


def test_a_recording_can_be_dropped(reader: LiveReader, utter: Utter) -> None:
    reader.voice_mode = "key"
    reader.record(1.0)
    listen(reader, utter, 0.0, 0.5, "happy")
    reader.drop_recording()
    assert listen(reader, utter, 0.5, 1.0, "happy")[-1].voice is None


def test_nobody_is_shown_once_the_camera_gives_nothing(
    reader: LiveReader, paint: Paint, utter: Utter
) -> None:
    reader.see(paint(0.0, "happy"))
    states = listen(reader, utter, 0.0, 4.0)
    assert states[20].faces
    assert states[-1].faces == ()
    assert states[-1].fused is None


def test_the_same_input_gives_the_same_states(analyzer: Any, paint: Paint, utter: Utter) -> None:
    def run() -> list[dict[str, Any]]:
        reader = LiveReader(analyzer, detect_every=2, smooth_s=0.5, keep_s=10.0)
        states = []
        for tenth in range(40):
            reader.hear([utter(tenth / 10, 0.1, "sad" if tenth % 20 < 9 else None)])
            reader.see(paint(tenth / 10, "happy" if tenth < 25 else "neutral"))
            states.append(reader.state().to_dict())
        return states

    assert run() == run()
