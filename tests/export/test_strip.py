from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emoscope.export.palette import emotion_colour
from emoscope.export.strip import VoiceStrip
from emoscope.results import VoiceEmotion


@pytest.fixture
def strip(make_voice: Callable[..., VoiceEmotion]) -> VoiceStrip:
    voice = [make_voice(1.0, 2.0, "sad"), make_voice(2.0, 3.0, "happy"), make_voice(5.0, 6.0)]
    return VoiceStrip(voice, 10.0, (1000, 560))


@pytest.mark.parametrize(
    ("time_s", "top"), [(0.5, None), (1.5, "sad"), (2.0, "happy"), (4.0, None), (5.5, "sad")]
)
def test_it_names_what_is_heard(strip: VoiceStrip, time_s: float, top: str | None) -> None:
    heard = strip.at(time_s)
    assert (heard.scores.top if heard is not None else None) == top
    image = np.full((560, 1000, 3), 90, dtype=np.uint8)
    strip.draw(image, time_s)
    assert (image[: 560 - strip.height] == 90).all()
    assert (image[560 - strip.height :] != 90).any(axis=2).all()
    names = image[560 - strip.height : 540, :300]
    for label in ("sad", "happy"):
        shown = (names == emotion_colour(label)).all(axis=2).any()
        assert shown == (label == top)


def test_its_line_shows_speech_in_the_whole_video(strip: VoiceStrip) -> None:
    image = np.zeros((560, 1000, 3), dtype=np.uint8)
    strip.draw(image, 10.0)
    line = image[-1]
    sad = np.flatnonzero((line == emotion_colour("sad")).all(axis=1))
    assert sad.min() == 100
    assert sad.max() == 599
    assert (line[100:200] == emotion_colour("sad")).all()
    assert (line[200:300] == emotion_colour("happy")).all()
