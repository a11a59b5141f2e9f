"""The words' side of a fit: GoEmotions (Demszky et al., 2020) in Ekman's grouping."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emoscope.errors import DatasetError
from emoscope.fusion.quality import MEASURES, Curve, count_words
from emoscope.labels import SHARED
from emoscope.training.fusion.curves import fit_curve
from emoscope.training.fusion.readings import Readings

# The order of the numbers in the corpus' table.
_LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
_TEXTS_AT_ONCE = 64


def read_table(path: Path) -> tuple[list[str], list[str], list[int]]:
    """Comments of a table ``text, labels, id`` that have just one label.

    Returns:
        Texts, ids, and labels as numbers of the shared seven.

    Raises:
        DatasetError: the table cannot be read, or a row is not laid out so.
    """
    texts, ids, labels = [], [], []
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                cells = line.rstrip("\n").split("\t")
                if len(cells) != 3 or not all(c.isdigit() for c in cells[1].split(",")):
                    raise DatasetError(f"{path}, line {number}: expected text, labels and id")
                if "," in cells[1]:
                    continue
                if int(cells[1]) >= len(_LABELS):
                    raise DatasetError(f"{path}, line {number}: there is no label {cells[1]}")
                texts.append(cells[0])
                labels.append(SHARED.index(_LABELS[int(cells[1])]))
                ids.append(cells[2])
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as a table in UTF-8: {error}") from error
    return texts, ids, labels


def word_readings(path: Path) -> Readings:
    """Read the comments of a table with one label.

    Raises:
        DatasetError: as for :func:`read_table`.
        ModelError: the words model cannot be had.
    """
    from emoscope.words.recognise import WordsRecogniser

    texts, ids, labels = read_table(path)
    recogniser = WordsRecogniser("emoscope-words")
    probs = np.concatenate(
        [
            recogniser.read(texts[start : start + _TEXTS_AT_ONCE])[0]
            for start in range(0, len(texts), _TEXTS_AT_ONCE)
        ]
    )
    return Readings(
        np.array(ids),
        np.array([""] * len(ids)),
        np.array(labels, np.int64),
        recogniser.labels.to_shared(probs),
        np.array([[float(count_words(text))] for text in texts]),
    )


def fit_words_curve(fit: Readings) -> dict[str, Curve]:
    """Quality by the number of words."""
    measure = fit.measures[:, MEASURES["words"].index("words")]
    return {"words": fit_curve(measure, fit, fit.probs.mean(0))}
