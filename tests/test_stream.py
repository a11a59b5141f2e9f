"""The stream: the same input gives the same output, however it is cut or batched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.face.detect import Detection
from emoscope.face.recognise import FaceRecogniser
from emoscope.labels import SHARED, VOICE_LABELS, LabelSet
from emoscope.media import SAMPLE_RATE, Frame, Sound
from emoscope.results import Analysis, Scores
from emoscope.stream import EmotionStream, FaceParts, VoiceParts
from emoscope.translated import TranslatedReading
from emoscope.voice.memory import SoundMemory
from emoscope.voice.recognise import VoiceRecogniser
from emoscope.voice.spans import SpanRule

from .loud_gate import LoudGate


class BrightSquares:
    """Finds the squares that were painted: one per left or right half that is not black."""

    name = "yunet@test"

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Detection]:
        self.calls += 1
        found = []
        for x in (20.0, 120.0):
            if image_rgb[50, int(x) + 30].any():
                found.append(Detection((x, 20.0, x + 60.0, 80.0), 0.9))
        return found


def frame(time_s: float, left: int = 0, right: int = 0) -> Frame:
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, :100], image[:, 100:] = left, right
    # Small squares, lighter and darker, so that there is something sharp to see.
    squares = np.indices((100, 200)).sum(0) // 4 % 2 == 0
    image[(image > 0) & squares[:, :, None]] += 6
    image[(image > 0) & ~squares[:, :, None]] -= 6
    return Frame(time_s, image)


def level(label: str, labels: Sequence[str]) -> float:
    """What the tiny models read as ``label``."""
    return (list(labels).index(label) + 0.5) / len(labels)


def grey(label: str) -> int:
    return round(255 * level(label, SHARED))


def tone(label: str, seconds: float) -> NDArray[np.float32]:
    return np.full(round(seconds * SAMPLE_RATE), level(label, VOICE_LABELS.names), np.float32)


def quiet(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


Maker = Callable[..., EmotionStream]


@pytest.fixture
def make_stream(
    tmp_path: Path, tiny_face_model: Callable[..., Path], tiny_voice_model: Callable[..., Path]
) -> Maker:
    tiny_face_model(tmp_path / "face.onnx")
    tiny_voice_model(tmp_path / "voice.onnx")
    face = FaceRecogniser(tmp_path / "face.onnx", threads=1)
    voice = VoiceRecogniser(tmp_path / "voice.onnx", threads=1)

    def make(detector: BrightSquares | None = None, **options: object) -> EmotionStream:
        return EmotionStream(
            lambda: FaceParts(detector or BrightSquares(), face),
            lambda: VoiceParts(LoudGate(), voice),
            **options,  # type: ignore[arg-type]
        )

    return make


def push_sound(
    stream: EmotionStream, waveform: NDArray[np.float32], chunk: int, first_s: float = 0.0
) -> None:
    for start in range(0, len(waveform), chunk):
        stream.push_sound(Sound(first_s + start / SAMPLE_RATE, waveform[start : start + chunk]))


def test_a_frame_is_read_at_once_and_stands_in_the_moment(make_stream: Maker) -> None:
    stream = make_stream()
    stream.push_frame(frame(0.0, grey("happy"), grey("sad")))
    faces = stream.moment.faces
    assert [(f.track_id, f.scores.top) for f in faces] == [(0, "happy"), (1, "sad")]
    assert faces[0].box_xyxy == (20.0, 20.0, 80.0, 80.0)
    stream.push_frame(frame(3.0))
    assert stream.moment.faces == ()


def drive(stream: EmotionStream) -> Analysis:
    for index in range(12):
        right = grey("fear") if index < 8 else grey("surprise")
        stream.push_frame(frame(index / 10, grey("happy"), right))
    return stream.close(source="x", kind="video")


def test_batches_change_nothing(make_stream: Maker) -> None:
    assert drive(make_stream()).faces == drive(make_stream(face_batch=7)).faces
    assert len(drive(make_stream(face_batch=1000)).faces) == 24


def test_detection_need_not_run_on_every_frame(make_stream: Maker) -> None:
    detector = BrightSquares()
    analysis = drive(make_stream(detector, detect_every=3))
    assert detector.calls == 4
    assert analysis.track_ids == (0, 1)
    assert len(analysis.faces) == 24
    assert [f.box_held for f in analysis.faces[:6]] == [False, False, True, True, True, True]


@pytest.mark.parametrize("chunk", [1_000, 1_600, 16_000, 1_000_000])
def test_voice_is_read_where_somebody_speaks_however_the_sound_is_cut(
    make_stream: Maker, chunk: int
) -> None:
    waveform = np.concatenate(
        [quiet(0.5), tone("angry", 1.0), quiet(1.0), tone("calm", 2.0), quiet(0.5)]
    )
    stream = make_stream()
    push_sound(stream, waveform, chunk)
    analysis = stream.close(kind="audio")
    found = [(round(v.start_s, 3), round(v.end_s, 3), v.scores.top) for v in analysis.voice]
    assert found == [(0.5, 1.5, "angry"), (2.5, 4.5, "calm")]
    assert analysis.duration_s == pytest.approx(5.0)
    assert analysis.size_px is None


def test_speech_up_to_the_end_is_read_when_the_stream_closes(make_stream: Maker) -> None:
    stream = make_stream()
    push_sound(stream, np.concatenate([quiet(0.5), tone("happy", 1.0)]), 1_600)
    assert stream.moment.speaking
    assert stream.moment.voice is None
    assert [v.scores.top for v in stream.close().voice] == ["happy"]


def test_sound_that_begins_later_keeps_its_times(make_stream: Maker) -> None:
    stream = make_stream()
    waveform = np.concatenate([quiet(0.5), tone("sad", 1.0), quiet(1.0)])
    push_sound(stream, waveform, 8_000, first_s=2.0)
    found = stream.close().voice
    assert [(round(v.start_s, 3), round(v.end_s, 3)) for v in found] == [(2.5, 3.5)]


def test_long_speech_is_read_in_parts_of_at_most_five_seconds(make_stream: Maker) -> None:
    stream = make_stream()
    push_sound(stream, np.concatenate([tone("fear", 12.0), quiet(1.0)]), 16_000)
    found = stream.close().voice
    assert [(v.start_s, v.end_s) for v in found] == [(0.0, 4.0), (4.0, 8.0), (8.0, 12.0)]
    assert {v.scores.top for v in found} == {"fear"}


def test_absent_modalities_are_absent(make_stream: Maker) -> None:
    only_picture = drive(make_stream())
    assert not only_picture.has_sound
    assert set(only_picture.models) == {"detector", "face"}
    stream = make_stream()
    push_sound(stream, quiet(1.0), 16_000)
    only_sound = stream.close(kind="audio")
    assert only_sound.summary["voice"] == {"state": "no speech"}
    assert set(only_sound.models) == {"speech", "voice"}


def test_it_abstains_below_the_confidence_it_was_given(make_stream: Maker) -> None:
    stream = make_stream(min_confidence=1.0)
    stream.push_frame(frame(0.0, grey("happy")))
    assert stream.moment.faces[0].scores.top is None
    assert stream.moment.faces[0].scores.best == "happy"


def test_misuse_is_answered(make_stream: Maker) -> None:
    stream = make_stream()
    stream.push_frame(frame(1.0))
    with pytest.raises(ValueError, match="backwards"):
        stream.push_frame(frame(0.5))
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        stream.push_frame(frame(2.0))
    with pytest.raises(ValueError, match="closed"):
        stream.close()
    for wrong in ({"detect_every": 0}, {"face_batch": 0}, {"min_confidence": 1.5}):
        with pytest.raises(ValueError, match="must be"):
            make_stream(**wrong)


def test_sound_is_not_kept_for_ever(make_stream: Maker) -> None:
    stream = make_stream()
    for second in range(120):
        stream.push_sound(Sound(float(second), quiet(1.0)))
    kept = sum(len(chunk) for chunk in stream._sound._chunks)
    assert kept <= 32 * SAMPLE_RATE


def test_the_sound_kept_covers_the_longest_span() -> None:
    assert SpanRule().longest_s + 5.0 < SoundMemory.KEEP_S


def test_a_face_without_sound_is_the_fused_answer_bit_for_bit(make_stream: Maker) -> None:
    analysis = drive(make_stream(face_batch=5))
    assert [one.time_s for one in analysis.fused] == [index / 10 for index in range(12)]
    for one in analysis.fused:
        own = [f for f in analysis.faces if (f.time_s, f.track_id) == (one.time_s, one.track_id)]
        assert one.scores.probabilities == tuple(own[0].scores.shared.values())
        assert one.weights == {"face": 1.0, "voice": 0.0, "words": 0.0}
        assert one.congruence is None
    assert {one.track_id for one in analysis.fused} == {0}
    assert "fusion" not in analysis.models


def test_a_voice_without_frames_is_the_fused_answer_bit_for_bit(make_stream: Maker) -> None:
    stream = make_stream()
    push_sound(stream, np.concatenate([quiet(0.5), tone("calm", 2.0), quiet(1.0)]), 16_000)
    analysis = stream.close(kind="audio")
    assert [(one.time_s, one.end_s) for one in analysis.fused] == [(0.5, 2.5)]
    own = tuple(analysis.voice[0].scores.shared.values())
    assert analysis.fused[0].scores.probabilities == own
    assert analysis.fused[0].weights == {"face": 0.0, "voice": 1.0, "words": 0.0}


def smile_over(label: str, make_stream: Maker, **options: object) -> Analysis:
    stream = make_stream(**options)
    push_sound(stream, np.concatenate([quiet(0.5), tone(label, 2.0), quiet(0.5)]), 1_600)
    for index in range(30):
        stream.push_frame(frame(index / 10, grey("happy")))
    return stream.close()


def test_a_smile_over_an_angry_voice_stands_out_while_somebody_speaks(make_stream: Maker) -> None:
    angry, happy = (smile_over(label, make_stream) for label in ("angry", "happy"))
    both = [one for one in angry.fused if len(one.modalities) == 2]
    assert [one.time_s for one in both] == [index / 10 for index in range(5, 25)]
    assert len(angry.fused) == 30
    assert angry.summary["fused"]["congruence"] < 0.3
    assert happy.summary["fused"]["congruence"] > 0.9
    assert set(angry.models) >= {"fusion", "face", "voice"}
    assert both[0].qualities.keys() == {"face", "voice"}


def test_the_moment_is_fused_from_what_is_recent(make_stream: Maker) -> None:
    stream = make_stream()
    assert stream.moment.fused is None
    push_sound(stream, np.concatenate([tone("angry", 1.0), quiet(0.5)]), 1_600)
    now = stream.moment.fused
    assert now is not None
    assert now.modalities == ("voice",)
    stream.push_frame(frame(1.5, grey("happy")))
    now = stream.moment.fused
    assert now is not None
    assert now.modalities == ("face", "voice")
    for time_s in (8.6, 8.8, 9.0):  # a face that comes later must stay for a moment
        stream.push_frame(frame(time_s, grey("happy")))
    now = stream.moment.fused
    assert now is not None
    assert now.modalities == ("face",)
    stream.push_frame(frame(10.5))
    assert stream.moment.fused is None


def test_fused_answers_do_not_depend_on_chunks_or_batches(make_stream: Maker) -> None:
    assert (
        smile_over("angry", make_stream).fused
        == smile_over("angry", make_stream, face_batch=7).fused
    )


def test_smoothing_is_by_choice(make_stream: Maker) -> None:
    plain, steady = (smile_over("angry", make_stream, smooth=how) for how in ("none", "window"))
    assert [one.time_s for one in steady.fused] == [one.time_s for one in plain.fused]
    moves = [
        max(
            np.abs(np.subtract(a.scores.probabilities, b.scores.probabilities)).max()
            for a, b in pairwise(found.fused)
        )
        for found in (steady, plain)
    ]
    assert moves[0] < moves[1] / 3
    with pytest.raises(ValueError, match="smooth must be one of"):
        make_stream(smooth="strongly")


class Copier:
    """Stands for a translation: says which way it was asked to go."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, str]] = []

    def reading(
        self, time_s: float, embedding: NDArray[np.float32], to: str, min_confidence: float
    ) -> TranslatedReading:
        assert embedding.ndim == 1
        self.asked.append((time_s, to))
        source = "face" if to == "voice" else "voice"
        scores = Scores.of(LabelSet(("happy",)), [1.0], min_confidence)
        return TranslatedReading(time_s, source, to, scores, "t@1")  # type: ignore[arg-type]


def translating(
    tmp_path: Path, tiny_face_model: Callable[..., Path], tiny_voice_model: Callable[..., Path]
) -> tuple[EmotionStream, Copier]:
    face = FaceRecogniser(tiny_face_model(tmp_path / "face.onnx"))
    voice = VoiceRecogniser(tiny_voice_model(tmp_path / "voice.onnx"))
    copier = Copier()
    stream = EmotionStream(
        lambda: FaceParts(BrightSquares(), face),
        lambda: VoiceParts(LoudGate(), voice),
        translator=lambda: copier,  # type: ignore[return-value, arg-type]
    )
    return stream, copier


def square(time_s: float, *, seen: bool = True) -> Frame:
    image = np.zeros((100, 200, 3), np.uint8)
    if seen:
        image[20:80, 20:80] = 120
    return Frame(time_s, image)


def test_only_the_side_that_is_missing_is_translated(
    tmp_path: Path, tiny_face_model: Callable[..., Path], tiny_voice_model: Callable[..., Path]
) -> None:
    stream, copier = translating(tmp_path, tiny_face_model, tiny_voice_model)
    assert stream.moment.translated is None, "nothing is there"
    stream.push_frame(square(0.0))
    silent = stream.moment
    assert silent.translated is not None
    assert (silent.translated.source, silent.translated.to) == ("face", "voice")
    assert silent.voice is None
    stream.push_sound(Sound(0.0, np.full(8000, 0.5, np.float32)))
    assert stream.moment.speaking
    assert stream.moment.translated is None, "both are there"
    stream.push_sound(Sound(0.5, np.zeros(8000, np.float32)))
    stream.push_frame(square(1.0, seen=False))
    assert stream.moment.translated is None, "nobody is seen and nobody speaks"
    stream.push_sound(Sound(1.0, np.full(4800, 0.5, np.float32)))
    hidden = stream.moment.translated
    assert hidden is not None
    assert (hidden.source, hidden.to) == ("voice", "face")
    assert [to for _, to in copier.asked] == ["voice", "face"]


def test_an_old_reading_is_not_translated(
    tmp_path: Path, tiny_face_model: Callable[..., Path], tiny_voice_model: Callable[..., Path]
) -> None:
    stream, _ = translating(tmp_path, tiny_face_model, tiny_voice_model)
    stream.push_sound(Sound(0.0, np.full(8000, 0.5, np.float32)))
    stream.push_sound(Sound(0.5, np.zeros(80_000, np.float32)))
    stream.push_sound(Sound(5.5, np.full(4800, 0.5, np.float32)))
    assert stream.moment.speaking
    assert stream.moment.translated is None


def test_a_translation_is_no_evidence(
    tmp_path: Path, tiny_face_model: Callable[..., Path], tiny_voice_model: Callable[..., Path]
) -> None:
    stream, _ = translating(tmp_path, tiny_face_model, tiny_voice_model)
    stream.push_frame(square(0.0))
    moment = stream.moment
    assert moment.translated is not None
    assert moment.fused is not None
    assert moment.fused.weights["voice"] == 0
    found = stream.close()
    assert found.voice == ()
    assert "translated" not in found.to_dict()
