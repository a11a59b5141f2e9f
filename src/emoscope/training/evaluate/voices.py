"""Voice models on acted speech: the speech gate of use, speakers that were never heard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from emoscope.training.datasets import speech
from emoscope.training.datasets.tree import list_files
from emoscope.training.evaluate.actors import choose_speakers, unseen_speakers
from emoscope.training.evaluate.figures import Evaluation, Progress
from emoscope.training.evaluate.items import evaluation_of, predict
from emoscope.training.report import write_report
from emoscope.voice.activity import GateChoice, load_gate
from emoscope.voice.recognise import VoiceRecogniser


def evaluate_voice(
    model: str | Path,
    corpus: str,
    data_dir: Path,
    actors: str | None = None,
    progress: Progress | None = None,
    *,
    gate: GateChoice = "auto",
    report: Path | None = None,
) -> Evaluation:
    """Run a voice model over speakers of a corpus.

    Args:
        model: a name from the catalog, an ``.onnx`` file, or a run folder.
        corpus: ``ravdess``, ``tess``, ``emodb`` or ``cremad``.
        data_dir: its folder.
        actors: speakers (``"17,18"``, ``"17-20"``), ``"all"``, or None for those that the model
            says it never heard.
        progress: called with steps done and steps in all.
        gate: which speech gate.
        report: takes the report with its pictures; None: none is written.

    Raises:
        DatasetError: the corpus is missing or laid out differently, or has no such speaker.
        MissingExtraError: a report is wanted and matplotlib is not installed.
        ModelError: the model cannot be had or used, or does not say which speakers it never heard.
    """
    metadata = VoiceRecogniser(model).metadata
    unseen = unseen_speakers(metadata, corpus)
    clips = speech.list_clips(corpus, data_dir)
    speakers, notes, warnings = choose_speakers(clips, corpus, actors, unseen)
    clips = [clip for clip in clips if clip.speaker in speakers]
    labels, tree = speech.corpus_labels(corpus), list_files(data_dir)
    items = speech.read_clips(clips, labels, tree, progress=progress, gate=gate)
    found = predict(model, items)
    who = sorted({clip.speaker for clip in items.clips})
    part = f"speakers {', '.join(who)}"
    result = evaluation_of(
        metadata.at_version,
        items,
        found,
        protocol=(
            f"{corpus}, {part}; each clip from its first to its last speech "
            f"({load_gate(gate).name}), in one piece; "
            f"{len(found.labels)} classes: {', '.join(found.labels)}"
        ),
        part="unseen" if set(who) <= set(unseen or ()) else "chosen",
        notes=tuple(notes),
        warnings=tuple(warnings),
    )
    result = replace(result, part=part)
    if report is not None:
        write_report(result, found, report, items=items)
    return result
