"""Finish a training run: ``python -m emoscope.training.ship face|voice ...``.

Load the averaged weights, fit the temperature on the part held back for it, export, measure the
exported file on the part that is only reported, and write the figures into the file.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emoscope.errors import EmoscopeError, ModelError
from emoscope.labels import SHARED_LABELS, VOICE_LABELS
from emoscope.models.metadata import ModelMetadata
from emoscope.training.datasets import speech
from emoscope.training.evaluate import Evaluation, Figure, evaluate_face, evaluate_voice
from emoscope.training.evaluate.voices import read_speech
from emoscope.training.export import (
    FACE_INPUT,
    VOICE_INPUT,
    export_face,
    export_voice,
    write_metadata,
)
from emoscope.training.loop import load_average
from emoscope.training.metrics import measure, softmax, temperature
from emoscope.training.nets.face import FaceNet
from emoscope.training.nets.voice import VoiceNet
from emoscope.training.recipes import emoscope_face, emoscope_voice
from emoscope.voice.activity import load_gate

LICENCE = "MIT (code and weights); trained on corpora for research use, see the model card"
Say = Callable[[str], None]


def finish_face(
    run_dir: Path,
    data_dir: Path,
    out: Path,
    version: str,
    *,
    unfinished: bool = False,
    say: Say = lambda line: None,
) -> Evaluation:
    """Make ``emoscope-face`` of a run of its recipe.

    Args:
        run_dir: holds ``checkpoint.pt``; only read.
        data_dir: folder of FER2013.
        out: the ``.onnx`` file to write.
        version: of the weights.
        unfinished: take a run that has epochs left, for a trial.
        say: called with a line after each step.

    Returns:
        The evaluation of the exported file on the validation pictures.

    Raises:
        ModelError: there is no finished run.
        ModelIntegrityError: the export does not match the network.
        DatasetError: the corpus is missing or laid out differently.
    """
    network = FaceNet()
    epochs = load_average(network, run_dir, unfinished=unfinished)
    _, held = emoscope_face.training_parts(data_dir)
    with torch.inference_mode():
        logits = torch.cat(
            [
                network.answer(network.embed(torch.from_numpy(part)))
                for part in _split(held.crops, 256)
            ]
        ).numpy()
    heat, calibration = _calibrate(logits, held.labels, SHARED_LABELS.names)
    say(f"temperature {heat:.3f} on {len(held)} training pictures held back")
    metadata = ModelMetadata(
        name="emoscope-face",
        version=version,
        role="face",
        labels=SHARED_LABELS,
        input=FACE_INPUT,
        preprocessing="inside the graph: each grey crop is brought to mean 0 and deviation 1",
        calibration={**calibration, "fitted_on": f"{len(held)} held-back training pictures"},
        corpus="FER2013 (Goodfellow et al., 2013) with FER+ votes (Barsoum et al., 2016)",
        split=(
            "FER2013's own train split without pictures that also stand in validation; 5% held "
            f"back for the temperature; weights averaged to the end of {epochs} epochs; "
            "validation only reported"
        ),
        metrics={},
        licence=LICENCE,
    )
    difference = export_face(network, heat, metadata, out)
    say(f"exported, differs from the network by at most {difference:.1e}")
    result = evaluate_face(out, data_dir, "validation")
    metrics = {"fer2013": _summary(result)}
    write_metadata(out, dataclasses.replace(metadata, metrics=metrics))
    return result


def finish_voice(
    run_dir: Path,
    corpora: Mapping[str, Path],
    out: Path,
    version: str,
    *,
    unfinished: bool = False,
    say: Say = lambda line: None,
) -> dict[str, Evaluation]:
    """Make ``emoscope-voice`` of a run of its recipe; as :func:`finish_face`.

    Args:
        corpora: name of each corpus to its folder; RAVDESS must be there.

    Returns:
        Per corpus the evaluation of the exported file on the speakers that are reported.
    """
    network = VoiceNet()
    epochs = load_average(network, run_dir, unfinished=unfinished)
    clips = [c for name, folder in corpora.items() for c in speech.list_clips(name, folder)]
    held = emoscope_voice.speakers_part(clips, "held")
    logits = _voice_logits(network, held)
    truth = np.array([VOICE_LABELS.index(clip.label) for clip in held])
    heat, calibration = _calibrate(logits, truth, VOICE_LABELS.names)
    say(f"temperature {heat:.3f} on {len(held)} clips of speakers held back")
    unseen = {name: list(emoscope_voice.TEST_SPEAKERS[name]) for name in corpora}
    metadata = ModelMetadata(
        name="emoscope-voice",
        version=version,
        role="voice",
        labels=VOICE_LABELS,
        input=VOICE_INPUT,
        preprocessing=(
            "inside the graph: log spectrum (64 mel bands, 64 low bins; 50 ms every 10 ms) "
            "relative to the loudest frame, pooled under the mask of lengths"
        ),
        calibration={
            **calibration,
            "fitted_on": f"{len(held)} clips of speakers {_speakers(held)}, not trained on",
        },
        corpus="; ".join(_CORPORA[name] for name in corpora),
        split=(
            "no speaker in two parts; not trained on and only reported: "
            + "; ".join(f"{name} {', '.join(who)}" for name, who in unseen.items())
            + f"; weights averaged to the end of {epochs} epochs"
        ),
        metrics={"unseen_speakers": unseen},
        licence=LICENCE,
    )
    difference = export_voice(network, heat, metadata, out)
    say(f"exported, differs from the network by at most {difference:.1e}")
    results = {name: evaluate_voice(out, name, folder) for name, folder in corpora.items()}
    metrics: dict[str, Any] = {"unseen_speakers": unseen}
    metrics |= {name: _summary(result) for name, result in results.items()}
    write_metadata(out, dataclasses.replace(metadata, metrics=metrics))
    return results


_CORPORA = {
    "ravdess": "RAVDESS speech (Livingstone and Russo, 2018)",
    "tess": "TESS (Pichora-Fuller and Dupuis, 2020)",
    "emodb": "EMO-DB (Burkhardt et al., 2005)",
}


def _calibrate(
    logits: NDArray[np.float32], truth: NDArray[np.int64], labels: tuple[str, ...]
) -> tuple[float, dict[str, Any]]:
    """Temperature, and what it does to the part that it is fitted on."""
    heat = temperature(logits, truth)
    before, after = (
        measure(softmax(logits), truth, labels),
        measure(softmax(logits / heat), truth, labels),
    )
    return heat, {
        "temperature": heat,
        "n": after.n,
        "nll": [before.nll, after.nll],
        "ece": [before.ece, after.ece],
    }


def _voice_logits(network: VoiceNet, clips: list[speech.Clip]) -> NDArray[np.float32]:
    if not clips:
        raise ModelError("no clips of the speakers held back for the temperature")
    gate, rows = load_gate(), []
    with torch.inference_mode():
        for clip in clips:
            waveform, _ = read_speech(clip, gate)
            rows.append(network(*emoscope_voice.pad([waveform]))[0])
    logits: NDArray[np.float32] = torch.cat(rows).numpy()
    return logits


def _split(crops: NDArray[np.uint8], size: int) -> list[NDArray[np.uint8]]:
    return [crops[start : start + size] for start in range(0, len(crops), size)]


def _speakers(clips: list[speech.Clip]) -> str:
    return ", ".join(sorted({f"{clip.corpus} {clip.speaker}" for clip in clips}))


def _summary(result: Evaluation) -> dict[str, Any]:
    """The figures that belong into the model file, each with its protocol."""
    return {figure.name: _headline(figure) for figure in (result.main, *result.further)}


def _headline(figure: Figure) -> dict[str, Any]:
    full = figure.to_dict()
    keys = (
        *("protocol", "n", "accuracy", "accuracy_interval", "uar", "uar_interval"),
        *("uar_interval_by_group", "ece", "nll"),
    )
    return {key: full[key] for key in keys}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("role", choices=("face", "voice"))
    parser.add_argument("--run", type=Path, required=True, help="run folder with checkpoint.pt")
    parser.add_argument("--out", type=Path, required=True, help="the .onnx file to write")
    parser.add_argument("--version", required=True, help="of the weights")
    parser.add_argument("--fer2013", type=Path, help="face: folder of FER2013")
    for name in speech.LABELS:
        parser.add_argument(f"--{name}", type=Path, help=f"voice: folder of {name}")
    parser.add_argument("--unfinished", action="store_true", help="take a run with epochs left")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    options: dict[str, Any] = {"unfinished": arguments.unfinished, "say": _print}
    try:
        if arguments.role == "face":
            if arguments.fer2013 is None:
                parser.error("face needs --fer2013")
            results = [
                finish_face(
                    arguments.run, arguments.fer2013, arguments.out, arguments.version, **options
                )
            ]
        else:
            corpora = {name: getattr(arguments, name) for name in speech.LABELS}
            if None in corpora.values():
                parser.error("voice needs " + ", ".join(f"--{name}" for name in corpora))
            found = finish_voice(
                arguments.run, corpora, arguments.out, arguments.version, **options
            )
            results = list(found.values())
    except EmoscopeError as error:
        sys.exit(f"ship: {error}")
    for result in results:
        for figure in (result.main, *result.further):
            _print(_line(result, figure))


def _line(result: Evaluation, figure: Figure) -> str:
    m = figure.metrics
    return (
        f"{result.corpus} {figure.name}: accuracy {m.accuracy:.1%} "
        f"[{m.accuracy_interval[0]:.1%}, {m.accuracy_interval[1]:.1%}], UAR {m.uar:.1%} "
        f"[{m.uar_interval[0]:.1%}, {m.uar_interval[1]:.1%}], ECE {m.ece:.3f}, n {m.n} "
        f"({figure.protocol})"
    )


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
