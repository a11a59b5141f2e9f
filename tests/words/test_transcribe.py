"""Whisper through faster-whisper and the whole way through, with a tiny one of known words."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope import Analyzer
from emoscope.errors import ModelError, ModelIntegrityError
from emoscope.export import export_all
from emoscope.media import SAMPLE_RATE, Sound, open_media
from emoscope.words import transcribe
from emoscope.words.transcribe import Transcriber

GERMAN = [(0.0, "Das ist gut.", 1.0), (1.2, "Ich liebe es!", 2.0)]
ENGLISH = [(0.0, "This is good.", 1.0), (1.2, "I love it!", 2.0)]

Make = Callable[..., Path]


def sound(seconds: float) -> NDArray[np.float32]:
    samples = round(seconds * SAMPLE_RATE)
    return np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)


# --- pure parts ---


def test_text_becomes_one_line_without_what_cannot_be_shown() -> None:
    assert transcribe.plain(" a\x00b\n\tc\ufffd \u202e\ud800d ") == "ab c d"
    assert transcribe.plain("مرحبا 👩\u200d👧 ") == "مرحبا 👩\u200d👧"


def raw(text: str, start_s: float, end_s: float) -> transcribe._Raw:
    return transcribe._Raw(text, start_s, end_s, ())


def test_translations_belong_where_most_of_them_falls() -> None:
    found = [raw("eins", 0, 2), raw("zwei", 2, 4), raw("drei", 8, 9)]
    english = [raw("one", 0, 1.8), raw("and", 1.9, 2.0), raw("two", 1.9, 4)]
    pairs = transcribe._pair(found, english)
    assert [text for _, text in pairs] == ["one and", "two", None]
    whole = transcribe._pair(found[:2], [raw("one two", 0, 4)])
    assert [text for _, text in whole] == ["one two", "one two"]
    assert [text for _, text in transcribe._pair(found, [])] == [None] * 3


def test_text_over_silence_is_not_heard() -> None:
    waveform = np.r_[sound(1.0), np.zeros(SAMPLE_RATE, np.float32)]
    assert transcribe._is_heard(raw("said", 0.5, 1.5), waveform)
    assert not transcribe._is_heard(raw("invented", 1.1, 1.9), waveform)
    assert not transcribe._is_heard(raw("beyond", 2.0, 2.0), waveform)


# --- the true path ---


@pytest.fixture(scope="session")
def make_whisper(tmp_path_factory: pytest.TempPathFactory) -> Make:
    for package in ("torch", "transformers", "faster_whisper"):
        pytest.importorskip(package)
    from .spoken import write_whisper

    def build(*args: object, **options: object) -> Path:
        return write_whisper(tmp_path_factory.mktemp("whisper") / "tiny", *args, **options)

    return build


@pytest.fixture(scope="session")
def german(make_whisper: Make) -> Path:
    return make_whisper(GERMAN, ENGLISH, languages={"de": 1.0, "nl": 0.9})


@pytest.mark.slow
def test_what_is_said_comes_with_language_times_and_english(german: Path) -> None:
    listener = Transcriber(german, threads=1)
    found = listener.read(sound(3.0), 10.0)
    assert listener.name == "tiny"
    text = " ".join(segment.text for segment in found)
    assert "Das ist gut." in text
    assert found == listener.read(sound(3.0), 10.0)
    last_s = 10.0
    for segment in found:
        assert segment.language == "de"
        assert segment.language_probability is not None
        assert 0.5 < segment.language_probability < 1.0
        assert last_s <= segment.start_s <= segment.end_s <= 13.0
        assert " ".join(word.text for word in segment.words) == segment.text
        for word in segment.words:
            assert segment.start_s <= word.start_s <= word.end_s <= segment.end_s
        last_s = segment.end_s
    assert "This is good." in str(found[0].english)


@pytest.mark.slow
def test_english_can_be_asked_for_and_the_language_given(german: Path) -> None:
    (first, *_) = Transcriber(german, language="fr", translate=True, threads=1).read(sound(3.0))
    assert first.text == first.english == "This is good."
    assert (first.language, first.language_probability) == ("fr", None)
    with pytest.raises(ModelError, match="does not know the language 'xx'"):
        Transcriber(german, language="xx")


@pytest.mark.slow
def test_a_language_hardly_heard_gives_way_to_the_one_before(make_whisper: Make) -> None:
    unsure = Transcriber(make_whisper(GERMAN, languages={"de": 1.0, "nl": 1.0, "sv": 0.99}))
    alone, after = unsure.read(sound(3.0)), unsure.read(sound(3.0), before="sv")
    assert alone[0].language in ("de", "nl")
    assert after[0].language == "sv"
    assert after[0].language_probability < 0.5
    assert after[0].english is None  # this one cannot translate


@pytest.mark.slow
def test_nothing_is_invented(make_whisper: Make, german: Path) -> None:
    listener = Transcriber(german, threads=1)
    assert listener.read(np.zeros(5 * SAMPLE_RATE, np.float32)) == []
    assert listener.read(sound(0.05)) == []
    assert listener.read(np.zeros(0, np.float32)) == []
    with pytest.raises(ValueError, match="float32 waveform"):
        listener.read(np.zeros((2, 9)))  # type: ignore[arg-type]
    # Unsure of its words, and sure that nobody speaks; then only the first of the two.
    deaf = Transcriber(make_whisper(ENGLISH, sure=9.0, hears_nothing=True), threads=1)
    assert deaf.read(sound(3.0)) == []
    mumbling = Transcriber(make_whisper(ENGLISH, sure=9.0), threads=1)
    assert mumbling.read(sound(3.0))
    looping = Transcriber(make_whisper([(0.0, "ha" * 150, 1.0)]), threads=1)
    assert looping.read(sound(3.0)) == []


@pytest.mark.slow
def test_a_folder_that_only_looks_like_a_whisper_is_answered(german: Path, tmp_path: Path) -> None:
    for path in german.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(ModelIntegrityError, match="no Whisper that can be run") as raised:
        Transcriber(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.fixture
def tiny(tmp_path: Path, tiny_voice_model: Make, tiny_words_model: Make) -> dict[str, object]:
    return {
        "voice_model": tiny_voice_model(tmp_path / "voice.onnx"),
        "words_model": tiny_words_model(tmp_path / "words.onnx", "love", "happy"),
        "speech": "light",
        "threads": 1,
    }


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    """Synthesised speech that ships with the package, (time,) at 16 kHz."""
    import emoscope.apps.cli

    path = Path(emoscope.apps.cli.__file__).parent / "demo_media/speech.flac"
    with open_media(path) as media:
        parts = [item.waveform for item in media.read(1.0) if isinstance(item, Sound)]
    return np.concatenate(parts)[: 6 * SAMPLE_RATE]


@pytest.mark.slow
def test_a_recording_gives_words_where_somebody_speaks(
    german: Path, tiny: dict, speech: NDArray, tmp_path: Path, make_wav: Make
) -> None:
    hush = np.zeros(8 * SAMPLE_RATE, np.float32)
    path = make_wav(tmp_path / "talk.wav", np.r_[hush, speech, hush, speech, hush])
    analysis = Analyzer(**tiny, transcribe=german).analyze(path)
    assert analysis.models["transcriber"] == "tiny"
    assert analysis.models["words"] == "tiny-words@1"
    starts = [said.start_s for said in analysis.words]
    assert any(7.5 < start < 14.5 for start in starts)
    assert any(21.5 < start < 28.5 for start in starts)
    assert all(7.5 < start < 14.5 or 21.5 < start < 28.5 for start in starts)
    assert all(said.language == "de" and said.translated for said in analysis.words)
    # The text model reads the English.
    assert analysis.words[0].text.startswith("Das ist gut.")
    assert str(analysis.words[0].scored_text).startswith("This is good.")
    for said in analysis.words:
        assert said.scores.top == ("happy" if "love" in str(said.scored_text) else "neutral")
    summary = analysis.summary["words"]
    assert (summary["state"], summary["languages"]) == ("found", ["de"])
    names = {file.name for file in export_all(analysis, tmp_path / "out")}
    assert {"talk.srt", "talk.vtt"} < names
    assert "Das ist gut." in (tmp_path / "out/talk.srt").read_text()


@pytest.mark.slow
def test_silence_and_tones_have_no_words(
    german: Path, tiny: dict, tmp_path: Path, make_wav: Make
) -> None:
    time = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    chord = sum(np.sin(2 * np.pi * hz * time) for hz in (262, 330, 392)) / 6
    analyzer = Analyzer(**tiny, transcribe=german)
    for name, waveform in (("hush.wav", 0 * chord), ("chord.wav", chord)):
        analysis = analyzer.analyze(make_wav(tmp_path / name, waveform))
        assert analysis.words == ()
        assert analysis.summary["words"] == {"state": "no words"}


@pytest.mark.slow
@pytest.mark.skipif("EMOSCOPE_TEST_WHISPER" not in os.environ, reason="names no real Whisper")
def test_a_real_whisper_hears_kennedy(tiny: dict, shared_dir: Path) -> None:
    analyzer = Analyzer(**tiny, transcribe=os.environ["EMOSCOPE_TEST_WHISPER"])
    words = analyzer.analyze(shared_dir / "media/speech.flac").words
    text = re.sub(r"[^a-z ]", "", " ".join(said.text for said in words).lower())
    assert text == (
        "and so my fellow americans ask not what your country can do for you "
        "ask what you can do for your country"
    )
    assert {said.language for said in words} == {"en"}
    assert not any(said.translated for said in words)
    times = [(word.start_s, word.end_s) for said in words for word in said.words]
    assert times == sorted(times)
    assert 0.0 <= times[0][0] < 2.0
    assert 9.0 < times[-1][1] <= 11.1
