"""Which text is scored, and what the result says about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE
from emoscope.words.reader import WordsReader
from emoscope.words.recognise import WordsRecogniser
from emoscope.words.transcribe import Segment

SECOND = np.ones(SAMPLE_RATE, np.float32)


class Told:
    """A transcriber that gives what it was told, one list for each passage."""

    name = "told"

    def __init__(self, *passages: list[tuple[str, str, str | None]]) -> None:
        self._passages = list(passages)
        self.before: list[str | None] = []

    def read(
        self, waveform: NDArray[np.float32], start_s: float, *, before: str | None
    ) -> list[Segment]:
        self.before.append(before)
        end_s = start_s + len(waveform) / SAMPLE_RATE
        return [
            Segment(text, start_s, end_s, language, 0.9, (), english)
            for language, text, english in self._passages.pop(0)
        ]


@pytest.fixture
def recogniser(tmp_path: Path, tiny_words_model: Callable[..., Path]) -> WordsRecogniser:
    return WordsRecogniser(tiny_words_model(tmp_path / "words.onnx", "love", "happy"), 1)


def test_english_is_scored_as_it_is_and_other_languages_in_translation(
    recogniser: WordsRecogniser,
) -> None:
    told = Told(
        [("en", "I love it", "I love it"), ("en", "so what", "so what")],
        [("de", "Ich liebe es", "I love it"), ("de", "love", None)],
        [],
    )
    reader = WordsReader(told, recogniser, min_confidence=0.3)  # type: ignore[arg-type]
    found = reader.push(0.0, SECOND) + reader.push(10.0, SECOND) + reader.push(20.0, SECOND)
    found += reader.flush()
    assert [said.scores.top for said in found] == ["happy", "neutral", "happy", None]
    assert [said.translated for said in found] == [False, False, True, False]
    assert [said.scored_text for said in found] == [None, None, "I love it", None]
    # Without a translation nothing is claimed: not even the word that looks English.
    assert set(np.round(found[3].scores.probabilities, 6)) == {round(1 / 7, 6)}
    assert [said.start_s for said in found] == [0.0, 0.0, 10.0, 10.0]
    assert told.before == [None, "en", "de"]
    assert reader.models == {"transcriber": "told", "words": "tiny-words@1"}


def test_english_that_was_asked_for_says_that_it_is_a_translation(
    recogniser: WordsRecogniser,
) -> None:
    told = Told([("de", "I love it", "I love it")])
    reader = WordsReader(told, recogniser)  # type: ignore[arg-type]
    reader.push(0.0, SECOND)
    (said,) = reader.quiet(60.0)
    assert (said.text, said.translated, said.scored_text) == ("I love it", True, None)
    assert said.language == "de"
