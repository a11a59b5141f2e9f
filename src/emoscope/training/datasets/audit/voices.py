"""Corpora of voices: what stands there twice, and who says what how often."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets.audit.counts import (
    common_findings,
    counted,
    ranked,
    repeats,
    tally,
)
from emoscope.training.datasets.audit.result import (
    Audit,
    Crossing,
    FileFormat,
    Finding,
    Repeats,
    Seconds,
    Tally,
)
from emoscope.training.datasets.audit.shortcuts import (
    format_of,
    format_tells,
    length_findings,
    length_only,
    outlier_findings,
    tell_findings,
)
from emoscope.training.datasets.corpora import Clip, SpeechCorpus
from emoscope.training.datasets.duplicates import same_bytes

_TEST_SHARE = 0.25
_FEW_SPEAKERS = 5


def audit_voices(corpus: SpeechCorpus, folder: Path) -> Audit:
    """Look through the recordings of a corpus, which is not empty."""
    labels, truth = corpus.label_set.names, corpus.labels
    speakers = tuple(clip.speaker for clip in corpus.clips)
    named = all(speakers)
    formats = [format_of(clip.path) for clip in corpus.clips]
    lengths = {
        "clip": np.array([len(wave) for wave in corpus.waveforms]) / SAMPLE_RATE,
        "speech": (corpus.extents[:, 1] - corpus.extents[:, 0]) / SAMPLE_RATE,
    }
    by_split = tally(labels, truth, ("all",) * len(corpus))
    by_speaker = tally(labels, truth, speakers) if any(speakers) else None
    same = repeats(same_bytes(corpus.waveforms), corpus.names, truth)
    tells = format_tells(formats, truth, labels, speakers if named else ())
    length_figures = tuple(
        figure
        for name, seconds in lengths.items()
        for figure in length_only(name, seconds, truth, labels, speakers if named else ())
    )
    crossing = _crossing(corpus.clips)
    findings = [
        *_repeat_findings(same, len(corpus)),
        *tell_findings(tells),
        *length_findings(length_figures, lengths["clip"]),
        *_speaker_findings(by_speaker, named=named),
        *_crossing_findings(crossing),
        *common_findings(by_split, corpus.skipped, "recording"),
        *outlier_findings(corpus.names, lengths["clip"]),
        *(Finding("note", note) for note in corpus.notes),
    ]
    return Audit(
        role="voice",
        corpus=corpus.corpus,
        folder=folder,
        items=len(corpus),
        by_split=by_split,
        by_speaker=by_speaker,
        skipped=corpus.skipped,
        same=same,
        formats=tuple(FileFormat(*key, n) for key, n in Counter(formats).most_common()),
        tells=tells,
        seconds={
            name: {
                label: _seconds(values[truth == index])
                for index, label in enumerate(labels)
                if (truth == index).any()
            }
            for name, values in lengths.items()
        },
        lengths=length_figures,
        crossing=crossing,
        findings=ranked(findings),
    )


def _seconds(values: NDArray[np.float64]) -> Seconds:
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    return Seconds(float(middle), float(low), float(high))


def _speaker_findings(by_speaker: Tally | None, *, named: bool) -> list[Finding]:
    if by_speaker is None:
        text = (
            "Speakers are not known (no folder of each actor): leave-one-speaker-out is "
            "impossible, and any split may put a voice on both sides."
        )
        return [Finding("warning", text)]
    found = []
    voices = [name for name in by_speaker.parts if name]
    if not named:
        n = by_speaker.per_part[by_speaker.parts.index("")]
        text = (
            f"Nobody says who speaks in {counted(n, 'recording')}: no split by speaker holds them."
        )
        found.append(Finding("warning", text))
    if len(voices) == 1:
        text = (
            f"All of it is speaker {voices[0]}: leave-one-speaker-out is impossible, and no "
            "figure says how other voices are heard."
        )
        found.append(Finding("warning", text))
        return found
    if len(voices) < _FEW_SPEAKERS:
        text = f"Only {len(voices)} speakers: figures for new voices rest on very few."
        found.append(Finding("warning", text))
    rows = zip(by_speaker.labels, by_speaker.counts, strict=True)
    alone = [label for label, row in rows if sum(n > 0 for n in row) == 1]
    if alone:
        text = f"Only one speaker has {' or '.join(alone)}: the label tells the speaker."
        found.append(Finding("warning", text))
    return found


def _crossing(clips: tuple[Clip, ...]) -> Crossing:
    """Draw one random quarter and look who and what stands on both sides."""
    order = np.random.default_rng(0).permutation(len(clips))
    cut = max(1, round(_TEST_SHARE * len(clips)))
    test, rest = [clips[i] for i in order[:cut]], [clips[i] for i in order[cut:]]
    said = [clip for clip in rest if clip.sentence]
    same_sentence = {(clip.speaker, clip.sentence) for clip in said}
    same_take = {(clip.speaker, clip.sentence, clip.label) for clip in said}
    speakers = {clip.speaker for clip in clips if clip.speaker}
    sentences = {clip.sentence for clip in clips if clip.sentence}
    voices = Counter(sentence for _, sentence in {(c.speaker, c.sentence) for c in clips})
    return Crossing(
        items=len(test),
        speakers=len(speakers & {c.speaker for c in test} & {c.speaker for c in rest}),
        of_speakers=len(speakers),
        sentences=len(sentences & {c.sentence for c in test} & {c.sentence for c in rest}),
        of_sentences=len(sentences),
        same_sentence=sum((c.speaker, c.sentence) in same_sentence for c in test),
        same_take=sum((c.speaker, c.sentence, c.label) in same_take for c in test),
        common_sentences=sum(voices[sentence] > 1 for sentence in sentences),
    )


def _crossing_findings(crossing: Crossing) -> list[Finding]:
    found = []
    if crossing.speakers and crossing.of_speakers > 1:
        text = (
            f"A random split puts {crossing.speakers} of {crossing.of_speakers} speakers on both "
            "sides"
        )
        if crossing.same_sentence:
            text += (
                f", and for {crossing.same_sentence / crossing.items:.0%} of its test clips the "
                "same speaker says the same sentence in training"
            )
        if crossing.same_take:
            text += f" ({crossing.same_take / crossing.items:.0%} with the same label)"
        found.append(Finding("warning", f"{text}: split by speaker."))
    if crossing.common_sentences:
        text = (
            f"{crossing.common_sentences:,} of {counted(crossing.of_sentences, 'sentence')} "
            "come from more than one speaker: a split by speaker still shares them."
        )
        found.append(Finding("note", text))
    return found


def _repeat_findings(same: Repeats, n: int) -> list[Finding]:
    found = []
    if same.differing:
        text = (
            f"Labels differ within {same.differing:,} of {counted(len(same.groups), 'group')} of "
            f"equal recordings, for example {same.groups[0][0]} and {same.groups[0][-1]}."
        )
        found.append(Finding("severe", text))
    surplus = same.items - len(same.groups)
    if surplus:
        text = (
            f"Copies, sample by sample: {surplus:,} of {n:,} recordings, for example "
            f"{same.groups[0][0]} and {same.groups[0][-1]}; a random split puts them on both sides."
        )
        found.append(Finding("warning", text))
    return found
