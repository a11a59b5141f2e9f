from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.errors import DatasetError, ModelError
from emoscope.labels import EMODB_LABELS, RAVDESS_LABELS, VOICE_LABELS
from emoscope.training.datasets.speech import speech_extent
from emoscope.training.evaluate import Evaluation, Figure, evaluate_voice
from emoscope.training.evaluate.actors import parse_actors
from emoscope.training.evaluate.duration import duration_only
from emoscope.voice.spans import Span

Build = Callable[..., Path]
LOUD = 0.01  # the gate below hears speech above this


class LevelGate:
    """Speech is whatever is louder than ``LOUD``; one span for each run of 0.1 s."""

    name = "level@1"
    speaking = False

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.spans: list[Span] = []

    def push(self, waveform: NDArray[np.float32]) -> list[Span]:
        blocks = np.abs(waveform[: len(waveform) // 1600 * 1600]).reshape(-1, 1600).max(1) > LOUD
        return [Span(i / 10, (i + 1) / 10) for i in np.flatnonzero(blocks)]

    def flush(self) -> list[Span]:
        return []


@pytest.fixture(autouse=True)
def _gate(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("datasets.speech", "evaluate.voices"):
        monkeypatch.setattr(
            f"emoscope.training.{module}.load_gate", lambda choice="auto": LevelGate()
        )


def tone(label: str, seconds: float = 0.4) -> NDArray[np.float64]:
    """What the tiny voice model reads as ``label``, with silence on both sides."""
    level = (VOICE_LABELS.index(label) + 0.5) / len(VOICE_LABELS)
    quiet = np.zeros(8000)
    return np.concatenate([quiet, np.full(round(seconds * 16_000), level), quiet])


def ravdess(
    actors: list[int], wrong: tuple[int, int] | None = None
) -> dict[tuple[int, int], object]:
    clips = {
        (actor, code): tone(RAVDESS_LABELS.names[code - 1])
        for actor in actors
        for code in range(1, 9)
    }
    if wrong is not None:
        clips[wrong] = tone("calm")
    return clips


def figure(result: Evaluation, name: str) -> Figure:
    return next(item for item in result.further if item.name == name)


def test_eight_native_classes_of_ravdess(
    tmp_path: Path, make_ravdess: Build, tiny_voice_model: Build
) -> None:
    # Actor 2 says "neutral" in a way that reads as calm: wrong natively, right when shared.
    data = make_ravdess(tmp_path / "r", ravdess([1, 2], wrong=(2, 1)))
    result = evaluate_voice(tiny_voice_model(tmp_path / "m.onnx"), "ravdess", data, "all")
    metrics = result.main.metrics
    assert metrics.labels == RAVDESS_LABELS.names
    assert metrics.n == 16
    assert metrics.accuracy == 15 / 16
    assert metrics.uar_interval_by_group is not None
    neutral, calm = (RAVDESS_LABELS.index(name) for name in ("neutral", "calm"))
    assert metrics.confusion[neutral][calm] == 1
    assert figure(result, "shared").metrics.accuracy == 1.0
    assert "level@1" in result.main.protocol
    assert not any("no speech" in note for note in result.notes)


def test_speakers_that_the_model_never_heard_are_taken(
    tmp_path: Path, make_ravdess: Build, tiny_voice_model: Build
) -> None:
    data = make_ravdess(tmp_path / "r", ravdess([1, 2, 3]))
    model = tiny_voice_model(
        tmp_path / "m.onnx", metrics={"unseen_speakers": {"ravdess": ["02", "03"]}}
    )
    result = evaluate_voice(model, "ravdess", data)
    assert result.part == "speakers 02, 03"
    assert result.main.name == "unseen"
    assert any("never heard" in note for note in result.notes)
    assert not result.warnings
    chosen = evaluate_voice(model, "ravdess", data, "1-2")
    assert chosen.main.metrics.n == 16
    assert chosen.main.name == "chosen"
    assert "Speakers 01" in chosen.warnings[0]
    assert evaluate_voice(model, "ravdess", data, "2").main.name == "unseen"


def test_a_model_that_does_not_say_needs_actors(
    tmp_path: Path, make_ravdess: Build, tiny_voice_model: Build
) -> None:
    data = make_ravdess(tmp_path / "r", ravdess([1]))
    model = tiny_voice_model(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="--actors all"):
        evaluate_voice(model, "ravdess", data)
    assert "does not say" in evaluate_voice(model, "ravdess", data, "all").warnings[0]
    other = tiny_voice_model(tmp_path / "o.onnx", metrics={"unseen_speakers": {"ravdess": ["09"]}})
    with pytest.raises(DatasetError, match="none of the speakers"):
        evaluate_voice(other, "ravdess", data)


def test_boredom_is_left_out_and_counted(
    tmp_path: Path, make_wav: Build, tiny_voice_model: Build
) -> None:
    letters = {"W": "angry", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
    (tmp_path / "wav").mkdir()
    for letter, label in letters.items():
        make_wav(tmp_path / "wav" / f"03a01{letter}a.wav", tone(label))
    make_wav(tmp_path / "wav" / "03a02La.wav", tone("sad"))
    make_wav(tmp_path / "wav" / "08a02Nb.wav", tone("calm"))  # calm counts as neutral
    result = evaluate_voice(tiny_voice_model(tmp_path / "m.onnx"), "emodb", tmp_path, "all")
    assert result.main.metrics.n == 7
    assert result.main.metrics.accuracy == 1.0
    assert set(result.main.metrics.labels) == set(EMODB_LABELS.names) - {"boredom"}
    assert any(re.match("1 clips left out.*boredom", note) for note in result.notes)


def test_classes_that_the_corpus_lacks_cannot_be_answered(
    tmp_path: Path, make_wav: Build, tiny_voice_model: Build
) -> None:
    # EMO-DB has no surprise; what is left beside it must decide.
    (tmp_path / "wav").mkdir()
    make_wav(tmp_path / "wav" / "03a01Na.wav", tone("surprise"))
    result = evaluate_voice(tiny_voice_model(tmp_path / "m.onnx"), "emodb", tmp_path, "all")
    assert "surprise" not in result.main.metrics.labels
    assert result.main.metrics.n == 1


def test_a_clip_without_speech_is_read_whole_and_counted(
    tmp_path: Path, make_ravdess: Build, tiny_voice_model: Build
) -> None:
    data = make_ravdess(tmp_path / "r", {(1, 1): np.full(8000, LOUD / 2), (1, 5): tone("angry")})
    result = evaluate_voice(tiny_voice_model(tmp_path / "m.onnx"), "ravdess", data, "all")
    assert result.main.metrics.n == 2
    assert any(note.startswith("In 1 of 2 clips") for note in result.notes)


def test_speech_is_cut_from_first_to_last() -> None:
    waveform = np.zeros(16_000, np.float32)
    waveform[3200:4800] = 0.5
    waveform[9600:11_200] = 0.5
    assert speech_extent(waveform, LevelGate()) == (3200, 11_200, True)
    assert speech_extent(np.zeros(1600, np.float32), LevelGate()) == (0, 1600, False)


def test_length_alone_tells_when_it_is_a_cue_and_not_otherwise() -> None:
    rng = np.random.default_rng(0)
    truth = np.tile([0, 1, 2], 80)
    who = np.repeat(["a", "b", "c", "d"], 60).tolist()
    telling = truth + rng.normal(0, 0.05, 240)
    probs, how = duration_only(telling, truth, 3, who)
    assert (probs.argmax(1) == truth).mean() > 0.95
    assert "speaker" in how
    probs, _ = duration_only(rng.normal(size=240), truth, 3, who)
    assert 0.2 < (probs.argmax(1) == truth).mean() < 0.47
    assert np.allclose(probs.sum(1), 1)


def test_length_control_never_learns_from_the_speaker_it_answers() -> None:
    # Two speakers with the same lengths and opposite labels: only one's own clips would help.
    truth = np.array([0, 0, 1, 1])
    seconds = np.array([1.0, 2.0, 1.0, 2.0])
    probs, _ = duration_only(seconds, truth, 2, ["a", "a", "b", "b"])
    assert (probs.argmax(1) != truth).all()


def test_equal_lengths_have_equal_say_in_any_order() -> None:
    # One speaker, 40 clips of two lengths: 15 neighbours are among 19 equally near.
    rng = np.random.default_rng(0)
    seconds = np.repeat([1.0, 2.0], 20)
    truth = np.tile([0, 0, 0, 1], 10)
    probs, _ = duration_only(seconds, truth, 2, ["a"] * 40)
    others = np.array([14, 5]), np.array([15, 4])  # of its length, for a clip of 0 and of 1
    every = np.array([29, 10]), np.array([30, 9])
    for row, label in zip(probs, truth, strict=True):
        say = others[label] / every[label]
        assert row == pytest.approx(say / say.sum())
    order = rng.permutation(40)
    again, _ = duration_only(seconds[order], truth[order], 2, ["a"] * 40)
    assert again == pytest.approx(probs[order])


def test_length_control_of_one_speaker_or_one_clip() -> None:
    probs, how = duration_only(np.array([1.0, 1.1, 5.0]), np.array([0, 0, 1]), 2, ["a"] * 3)
    assert "one clip" in how
    assert np.allclose(probs.sum(1), 1)
    probs, _ = duration_only(np.array([1.0]), np.array([0]), 2, ["a"])
    assert probs.tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("17,18", {"17", "18"}),
        ("17-19", {"17", "18", "19"}),
        ("7", {"07"}),
        (" 07 , 18", {"07", "18"}),
    ],
)
def test_actors_are_named_in_short(text: str, wanted: set[str]) -> None:
    assert parse_actors(text, {"07", "17", "18", "19"}) == wanted


def test_actors_by_letters() -> None:
    assert parse_actors("oaf", {"OAF", "YAF"}) == {"OAF"}


@pytest.mark.parametrize("text", ["21", "17-21", "19-17", "", ",", "x"])
def test_unknown_actors_are_named(text: str) -> None:
    with pytest.raises(DatasetError, match="there are 17, 18"):
        parse_actors(text, {"17", "18"})
