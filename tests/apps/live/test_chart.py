from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emoscope.apps.live.chart import WINDOW_S, LastMinute, draw_chart
from emoscope.apps.live.layout import lay_out
from emoscope.export.canvas import Canvas
from emoscope.export.palette import emotion_colour
from emoscope.live.state import LiveState

LAYOUT = lay_out((1280, 720), (16, 9))


def drawn(minute: LastMinute) -> np.ndarray:
    canvas = Canvas(np.zeros((720, 1280, 3), np.uint8))
    draw_chart(canvas, LAYOUT, minute.samples)
    chart = LAYOUT.chart
    return canvas.image[chart.y1 : chart.y2, chart.x1 : chart.x2]


def share_of(picture: np.ndarray, label: str) -> float:
    near = np.abs(picture.astype(int) - emotion_colour(label)).max(axis=2) < 30
    return float(near.mean())


def test_it_takes_five_samples_a_second_and_forgets_after_a_minute(
    make_state: Callable[..., LiveState],
) -> None:
    minute = LastMinute()
    kept = sum(minute.push(make_state(time_s=i / 30)) for i in range(30 * 200))
    assert kept == pytest.approx(200 * 5, rel=0.2)
    assert len(minute) <= 5 * (WINDOW_S + 2)
    assert minute.samples[-1].time_s - minute.samples[0].time_s <= WINDOW_S + 1


def test_what_runs_backwards_begins_anew(make_state: Callable[..., LiveState]) -> None:
    minute = LastMinute()
    minute.push(make_state(time_s=50.0))
    minute.push(make_state(time_s=1.0))
    assert [sample.time_s for sample in minute.samples] == [1.0]


def test_a_happy_minute_is_yellow(make_state: Callable[..., LiveState]) -> None:
    minute = LastMinute()
    for step in range(320):
        minute.push(make_state(time_s=step / 5))
    assert share_of(drawn(minute), "happy") > 0.3
    assert share_of(drawn(minute), "sad") > 0.01  # what the voice is read as, and the rest


def test_without_a_face_its_lane_stays_empty(make_state: Callable[..., LiveState]) -> None:
    minute = LastMinute()
    for step in range(320):
        minute.push(make_state(time_s=step / 5, faces=(), fused=None, voice=None))
    assert share_of(drawn(minute), "happy") == 0


def test_a_gap_is_not_bridged(make_state: Callable[..., LiveState]) -> None:
    whole, gap = LastMinute(), LastMinute()
    for step in range(300):
        whole.push(make_state(time_s=step / 5))
        if not 100 <= step < 200:
            gap.push(make_state(time_s=step / 5))
    assert share_of(drawn(gap), "happy") < 0.75 * share_of(drawn(whole), "happy")


def test_before_the_first_sample_there_are_empty_lanes() -> None:
    assert drawn(LastMinute()).any()
