from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoscope.words import tokenise
from emoscope.words.recognise import WordsRecogniser


@given(st.text(max_size=300))
def test_any_text_becomes_numbers_and_the_same_again(text: str) -> None:
    first, again = tokenise.encode(text), tokenise.encode(text)
    assert first.dtype == np.int64
    assert first.ndim == 1
    assert (first > 0).all(), "0 pads"
    assert np.array_equal(first, again)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_a_batch_holds_each_text_and_zeros_behind(texts: list[str]) -> None:
    ids = tokenise.batch(texts)
    for row, text in zip(ids, texts, strict=True):
        alone = tokenise.encode(text)
        assert np.array_equal(row[: len(alone)], alone)
        assert not row[len(alone) :].any()


def test_a_megabyte_costs_no_more_than_a_page() -> None:
    longest = len(tokenise.encode("so very happy! " * 70_000))
    assert longest == len(tokenise.encode("so very happy! " * 10_000))
    assert len(tokenise.encode("x" * 1_000_000)) < 10_000


def test_words_after_a_negation_are_told_from_the_plain_ones() -> None:
    plain, denied = tokenise.tokens("I am happy"), tokenise.tokens("I am not happy today . happy")
    assert not any(tokenise.negated(plain))
    marked = dict(zip(denied, tokenise.negated(denied), strict=False))
    assert tokenise.negated(denied)[denied.index("happy")]
    assert not tokenise.negated(denied)[-1], "a full stop ends it"
    assert marked


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("😡", "angry"),
        ("😂", "happy"),
        ("❤️", "happy"),
        ("😢", "sad"),
        ("😱", "fear"),
        ("🤮", "disgust"),
        ("I love this so much!!!", "happy"),
        ("this is disgusting", "disgust"),
        ("I am so scared", "fear"),
        ("", "neutral"),
    ],
)
def test_the_shipped_model_reads_plain_words_and_emoji(text: str, label: str) -> None:
    recogniser = WordsRecogniser()
    probs, _ = recogniser.read([text])
    assert probs.sum() == pytest.approx(1, abs=1e-5)
    assert recogniser.labels.names[int(probs[0].argmax())] == label


@pytest.mark.parametrize(
    ("text", "label"),
    [("I'm not sad", "sad"), ("I'm not angry", "angry"), ("not bad at all", "angry")],
)
def test_what_is_denied_is_not_read(text: str, label: str) -> None:
    recogniser = WordsRecogniser()
    probs, _ = recogniser.read([text])
    assert recogniser.labels.names[int(probs[0].argmax())] != label


def test_a_denied_joy_is_no_joy() -> None:
    recogniser = WordsRecogniser()
    happy = recogniser.labels.index("happy")
    said, denied = recogniser.read(["I am happy", "I am not happy"])[0]
    assert said[happy] > 0.8
    assert denied[happy] < 0.3


def test_the_company_a_text_keeps_changes_nothing() -> None:
    recogniser = WordsRecogniser()
    alone, _ = recogniser.read(["what a day"])
    among, _ = recogniser.read(["what a day", "so much longer than the other one is " * 9])
    assert np.abs(alone[0] - among[0]).max() < 1e-5
