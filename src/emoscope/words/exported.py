"""Text classifiers made by others: Hugging Face models exported to ONNX."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope._optional import require
from emoscope.errors import ModelError, ModelIntegrityError
from emoscope.labels import SHARED, LabelSet
from emoscope.models.atomic import digest, read
from emoscope.models.session import open_graph
from emoscope.words.tokenise import MAX_CHARS

MAX_TOKENS = 256  # within what any of these models takes
FILES = ("model.onnx", "tokenizer.json", "config.json")

# What such models call their classes. Those of GoEmotions are grouped as in its paper (Demszky et
# al., 2020, Ekman's taxonomy).
_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "angry": ("angry", "anger", "annoyance", "disapproval", "mad"),
        "disgust": ("disgust", "disgusted"),
        "fear": ("fear", "fearful", "scared", "nervousness", "worry"),
        "happy": (
            *("happy", "happiness", "joy", "amusement", "approval", "excitement", "gratitude"),
            *("love", "optimism", "relief", "pride", "admiration", "desire", "caring", "fun"),
        ),
        "sad": ("sad", "sadness", "disappointment", "embarrassment", "grief", "remorse"),
        "surprise": ("surprise", "surprised", "realization", "confusion", "curiosity"),
        "neutral": ("neutral", "no emotion", "none", "others"),
    }
)
_SHARED_OF = {name: shared for shared, names in _NAMES.items() for name in names}


def is_exported(model: str | Path) -> bool:
    """Whether this is the folder of an exported classifier (emoscope's own have no tokeniser)."""
    try:
        return all((Path(model) / name).is_file() for name in FILES)
    except OSError:
        return False


class ExportedClassifier:
    """A Hugging Face text classifier exported to ONNX, for example with Optimum.

    Its classes must be emotions; those that mean one of the seven shared emotions are added up.
    Where its configuration says that several may hold at once (``multi_label_classification``),
    each is a sigmoid of its own, and their sum is made 1.

    Args:
        folder: holds ``model.onnx``, ``tokenizer.json`` and ``config.json`` with ``id2label``.
        threads: for one run; None: as many cores as this process may use.

    Attributes:
        labels: those of the seven that the model knows, in their usual order.
        name: the folder's name and the first digits of the graph's SHA-256.

    Raises:
        MissingExtraError: the ``words`` extra, which brings the tokeniser, is not installed.
        ModelIntegrityError: a file is damaged, a class is no emotion, or the graph has other
            inputs or outputs than such models have.
        ModelError: a file cannot be read.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        tokenizers = require("tokenizers", extra="words")
        self._source = str(folder)
        config = _config(folder / "config.json")
        try:
            self._tokenizer: Any = tokenizers.Tokenizer.from_str(
                read(folder / "tokenizer.json").decode("utf-8")
            )
        except Exception as error:  # the tokeniser raises plain Exception
            raise ModelIntegrityError(
                f"{folder / 'tokenizer.json'}: no tokeniser: {error}"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._several = config.get("problem_type") == "multi_label_classification"
        columns = _columns(folder / "config.json", config)
        self.labels = LabelSet(tuple(name for name in SHARED if name in columns))
        self._sum = np.array(
            [[float(column == name) for name in self.labels.names] for column in columns]
        )
        self._graph = open_graph(folder / "model.onnx", threads)
        self._check_graph(len(columns))
        self.name = f"{folder.resolve().name}@{digest(folder / 'model.onnx')[:8]}"

    def _check_graph(self, classes: int) -> None:
        self._inputs = [node.name for node in self._graph.get_inputs()]
        known = {"input_ids", "attention_mask", "token_type_ids"}
        if "input_ids" not in self._inputs or not set(self._inputs) <= known:
            raise ModelIntegrityError(
                f"{self._source}: expected inputs input_ids and attention_mask, the graph has "
                f"{sorted(self._inputs)}"
            )
        outputs = {node.name: node.shape for node in self._graph.get_outputs()}
        if "logits" not in outputs:
            raise ModelIntegrityError(
                f"{self._source}: expected the output logits, the graph has {sorted(outputs)}"
            )
        width = outputs["logits"][-1] if outputs["logits"] else None
        if isinstance(width, int) and width != classes:
            raise ModelIntegrityError(
                f"{self._source}: config.json names {classes} classes, the graph gives {width}"
            )

    def read(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities ``(n, labels)`` and, as embedding, the logits ``(n, classes)``, float32.

        Raises:
            ModelError: the runtime failed.
        """
        logits = np.stack([self._logits(text) for text in texts]).astype(np.float64)
        if self._several:
            shares = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
        else:
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        sums = (shares / shares.sum(axis=1, keepdims=True)) @ self._sum
        return sums.astype(np.float32), logits.astype(np.float32)

    def _logits(self, text: str) -> NDArray[np.float32]:
        # Half a surrogate pair is no text for the tokeniser.
        whole = text[:MAX_CHARS].encode("utf-8", "replace").decode("utf-8")
        found = self._tokenizer.encode(whole)
        rows = {
            "input_ids": found.ids,
            "attention_mask": found.attention_mask,
            "token_type_ids": found.type_ids,
        }
        feed = {name: np.array([rows[name]], dtype=np.int64) for name in self._inputs}
        try:
            (logits,) = self._graph.run(["logits"], feed)
        except Exception as error:
            what = " ".join(str(error).split())[:200]
            raise ModelError(f"{self._source}: the model failed: {what}") from error
        row = np.asarray(logits, dtype=np.float32).reshape(-1)
        if len(row) != len(self._sum) or not np.isfinite(row).all():
            raise ModelError(
                f"{self._source}: the model gave {len(row)} logits, or none that count"
            )
        return row


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(read(path))
    except (ValueError, RecursionError) as error:
        raise ModelIntegrityError(f"{path}: no JSON: {error}") from error
    if not isinstance(config, dict):
        raise ModelIntegrityError(f"{path}: expected a JSON object")
    return config


def _columns(path: Path, config: Mapping[str, Any]) -> list[str]:
    """The shared emotion of each class, in the order of the logits."""
    classes = config.get("id2label")
    numbers = [str(number) for number in range(len(classes))] if isinstance(classes, dict) else []
    if not isinstance(classes, dict) or sorted(classes) != sorted(numbers) or not numbers:
        raise ModelIntegrityError(f"{path}: id2label must name the classes 0, 1, 2, ...")
    names = [str(classes[number]) for number in numbers]
    unknown = [name for name in names if name.lower() not in _SHARED_OF]
    if unknown:
        raise ModelIntegrityError(
            f"{path}: not emotions that emoscope knows: {', '.join(unknown)}; known are "
            f"{', '.join(_SHARED_OF)}"
        )
    return [_SHARED_OF[name.lower()] for name in names]
