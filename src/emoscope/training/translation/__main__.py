"""``python -m emoscope.training.translation``: learn, measure beside controls, write the file."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from emoscope.errors import EmoscopeError
from emoscope.export.files import atomic_path
from emoscope.models.spaces import MODALITIES, Modality, Space, other
from emoscope.training.translation.embeddings import Side, face_side, voice_side
from emoscope.training.translation.heads import Head, recover
from emoscope.training.translation.learn import learn, with_wrong_classes, without_labels
from emoscope.training.translation.measure import (
    Answers,
    Bench,
    Gap,
    Row,
    answer_gaps,
    own_reading,
    retrieval_gaps,
)
from emoscope.training.translation.network import TranslationNet
from emoscope.training.translation.report import gap_lines, own_line, summary, table
from emoscope.training.translation.write import metadata_of, write

COPY = "source's scores copied"
MEANS = ("model's label → class mean", "shared classifier's label → class mean")
_VERSION = "10"
_CORPUS = (
    "FER2013 (Goodfellow et al., 2013); RAVDESS speech (Livingstone and Russo, 2018); TESS "
    "(Pichora-Fuller and Dupuis, 2020); EMO-DB (Burkhardt et al., 2005)"
)
_SPLIT = (
    "faces: FER2013's train split without near duplicates of its validation split, which is only "
    "reported; voices: no speaker in two parts, only reported: ravdess 17, 18, 19, 20, tess YAF, "
    "emodb 12, 14; never paired, only labels shared"
)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m emoscope.training.translation")
    for corpus in ("fer2013", "ravdess", "tess", "emodb"):
        parser.add_argument(f"--{corpus}", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("--out", type=Path, required=True, help="model.onnx, report, embeddings")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    voices = {name: getattr(options, name) for name in ("ravdess", "tess", "emodb")}
    try:
        sides: dict[Modality, Side] = {
            "face": face_side(options.fer2013, options.out, _say, options.seed),
            "voice": voice_side(voices, options.out, _say, options.seed),
        }
        text = run(sides, options.out, options.seed)
    except EmoscopeError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(text)  # noqa: T201
    return 0


def run(sides: Mapping[Modality, Side], out: Path, seed: int = 0) -> str:
    """Learn from the sides, measure, write ``model.onnx``, ``report.json`` and ``report.md``.

    Returns:
        The report as Markdown.

    Raises:
        ModelError: a model's answers are not linear in its embedding, or the file is wrong.
    """
    heads = {m: _head(sides[m]) for m in MODALITIES}
    labels = {m: sides[m].labels for m in MODALITIES}
    parts = {m: sides[m].parts["learn"] for m in MODALITIES}
    networks = {}
    start = time.monotonic()
    _say("learning")
    networks["translation"] = learn(parts, heads, labels, seed=seed)
    _say(f"learnt in {time.monotonic() - start:.0f} s; learning the controls")
    networks["shuffled labels"] = learn(without_labels(parts, seed), heads, labels, seed=seed)
    wrong, moved = with_wrong_classes(parts, heads["face"], labels["face"], seed)
    moved_heads: dict[Modality, Head] = {"face": moved, "voice": heads["voice"]}
    networks["classes confused"] = learn(wrong, moved_heads, labels, seed=seed)
    _say("measuring")
    results = {
        f"{source} to {other(source)}": _direction(source, sides, heads, networks, seed)
        for source in MODALITIES
    }
    spaces = {
        m: Space(sides[m].model, labels[m], sides[m].parts["learn"].values.shape[1])
        for m in MODALITIES
    }
    metadata = metadata_of(
        spaces, version=_VERSION, corpus=_CORPUS, split=_SPLIT, metrics=summary(results)
    )
    difference = write(networks["translation"], metadata, out / "model.onnx")
    text = _text(sides, heads, results)
    document = {
        "schema": "emoscope.translation/1",
        "heads": {m: {"agreement": h.agreement, "away": h.away} for m, h in heads.items()},
        "file_differs_by": difference,
        "directions": results,
    }
    _keep(out / "report.json", json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    _keep(out / "report.md", text)
    return text


def _head(side: Side) -> Head:
    fit, check = side.parts["learn"], side.parts["test"]
    return recover(fit.values, fit.probs, check.values, check.probs)


def _direction(
    source: Modality,
    sides: Mapping[Modality, Side],
    heads: Mapping[Modality, Head],
    networks: Mapping[str, TranslationNet],
    seed: int,
) -> dict[str, Any]:
    bench = Bench(source, sides, heads, "test", seed)
    ours = networks["translation"]
    found = {
        "translation": bench.translated(ours),
        MEANS[0]: bench.class_means(ours, bench.read_label()),
        MEANS[1]: bench.class_means(ours, ours.read_label(source, bench.items.values)),
        "true label → class mean": bench.class_means(ours, bench.items.labels),
        "shuffled labels": bench.translated(networks["shuffled labels"]),
        "classes confused": bench.translated(networks["classes confused"]),
        "chance": bench.chance(ours),
    }
    rows = {name: bench.row(name, answers) for name, answers in found.items()}
    rows[COPY] = bench.copied(COPY)
    differences = _differences(bench, found, rows, seed)
    held = Bench(source, sides, heads, "held", seed)
    held_row = held.row("translation", held.translated(ours)).to_dict()
    floor = bench.real_floor()
    return {
        "protocol": f"unseen {source} items, {len(bench.items)} of them, against "
        f"{len(bench.real)} unseen {bench.target} items; shared seven labels",
        "n": len(bench.items),
        "n_gallery": len(bench.real),
        "rows": [row.to_dict() for row in rows.values()],
        "gaps": {means: [gap.to_dict() for gap in some] for means, some in differences.items()},
        "real_floor": list(floor),
        "own": own_reading(sides[source], "test").to_dict(),
        "held": held_row,
        "table": table(list(rows.values()), floor),
        "gap_text": "\n".join(gap_lines(some, means) for means, some in differences.items()),
    }


def _differences(
    bench: Bench, found: Mapping[str, Answers], rows: Mapping[str, Row], seed: int
) -> dict[str, list[Gap]]:
    """The translation against what needs no translation."""
    labels, ours, mine = bench.items.labels, found["translation"], rows["translation"].retrieval
    assert mine is not None
    copied = bench.labels[bench.source].to_shared(bench.items.probs)
    made = {COPY: answer_gaps(labels, ours.probs, copied, seed)}
    for means in MEANS:
        theirs = rows[means].retrieval
        assert theirs is not None
        made[means] = answer_gaps(labels, ours.probs, found[means].probs, seed)
        made[means] += retrieval_gaps(mine, theirs)
    return made


def _text(
    sides: Mapping[Modality, Side],
    heads: Mapping[Modality, Head],
    results: Mapping[str, Mapping[str, Any]],
) -> str:
    lines = []
    for modality in MODALITIES:
        head = heads[modality]
        lines.append(
            f"{sides[modality].model}: linear head, same top label for {head.agreement:.2%} of "
            f"{len(sides[modality].parts['test'])} unseen items, probabilities within "
            f"{head.away:.1e}."
        )
        lines.append(own_line(sides[modality].model, own_reading(sides[modality], "test")))
    for direction, found in results.items():
        lines += [f"\n## {direction}\n", found["protocol"], "", found["table"], ""]
        lines.append(found["gap_text"])
    return "\n".join(lines) + "\n"


def _keep(path: Path, text: str) -> None:
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
