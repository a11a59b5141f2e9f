"""The thread that takes what a source gives: times, endings, and devices that die."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emoscope.errors import CorruptMediaError, SourceError
from emoscope.live import Capture
from emoscope.live.cameras import IterableCamera
from emoscope.live.microphones import IterableMicrophone
from emoscope.media import Frame, Sound

Paint, Utter = Callable[..., Frame], Callable[..., Sound]
PATIENCE_S = 20.0


class Scripted:
    """A camera that does each time what its script says next."""

    name = "scripted"

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.closed = 0
        self.stopped = threading.Event()

    def frames(self) -> Iterator[Frame]:
        for step in self.script.pop(0):
            if isinstance(step, Exception):
                raise step
            yield step

    def close(self) -> None:
        self.closed += 1
        self.stopped.set()


def test_it_hands_over_everything_and_says_that_it_ended(paint: Paint) -> None:
    seen: list[Frame] = []
    with Capture(
        IterableCamera([paint(0.0), paint(0.5)], "film"), seen.append, lambda: 0.0
    ) as capture:
        assert capture.wait(PATIENCE_S)
    assert len(seen) == 2
    assert capture.ended
    assert not capture.open
    assert capture.message == "film: it ended"


def test_times_are_moved_to_the_session_clock(paint: Paint) -> None:
    now = iter([10.0, 10.52, 11.0, 11.5, 99.0, 99.5])
    frames = [paint(100.0), paint(100.5), paint(101.0), paint(101.5), paint(102.0), paint(102.5)]
    seen: list[Frame] = []
    with Capture(IterableCamera(frames), seen.append, lambda: next(now)) as capture:
        assert capture.wait(PATIENCE_S)
    # The fifth came after its clock was set: it counts from there.
    assert [round(frame.time_s, 3) for frame in seen] == [10.0, 10.5, 11.0, 11.5, 99.0, 99.5]


def test_sound_arrives_when_it_is_over(utter: Utter) -> None:
    now = iter([3.0, 3.1])
    seen: list[Sound] = []
    sounds = [utter(0.0, 0.1), utter(0.1, 0.1)]
    with Capture(IterableMicrophone(sounds), seen.append, lambda: next(now)) as capture:
        assert capture.wait(PATIENCE_S)
    assert [round(sound.time_s, 3) for sound in seen] == [2.9, 3.0]


def test_a_device_that_dies_is_tried_again(paint: Paint) -> None:
    source = Scripted(
        [paint(0.0), SourceError("camera 0", "gives no picture any more")],
        [SourceError("camera 0", "cannot be opened")],
        [paint(0.0)],
    )
    messages: list[str | None] = []
    capture: Capture

    def push(frame: Frame) -> None:
        messages.append(capture.message)

    ready = threading.Event()

    def clock() -> float:
        assert ready.wait(PATIENCE_S)
        return 0.0

    with Capture(source, push, clock, retry_s=0.0) as capture:
        ready.set()
        assert capture.wait(PATIENCE_S)
    assert messages == [None, None]
    assert source.script == []
    assert source.closed >= 1


def test_a_device_that_is_gone_has_a_message_and_can_be_closed(paint: Paint) -> None:
    gone = SourceError("camera 0", "gives no picture any more")
    tried = threading.Event()

    class Gone(Scripted):
        def frames(self) -> Iterator[Frame]:
            yield paint(0.0)
            tried.set()
            raise gone

    source = Gone()
    with Capture(source, lambda frame: None, lambda: 0.0, retry_s=60.0) as capture:
        assert tried.wait(PATIENCE_S)
        while capture.message is None:
            assert not capture.wait(0.001)
        assert capture.message == "camera 0: gives no picture any more (trying again)"
        assert not capture.open
        assert not capture.ended
    assert source.closed >= 1
    assert not capture._thread.is_alive()


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (CorruptMediaError("x", "the file is cut short"), "scripted: the file is cut short"),
        (RuntimeError("own generator"), "scripted: RuntimeError: own generator"),
    ],
)
def test_what_cannot_come_back_ends(paint: Paint, problem: Exception, said: str) -> None:
    source = Scripted([paint(0.0), problem])
    with Capture(source, lambda frame: None, lambda: 0.0) as capture:
        assert capture.wait(PATIENCE_S)
        assert (capture.message, capture.ended) == (said, True)


def test_closing_releases_a_source_that_goes_on(paint: Paint) -> None:
    began = threading.Event()

    class Endless(Scripted):
        def frames(self) -> Iterator[Frame]:
            while not self.stopped.is_set():
                began.set()
                yield paint(0.0)

    source = Endless()
    capture = Capture(source, lambda frame: None, lambda: 0.0)
    assert began.wait(PATIENCE_S)
    capture.close()
    capture.close()
    assert not capture._thread.is_alive()
    assert source.closed
    assert capture.message is None
