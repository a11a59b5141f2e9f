from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emoscope.export.palette import emotion_colour
from emoscope.export.timeline import draw_timeline
from emoscope.results import Analysis, VoiceEmotion, clock


@pytest.fixture
def outline() -> np.ndarray:
    wave = np.abs(np.sin(np.linspace(0, 60, 1000)))
    return np.stack([-wave, wave], axis=1)


def columns_of(image: np.ndarray, colour: tuple[int, int, int], rows: slice) -> np.ndarray:
    found = (image[rows] == colour).all(axis=2).any(axis=0)
    return np.flatnonzero(found) - 56


def test_a_reading_is_drawn_where_it_lies(
    outline: np.ndarray,
    make_analysis: Callable[..., Analysis],
    make_voice: Callable[..., VoiceEmotion],
) -> None:
    voice = [make_voice(2.0, 4.0, "happy"), make_voice(5.0, 9.0, "angry")]
    image = draw_timeline(make_analysis("talk.wav", "audio", None, 10.0, voice=voice), outline)
    assert image.shape == (706, 1112, 3)
    assert image.dtype == np.uint8
    wave = slice(160, 380)
    happy = columns_of(image, emotion_colour("happy"), wave)
    assert happy.min() == pytest.approx(200, abs=2)
    assert happy.max() == pytest.approx(400, abs=2)
    angry = columns_of(image, emotion_colour("angry"), wave)
    assert angry.min() == pytest.approx(500, abs=2)
    assert angry.max() == pytest.approx(900, abs=2)


def test_probabilities_are_stacked_in_proportion(
    outline: np.ndarray,
    make_analysis: Callable[..., Analysis],
    make_voice: Callable[..., VoiceEmotion],
) -> None:
    voice = [make_voice(2.0, 8.0, "sad", 0.4)]
    image = draw_timeline(make_analysis("talk.wav", "audio", None, 10.0, voice=voice), outline)
    column = image[470:600, 56 + 500]
    assert (column == emotion_colour("sad")).all(axis=1).sum() == pytest.approx(52, abs=1)
    assert (column == emotion_colour("angry")).all(axis=1).sum() == pytest.approx(13, abs=1)


@pytest.mark.parametrize("count", [1, 700, 3000])
@pytest.mark.parametrize("duration_s", [0.0, 0.3, 70.0, 20_000.0])
def test_any_length_is_drawn(
    count: int,
    duration_s: float,
    make_analysis: Callable[..., Analysis],
    make_voice: Callable[..., VoiceEmotion],
) -> None:
    voice = [make_voice(0.0, duration_s)] if duration_s > 1 else []
    analysis = make_analysis("x" * 300 + ".wav", "audio", None, duration_s, voice=voice)
    image = draw_timeline(analysis, np.zeros((count, 2)))
    assert image.shape == (706 if voice else 476, max(count, 800) + 112, 3)


def test_another_shape_is_refused(make_analysis: Callable[..., Analysis]) -> None:
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        draw_timeline(make_analysis("talk.wav", "audio"), np.zeros(5))


@pytest.mark.parametrize(
    ("seconds", "step_s", "text"),
    [
        (0, 1, "0:00"),
        (64.4, 1, "1:04"),
        (59.97, 0.1, "1:00.0"),
        (3.25, 0.5, "0:03.2"),
        (3750, 30, "1:02:30"),
    ],
)
def test_clock(seconds: float, step_s: float, text: str) -> None:
    assert clock(seconds, step_s) == text
