"""Corpora of faces: pictures that stand there twice, labels that contradict each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.labels import SHARED, TO_SHARED, plain_label
from emoscope.training.datasets.audit.counts import (
    common_findings,
    counted,
    ranked,
    repeats,
    shared_by_parts,
    tally,
)
from emoscope.training.datasets.audit.result import Agreement, Audit, Finding, Repeats
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.datasets.duplicates import groups_of, near_pairs, same_bytes
from emoscope.training.datasets.ferplus import vote_winner
from emoscope.training.evaluate.figures import Progress


def audit_faces(corpus: FaceCorpus, folder: Path, progress: Progress | None = None) -> Audit:
    """Look through the pictures of a corpus, which is not empty.

    Args:
        corpus: what was read.
        folder: from where.
        progress: called with pictures compared and pictures in all.
    """
    labels, names, truth = corpus.label_set.names, corpus.names, corpus.labels
    splits = tuple(name or "all" for name in corpus.splits)
    same_groups = same_bytes(corpus.crops)
    first = np.arange(len(corpus))
    for group in same_groups:
        first[group] = group[0]
    pairs = _pairs_of_distinct(corpus, first, progress)
    linked = np.concatenate([pairs, np.stack([first, np.arange(len(corpus))], 1)])
    same = repeats(same_groups, names, truth, shared_by_parts(first, pairs[:0], splits))
    near = repeats(
        groups_of(len(corpus), linked), names, truth, shared_by_parts(first, pairs, splits)
    )
    by_split, agreement = tally(labels, truth, splits), _agreement(corpus)
    speakers = corpus.speakers if any(corpus.speakers) else None
    findings = [
        *_repeat_findings(near, len(corpus)),
        *(_speaker_findings(splits, speakers) if speakers else ()),
        *common_findings(by_split, corpus.skipped, "picture"),
        *_vote_findings(agreement),
        *(Finding("note", note) for note in corpus.notes),
    ]
    return Audit(
        role="face",
        corpus=corpus.corpus,
        folder=folder,
        items=len(corpus),
        by_split=by_split,
        by_speaker=tally(labels, truth, speakers) if speakers else None,
        skipped=corpus.skipped,
        same=same,
        near=near,
        agreement=agreement,
        findings=ranked(findings),
    )


def _pairs_of_distinct(
    corpus: FaceCorpus, first: NDArray[np.int64], progress: Progress | None
) -> NDArray[np.int64]:
    """Near pairs among pictures that differ: a picture that stands there often counts once."""
    distinct = np.unique(first)
    pairs, _ = near_pairs(corpus.crops[distinct], progress=progress)
    return distinct[pairs]


def _agreement(corpus: FaceCorpus) -> Agreement | None:
    tagged = corpus.tagged > 0
    if not tagged.any() or corpus.corpus == "ferplus":  # whose labels are those votes
        return None
    winner, most = vote_winner(corpus)
    targets = [TO_SHARED[plain_label(name)] for name in corpus.label_set.names]
    classes = np.array([-2 if name is None else SHARED.index(name) for name in targets])
    decided = tagged & (winner >= 0)
    return Agreement(
        int(tagged.sum()),
        int(decided.sum()),
        int((classes[corpus.labels] == winner)[decided].sum()),
        float((most[tagged] / corpus.tagged[tagged]).mean()),
    )


def _repeat_findings(near: Repeats, n: int) -> list[Finding]:
    found = [
        Finding(
            "severe",
            f"{shared.items:,} of {shared.of:,} {shared.part} pictures also stand in "
            f"{shared.other}, as they are, mirrored or nearly: leave them out of training.",
        )
        for shared in near.shared
        if shared.items
    ]
    if near.differing:
        text = (
            f"Labels differ within {near.differing:,} of {counted(len(near.groups), 'group')} of "
            f"equal pictures, for example {near.groups[0][0]} and {near.groups[0][-1]}."
        )
        found.append(Finding("warning", text))
    surplus = near.items - len(near.groups)
    if surplus:
        text = (
            f"{surplus:,} of {n:,} pictures repeat another one: a random split puts copies on "
            "both sides."
        )
        found.append(Finding("warning", text))
    return found


def _speaker_findings(splits: tuple[str, ...], speakers: tuple[str, ...]) -> list[Finding]:
    where: dict[str, set[str]] = {}
    for speaker, split in zip(speakers, splits, strict=True):
        where.setdefault(speaker, set()).add(split)
    where.pop("", None)
    both = sum(len(parts) > 1 for parts in where.values())
    if not both:
        return []
    text = f"{both} of {counted(len(where), 'person')} stand in more than one split."
    return [Finding("severe", text)]


def _vote_findings(agreement: Agreement | None) -> list[Finding]:
    if agreement is None or not agreement.decided:
        return []
    share = agreement.agreeing / agreement.decided
    text = (
        f"FER+'s taggers agree with the label of {agreement.agreeing:,} of {agreement.decided:,} "
        f"pictures that they are decided about ({share:.0%}); the most voted emotion gets "
        f"{agreement.mean_share:.0%} of the votes on average."
    )
    return [Finding("warning" if share < 0.8 else "note", text)]
