from __future__ import annotations

from dataclasses import replace

import pytest

from emoscope.apps.dashboard.sentence import headline, sentence
from emoscope.results import Analysis, FaceEmotion

from .conftest import face_of, scores_of, voice_of


def _picture(*faces: FaceEmotion) -> Analysis:
    return Analysis("a.png", "image", 0.0, (200, 100), False, 1, {}, faces=faces)


def _recording(*labels: str) -> Analysis:
    voice = tuple(voice_of(i, i + 1, label) for i, label in enumerate(labels))
    return Analysis("a.wav", "audio", 3.0, None, True, 0, {}, voice=voice)


def test_one_face() -> None:
    assert sentence(_picture(face_of(0, "happy", 0.93))) == "The face appears happy (93%)."


def test_several_faces_are_counted() -> None:
    faces = [face_of(0, label, track=n) for n, label in enumerate(["happy", "sad", "happy"])]
    assert sentence(_picture(*faces)) == "Three faces appear: two happy and one sad."
    assert headline(_picture(*faces)) == ("happy", None)
    assert headline(_picture(*faces[:2])) is None, "no label stands for both"


def test_nothing_found() -> None:
    assert sentence(_picture()) == "No face was found in the picture."
    assert sentence(_recording()) == "No speech was heard."
    assert headline(_picture()) is None
    assert headline(_recording()) is None


def test_an_unsure_face_is_said_to_be_unsure() -> None:
    face = replace(face_of(0, "happy"), scores=scores_of("happy", 0.25, least=0.3))
    assert sentence(_picture(face)) == "The face appears unsure (no emotion above 25%)."
    assert headline(_picture(face)) == (None, pytest.approx(0.25))


def test_a_voice() -> None:
    assert sentence(_recording("angry")) == "The voice sounds angry (70%)."


def test_a_video_without_sound() -> None:
    video = Analysis(
        "v.mp4", "video", 1.0, (10, 10), False, 1, {}, faces=(face_of(0, "happy", 0.6),)
    )
    assert sentence(video) == "The face appears happy (60%) and there is no sound."


def test_all_together(talk: Analysis) -> None:
    assert sentence(talk) == (
        "The face appears happy (51%), the voice sounds happy (56%) and the words express happy "
        "(80%). Together: happy (40%); they agree in part (50%), least at 0:00.0."
    )
    assert headline(talk) == ("happy", pytest.approx(0.4))
