"""Voice models on acted speech: the speech gate of use, speakers that were never heard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.labels import SHARED, SHARED_LABELS, TO_SHARED, LabelSet
from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets import speech
from emoscope.training.evaluate.actors import choose_speakers, unseen_speakers
from emoscope.training.evaluate.figures import Evaluation, Figure, Progress
from emoscope.training.metrics import measure
from emoscope.voice.activity import GateChoice, SpeechGate, load_gate
from emoscope.voice.recognise import VoiceRecogniser

NEIGHBOURS = 15
_AT_ONCE = 32


def evaluate_voice(
    model: str | Path,
    corpus: str,
    data_dir: Path,
    actors: str | None = None,
    progress: Progress | None = None,
    *,
    gate: GateChoice = "auto",
) -> Evaluation:
    """Run a voice model over speakers of a corpus.

    Args:
        model: a name from the catalog, an ``.onnx`` file, or a run folder.
        corpus: ``ravdess``, ``tess`` or ``emodb``.
        data_dir: its folder.
        actors: speakers (``"17,18"``, ``"17-20"``), ``"all"``, or None for those that the model
            says it never heard.
        progress: called with steps done and steps in all.
        gate: which speech gate.

    Raises:
        DatasetError: the corpus is missing or laid out differently, or has no such speaker.
        MediaError: a clip cannot be read.
        ModelError: the model cannot be had or used, or does not say which speakers it never heard.
    """
    recogniser = VoiceRecogniser(model)
    clips = speech.list_clips(corpus, data_dir)
    unseen = unseen_speakers(recogniser.metadata, corpus)
    speakers, notes, warnings = choose_speakers(clips, corpus, actors, unseen)
    clips = [clip for clip in clips if clip.speaker in speakers]
    task = _task(recogniser.labels, speech.corpus_labels(corpus))
    left_out = [clip for clip in clips if clip.label not in task.truth]
    if left_out:
        names = ", ".join(sorted({clip.label for clip in left_out}))
        notes.append(f"{len(left_out)} clips left out: the model has no answer for {names}.")
    clips = [clip for clip in clips if clip.label in task.truth]
    if not clips:
        raise DatasetError(f"{data_dir}: none of these clips has a label that the model can answer")
    speech_gate = load_gate(gate)
    extents, native, silent = _read_clips(recogniser, speech_gate, clips, progress)
    if silent:
        notes.append(f"In {silent} of {len(clips)} clips the gate heard no speech: read whole.")
    probs = task.answer(native)
    truth = np.array([task.truth[clip.label] for clip in clips], np.int64)
    who = [clip.speaker for clip in clips]
    part = f"speakers {', '.join(sorted(set(who)))}"
    main = Figure(
        "unseen" if set(who) <= set(unseen or ()) else "chosen",
        f"{corpus}, {part}; each clip from its first to its last speech ({speech_gate.name}), "
        f"in one piece; {len(task.names)} classes: {task.text}",
        measure(probs, truth, task.names, who),
    )
    further = _further(task, recogniser.labels, native, truth, np.array(extents), who)
    return Evaluation(
        "voice", recogniser.name, corpus, part, main, further, tuple(notes), tuple(warnings)
    )


@dataclass(frozen=True)
class _Task:
    """How a model's labels and a corpus' labels meet."""

    names: tuple[str, ...]
    truth: dict[str, int]  # the corpus' label -> class
    columns: NDArray[np.float64]  # (model labels, classes) 0/1
    text: str

    def answer(self, native: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Model's probabilities to those of the classes, renormalised."""
        kept = native.astype(np.float64) @ self.columns
        total = kept.sum(1, keepdims=True)
        even = np.full_like(kept, 1 / len(self.names))
        shares: NDArray[np.float64] = np.divide(kept, total, out=even, where=total > 0)
        return shares


def _task(ours: LabelSet, theirs: LabelSet) -> _Task:
    """Native labels where the model has just the corpus' own; else the shared emotions of both."""
    if set(ours.names) == set(theirs.names):
        columns = np.array([[a == b for b in theirs.names] for a in ours.names], np.float64)
        truth = {name: index for index, name in enumerate(theirs.names)}
        return _Task(theirs.names, truth, columns, "the corpus' own")
    answered = {TO_SHARED[name] for name in ours.names}
    asked = {TO_SHARED[name] for name in theirs.names}
    names = tuple(name for name in SHARED if name in answered & asked)
    if not names:
        raise DatasetError("the model and the corpus have no emotion in common")
    columns = ours.shared_matrix()[:, [SHARED_LABELS.index(name) for name in names]]
    truth = {
        label: names.index(shared)
        for label in theirs.names
        if (shared := TO_SHARED[label]) is not None and shared in names
    }
    return _Task(names, truth, columns, "those of the shared seven that both have")


def _further(
    task: _Task,
    labels: LabelSet,
    native: NDArray[np.float32],
    truth: NDArray[np.int64],
    seconds: NDArray[np.float64],
    who: list[str],
) -> tuple[Figure, ...]:
    """The shared emotions where the main figure is of other labels, and the control."""
    probs, how = duration_only(seconds, truth, len(task.names), who)
    control = Figure(
        "duration_only",
        f"control: what the length of the speech alone gives away, {how}",
        measure(probs, truth, task.names, who),
    )
    targets = [TO_SHARED[name] for name in task.names]
    if set(targets) == set(task.names) or None in targets:
        return (control,)
    classes = np.array([SHARED.index(str(name)) for name in targets])
    shared = Figure(
        "shared",
        "the same clips in the shared seven emotions (calm counts as neutral)",
        measure(labels.to_shared(native), classes[truth], SHARED, who),
    )
    return shared, control


def duration_only(
    seconds: NDArray[np.float64], truth: NDArray[np.int64], classes: int, speakers: list[str]
) -> tuple[NDArray[np.float64], str]:
    """Classes from length alone: neighbours in length, each class with the same say.

    Args:
        seconds: ``(n,)`` lengths.
        truth: ``(n,)`` true classes.
        classes: how many there are.
        speakers: ``(n,)``; neighbours are other speakers' clips, or with one speaker other clips.

    Returns:
        Probabilities ``(n, classes)``, and in words how they were made.
    """
    _, member = np.unique(np.asarray(speakers), return_inverse=True)
    alone = member.max() == 0
    member = np.arange(len(truth)) if alone else member
    how = "leave one clip out" if alone else "leave one speaker out"
    probs = np.full((len(truth), classes), 1 / classes)
    for left in range(member.max() + 1):
        test, rest = member == left, member != left
        if not rest.any():
            continue
        k = min(NEIGHBOURS, int(rest.sum()))
        away = np.abs(seconds[test][:, None] - seconds[rest][None])
        near = np.argpartition(away, k - 1, axis=1)[:, :k]
        weight = 1 / np.maximum(np.bincount(truth[rest], minlength=classes), 1)
        say = np.eye(classes)[truth[rest][near]].sum(1) * weight
        probs[test] = say / say.sum(1, keepdims=True)
    return probs, f"{NEIGHBOURS} nearest neighbours, {how}"


def speech_of(waveform: NDArray[np.float32], gate: SpeechGate) -> tuple[NDArray[np.float32], bool]:
    """A clip from its first to its last speech; the whole of it where the gate hears none.

    Returns:
        ``(time,)`` float32, and whether speech was heard.
    """
    gate.reset()
    spans = [*gate.push(waveform), *gate.flush()]
    if not spans:
        return waveform, False
    start, end = round(spans[0].start_s * SAMPLE_RATE), round(spans[-1].end_s * SAMPLE_RATE)
    return waveform[start:end], True


def read_speech(clip: speech.Clip, gate: SpeechGate) -> tuple[NDArray[np.float32], bool]:
    """:func:`speech_of` a clip's file.

    Raises:
        MediaError: it cannot be read.
        DatasetError: it holds no sound.
    """
    waveform = speech.read_waveform(clip.path)
    if not waveform.size:
        raise DatasetError(f"{clip.path}: holds no sound")
    return speech_of(waveform, gate)


def _read_clips(
    recogniser: VoiceRecogniser,
    gate: SpeechGate,
    clips: list[speech.Clip],
    progress: Progress | None,
) -> tuple[list[float], NDArray[np.float32], int]:
    """Seconds read per clip, probabilities ``(n, labels)``, clips without speech."""
    seconds: list[float] = []
    probs: list[NDArray[np.float32]] = []
    silent = 0
    for start in range(0, len(clips), _AT_ONCE):
        waveforms = []
        for clip in clips[start : start + _AT_ONCE]:
            waveform, heard = read_speech(clip, gate)
            silent += not heard
            seconds.append(len(waveform) / SAMPLE_RATE)
            waveforms.append(waveform)
        probs.append(recogniser.read(waveforms)[0])
        if progress is not None:
            progress(len(seconds), len(clips))
    return seconds, np.concatenate(probs), silent
