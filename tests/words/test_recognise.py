"""Text models, of this project and of others, on texts of every kind."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emoscope.errors import ModelError, ModelIntegrityError
from emoscope.labels import SHARED
from emoscope.words.recognise import WordsRecogniser

HOSTILE = [
    "",
    "\x00\x1b[31m\x07\r\n\u202e",
    "😀" * 5000,
    "👩‍👩‍👧‍👦 ❤️",
    "أنا أحبك كثيرا",
    "\ud800 half a pair",
    "love " * 250_000,
    "a" * 1_000_000,
    "'''" + "!" * 50_000,
]


def test_it_reads_each_text_as_if_it_were_alone(
    tmp_path: Path, tiny_words_model: Callable[..., Path]
) -> None:
    recogniser = WordsRecogniser(tiny_words_model(tmp_path / "words.onnx"), threads=1)
    texts = ["I love it", "no", "they love each other " * 9, ""] * 20  # more than one batch
    probs, embedding = recogniser.read(texts)
    assert (probs.shape, embedding.shape) == ((80, 7), (80, 3))
    assert [SHARED[row] for row in probs.argmax(1)] == ["happy", "neutral"] * 40
    for text, row in zip(texts[:4], probs, strict=False):
        np.testing.assert_allclose(recogniser.read([text])[0][0], row, rtol=1e-5)
    none, empty = recogniser.read([])
    assert (none.shape, empty.shape) == ((0, 7), (0, 3))
    assert recogniser.name == "tiny-words@1"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_gives_a_distribution(
    text: str, tmp_path: Path, tiny_words_model: Callable, make_exported: Callable
) -> None:
    for model in (
        tiny_words_model(tmp_path / "words.onnx"),
        make_exported(["anger", "joy", "neutral"]),
    ):
        probs, _ = WordsRecogniser(model, threads=1).read([text])
        assert np.isfinite(probs).all()
        assert probs.sum() == pytest.approx(1.0, abs=1e-5)


def test_the_classes_of_others_are_added_up_under_the_shared_labels(
    make_exported: Callable[..., Path],
) -> None:
    folder = make_exported(["joy", "sadness", "Love", "neutral"])
    recogniser = WordsRecogniser(folder, threads=1)
    assert recogniser.labels.names == ("happy", "sad", "neutral")
    probs, logits = recogniser.read(["w0 w2 w2", "w1"])
    weights = [math.exp(4), 1, math.exp(8), 1]
    expected = [(weights[0] + weights[2]) / sum(weights), 1 / sum(weights), 1 / sum(weights)]
    np.testing.assert_allclose(probs[0], expected, rtol=1e-5)
    np.testing.assert_allclose(logits, [[4, 0, 8, 0], [0, 4, 0, 0]])
    assert recogniser.name.startswith("exported@")


def test_classes_that_may_hold_together_are_sigmoids(make_exported: Callable[..., Path]) -> None:
    folder = make_exported(["joy", "fear"], problem_type="multi_label_classification")
    probs, _ = WordsRecogniser(folder, threads=1).read(["w0"])
    high = 1 / (1 + math.exp(-4))
    assert probs[0, 1] == pytest.approx(high / (high + 0.5), rel=1e-5)  # fear, happy


def test_an_exported_model_that_is_none_is_answered_in_one_line(
    make_exported: Callable[..., Path],
) -> None:
    folder = make_exported(["joy", "fear"])
    good = (folder / "config.json").read_text()

    def complaint() -> str:
        with pytest.raises(ModelIntegrityError) as raised:
            WordsRecogniser(folder, threads=1)
        assert "\n" not in str(raised.value)
        return str(raised.value)

    for wrong, part in [
        ("{", "no JSON"),
        ("[]", "JSON object"),
        ("{}", "id2label"),
        (json.dumps({"id2label": {"0": "joy", "2": "fear"}}), "0, 1, 2"),
        (json.dumps({"id2label": {"0": "joy", "1": "LABEL_1"}}), "LABEL_1"),
        (json.dumps({"id2label": {"0": "joy", "1": "fear", "2": "sad"}}), "3 classes"),
    ]:
        (folder / "config.json").write_text(wrong)
        assert part in complaint()
    (folder / "config.json").write_text(good)
    (folder / "tokenizer.json").write_text("{}")
    assert "no tokeniser" in complaint()


def test_a_model_of_another_role_is_refused(
    tmp_path: Path, tiny_face_model: Callable[..., Path]
) -> None:
    with pytest.raises(ModelError, match="where a words model is needed"):
        WordsRecogniser(tiny_face_model(tmp_path / "face.onnx"))
