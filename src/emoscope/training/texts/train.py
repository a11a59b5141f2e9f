"""Train the model of the emotion of words and write it as ONNX.

``python -m emoscope.training.texts --data DIR --out DIR [--report]``, where ``--data`` holds
GoEmotions grouped after Ekman (Demszky et al., 2020) as ``train.tsv`` and ``dev.tsv``.

Two readers share one graph: logistic regression over n-grams of words and letters, and
convolutions over the words in their order (:mod:`emoscope.training.texts.readers`). Their logits
are averaged, then calibrated into one distribution. One in ten of the training comments is held
out: the choices, the calibration and the thresholds come from these. Only ``--report`` reads the
development part.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from emoscope.models.session import Session
from emoscope.training.texts.corpus import EMOTIONS, Floats, Index, Texts, held_out, read
from emoscope.training.texts.drill import drills
from emoscope.training.texts.graph import Calibration, Projection, build, write
from emoscope.training.texts.measure import best_thresholds, f1_each, measure, table
from emoscope.training.texts.readers import (
    Convolutional,
    Linear,
    Training,
    first_vectors,
    fit_convolutional,
    read_convolutional,
)
from emoscope.words import tokenise

SEEDS = (0, 1)  # one convolutional reader each
WIDTH = 71  # of a word's vector
SHARE = 0.5  # of the convolutional readers in the mean of the logits
WORD_SEEN, BAG_SEEN, PIECE_SEEN = 2, 2, 5  # texts in which a feature must stand to have a row
C, RARE = 3.0, 0.5  # of the linear reader: see Linear.fit
EMBEDDING = 64
PULL = 1e-3  # of the calibration towards one temperature for all emotions
NEUTRAL = EMOTIONS.index("neutral")


@dataclass(frozen=True)
class Parts:
    """The training comments with the drills, and the held-out comments."""

    learn: Texts
    learn_labels: Floats
    held: Texts
    held_labels: Floats


def load(folder: Path) -> Parts:
    """Read ``train.tsv``, hold some out, add the drills to the rest."""
    texts, labels, names = read(folder / "train.tsv")
    held = held_out(names)
    calm = [
        text
        for text, out, row in zip(texts, held, labels, strict=True)
        if not out and row.sum() == 1 and row[NEUTRAL] == 1 and len(text) < 80
    ]
    made = drills(random.Random(0), calm)  # noqa: S311
    encoded = Texts.of(texts)
    shown = np.array([[row.get(name, 0.0) for name in EMOTIONS] for _, row in made], np.float32)
    return Parts(
        encoded.pick(~held) + Texts.of([text for text, _ in made]),
        np.concatenate([labels[~held], shown]),
        encoded.pick(held),
        labels[held],
    )


def calibrate(logits: Floats, labels: Floats) -> Calibration:
    """Fit ``softmax(logits @ weights + bias)`` to the labels of each comment, shared equally.

    Matrix scaling (Guo et al., 2017) with every entry pulled towards a multiple of the identity.
    """
    target = labels / labels.sum(axis=1, keepdims=True)
    count = len(EMOTIONS)
    eye = np.eye(count)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = values[:-count].reshape(count, count), values[-count:]
        scores = logits @ weights + bias
        scores -= scores.max(axis=1, keepdims=True)
        log_probs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        slope = (np.exp(log_probs) - target) / len(logits)
        off = weights - eye * np.trace(weights) / count
        total = -(target * log_probs).sum() / len(logits) + PULL * (off**2).sum()
        steps = logits.T @ slope + 2 * PULL * off
        return total, np.concatenate([steps.ravel(), slope.sum(axis=0)])

    start = np.concatenate([0.7 * eye.ravel(), np.zeros(count)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x.astype(np.float32)
    return Calibration(found[:-count].reshape(count, count), found[-count:])


def principal(pooled: Floats, width: int) -> Projection:
    """The ``width`` strongest principal components."""
    mean = pooled.mean(axis=0)
    centred = (pooled - mean).astype(np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return Projection(mean, np.ascontiguousarray(vectors[:, ::-1][:, :width]).astype(np.float32))


def run(path: Path, texts: list[str]) -> Floats:
    """What the written model says of ``texts``, ``(n, 7)``: in small batches, as in use."""
    session = Session(path, threads=1)
    order = np.argsort([len(text) for text in texts], kind="stable")
    probs = np.zeros((len(texts), len(EMOTIONS)), dtype=np.float32)
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        ids = tokenise.batch([texts[i] for i in chosen])
        probs[chosen] = session.run({"ids": ids})["probs"]
    return probs


def _metadata(thresholds: np.ndarray, calibration: Calibration, held: int) -> dict[str, str]:
    values = {
        "name": "emoscope-words",
        "version": "1",
        "role": "words",
        "labels": list(EMOTIONS),
        "input": {
            "name": "ids",
            "dtype": "int64",
            "shape": ["n", "tokens"],
            "thresholds": [round(float(value), 4) for value in thresholds],
        },
        "preprocessing": "tokens, n-grams and pieces of words, hashed (CRC-32); 0 pads",
        "calibration": {
            "method": "matrix scaling",
            "weights": calibration.weights.round(4).tolist(),
            "bias": calibration.bias.round(4).tolist(),
        },
        "corpus": "GoEmotions, grouped after Ekman",
        "split": f"train, of which {held} held out for choices, calibration and thresholds",
        "metrics": {},
        "licence": "as the project; trained on GoEmotions (Apache-2.0)",
    }
    return {
        f"emoscope.{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def train(folder: Path, path: Path) -> None:
    """Train on ``folder`` and write the model to ``path``."""
    began = time.perf_counter()

    def tell(text: str) -> None:
        _say(f"{time.perf_counter() - began:6.0f} s  {text}")

    parts = load(folder)
    tell(f"{len(parts.learn)} texts to learn from, {len(parts.held)} held out")
    word_index = Index.of(parts.learn.words, tokenise.WORDS, WORD_SEEN)
    bag_index = Index.of(parts.learn.bag, tokenise.BAG, BAG_SEEN)
    piece_index = Index.of(parts.learn.pieces, tokenise.PIECES, PIECE_SEEN)
    tell(f"rows: {word_index.rows} words, {bag_index.rows} bag, {piece_index.rows} pieces")
    linear = Linear.fit(parts.learn, parts.learn_labels, bag_index, piece_index, C, RARE)
    logits = linear.logits(parts.held)
    tell(f"linear: {_held_out_f1(parts.held_labels, logits)}")

    vectors = first_vectors(parts.learn, parts.learn_labels, word_index, WIDTH)
    models: list[Convolutional] = []
    others: list[Floats] = []
    found: list[Floats] = []
    for seed in SEEDS:
        model = fit_convolutional(
            parts.learn, parts.learn_labels, word_index, vectors, Training(), seed
        )
        part, pooled = read_convolutional(model, parts.held, word_index)
        tell(f"convolutional, seed {seed}: {_held_out_f1(parts.held_labels, part)}")
        models.append(model)
        others.append(part)
        found.append(pooled)
    logits = (1 - SHARE) * logits + SHARE * np.mean(others, axis=0)
    tell(f"both: {_held_out_f1(parts.held_labels, logits)}")
    calibration = calibrate(logits, parts.held_labels)
    probs = calibration.apply(logits)
    tell(f"calibrated: {_held_out_f1(parts.held_labels, probs)}")
    thresholds = best_thresholds(parts.held_labels, probs)
    projection = principal(np.concatenate(found, axis=1), EMBEDDING)
    metadata = _metadata(thresholds, calibration, len(parts.held))
    model_proto = build(linear, word_index, models, SHARE, calibration, projection, metadata)
    write(model_proto, path)
    tell(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def _held_out_f1(labels: Floats, scores: Floats) -> str:
    """Macro-F1 at thresholds from one half of the comments, on the other half, five times over."""
    shown = labels > 0
    values = []
    for again in range(5):
        order = np.random.default_rng(again).permutation(len(labels))
        for one, other in ((order[::2], order[1::2]), (order[1::2], order[::2])):
            said = scores[other] >= best_thresholds(labels[one], scores[one])
            values.append(f1_each(shown[other], said).mean())
    return f"macro-F1 {np.mean(values):.4f}"


def report(folder: Path, path: Path) -> None:
    """Print the figures of the written model on the development part."""
    thresholds = np.array(Session(path, threads=1).metadata.input["thresholds"])
    texts, labels, _ = read(folder / "dev.tsv")
    probs = run(path, texts)
    _say(table(labels, probs, thresholds))
    for name, value in measure(labels, probs, thresholds).items():
        _say(f"{name}: {value}")


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of train.tsv and dev.tsv")
    parser.add_argument("--out", type=Path, default=Path(), help="folder of model.onnx")
    parser.add_argument("--report", action="store_true", help="only measure the written model")
    chosen = parser.parse_args(arguments)
    path = chosen.out / "model.onnx"
    if chosen.report:
        report(chosen.data, path)
    else:
        train(chosen.data, path)


if __name__ == "__main__":
    main(sys.argv[1:])
