from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from emoscope.analyzer import Analyzer
from emoscope.apps.live.session import LatestFrame, Session
from emoscope.errors import SourceError
from emoscope.live.cameras import IterableCamera
from emoscope.live.microphones import IterableMicrophone
from emoscope.media import Frame, Sound

WAIT_S = 20.0


def frame(time_s: float) -> Frame:
    return Frame(time_s, np.zeros((60, 80, 3), np.uint8))


class Flaky:
    """A camera that goes away for good after one frame."""

    name = "camera 7"

    def __init__(self) -> None:
        self.closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        yield frame(0.0)
        raise SourceError(self.name, "gives no picture any more; plug it in again")

    def close(self) -> None:
        self.closed.set()


def test_the_newest_frame_wins() -> None:
    latest = LatestFrame()
    assert latest.after(0, 0.0) == (None, 0)
    for number in range(5):
        latest.put(frame(float(number)))
    newest, count = latest.after(0, WAIT_S)
    assert newest is not None
    assert (newest.time_s, count) == (4.0, 5)
    assert latest.after(5, 0.0)[1] == 5


def test_waiting_ends_when_a_frame_comes() -> None:
    latest = LatestFrame()
    threading.Timer(0.05, latest.put, [frame(1.0)]).start()
    assert latest.after(0, WAIT_S)[1] == 1


def test_it_reads_both_and_says_when_they_ended(analyzer: Analyzer) -> None:
    sound = Sound(0.0, np.zeros(16_000, np.float32))
    with Session(
        analyzer,
        IterableCamera([frame(0.0), frame(0.1)], "film"),
        IterableMicrophone([sound], "talk"),
    ) as session:
        assert session.latest.after(1, WAIT_S)[1] >= 1
        assert session.engine.wait(0.5, WAIT_S) is not None
        for capture in session.captures.values():
            assert capture.wait(WAIT_S)
        assert session.ended
        assert session.camera.name == "film"
        assert session.camera.message == "film: it ended"
        assert not session.microphone.open
    analysis = session.close()
    assert analysis.has_sound
    assert analysis.frames_read >= 1


def test_a_camera_that_goes_away_is_named_and_released(analyzer: Analyzer) -> None:
    source = Flaky()
    with Session(analyzer, source, None) as session:
        assert session.latest.after(0, WAIT_S)[1] == 1
        while session.camera.message is None:
            assert session.latest.after(10_000, 0.02) is not None
        assert "camera 7" in session.camera.message
        assert "trying again" in session.camera.message
        assert not session.camera.open
        assert not session.ended
        assert session.microphone.name is None
    assert source.closed.is_set()


def test_what_could_not_be_opened_is_said(analyzer: Analyzer) -> None:
    problems = {"microphone": "microphone: cannot be opened"}
    camera = IterableCamera([frame(0.0)], "film")
    with Session(analyzer, camera, None, problems=problems) as session:
        assert session.microphone.message == "microphone: cannot be opened"
        assert session.microphone.name is None


def test_wrong_values_leave_no_thread_behind(analyzer: Analyzer) -> None:
    before = threading.active_count()
    source = Flaky()
    with pytest.raises(ValueError, match="smooth_s"):
        Session(analyzer, source, None, smooth_s=-1.0)
    assert threading.active_count() == before
