"""Counts by label and part, items that repeat, and what both tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emoscope.training.datasets.audit.result import Finding, Repeats, Severity, Shared, Tally


def tally(labels: Sequence[str], truth: NDArray[np.int64], parts: Sequence[str]) -> Tally:
    """Count items by label and part.

    Args:
        labels: names of the classes.
        truth: ``(n,)`` class of each item.
        parts: ``(n,)`` part of each item; columns come in the order of first appearance.
    """
    names = tuple(dict.fromkeys(parts))
    place = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(labels), len(names)), np.int64)
    columns = np.array([place[part] for part in parts], np.int64)
    np.add.at(counts, (truth, columns), 1)
    return Tally(tuple(labels), names, tuple(tuple(row) for row in counts.tolist()))


def repeats(
    groups: Sequence[NDArray[np.int64]],
    names: Sequence[str],
    truth: NDArray[np.int64],
    shared: tuple[Shared, ...] = (),
) -> Repeats:
    """Groups of items that are one, those of differing labels first, each in order of label."""
    sorted_groups = [group[np.argsort(truth[group], kind="stable")] for group in groups]
    differs = [truth[group[0]] != truth[group[-1]] for group in sorted_groups]
    order = sorted(range(len(groups)), key=lambda index: not differs[index])
    return Repeats(
        tuple(tuple(names[item] for item in sorted_groups[index]) for index in order),
        sum(map(len, groups)),
        sum(map(bool, differs)),
        shared,
    )


def shared_by_parts(
    first: NDArray[np.int64], pairs: NDArray[np.int64], parts: Sequence[str]
) -> tuple[Shared, ...]:
    """How many items of each part also stand in each part named before it.

    Args:
        first: ``(n,)``, for each item the first one that is the same (often itself).
        pairs: ``(m, 2)`` first items that are nearly one.
        parts: ``(n,)`` part of each item.
    """
    names = tuple(dict.fromkeys(parts))
    code = np.array([names.index(part) for part in parts], np.int64)
    holds = np.zeros((len(first), len(names)), bool)
    holds[first, code] = True
    reaches = holds.copy()
    np.logical_or.at(reaches, pairs[:, 0], holds[pairs[:, 1]])
    np.logical_or.at(reaches, pairs[:, 1], holds[pairs[:, 0]])
    return tuple(
        Shared(
            names[part],
            names[other],
            int((reaches[first, other] & (code == part)).sum()),
            int((code == part).sum()),
        )
        for other in range(len(names))
        for part in range(other + 1, len(names))
    )


def common_findings(by_split: Tally, skipped: Sequence[str], what: str) -> list[Finding]:
    """Findings about counts, which faces and voices have in common.

    Args:
        by_split: the counts.
        skipped: a line for each file that could not be read.
        what: ``picture`` or ``recording``.
    """
    counts = dict(zip(by_split.labels, by_split.per_label, strict=True))
    present = {label: n for label, n in counts.items() if n}
    found = []
    if len(present) == 1:
        text = f"Every {what} is {next(iter(present))}: there is nothing to tell apart."
        found.append(Finding("severe", text))
    absent = [label for label, n in counts.items() if not n]
    if absent:
        text = f"No {what} is {' or '.join(absent)}: that cannot be learnt or measured here."
        found.append(Finding("warning", text))
    for column, part in enumerate(by_split.parts):
        rows = zip(by_split.labels, by_split.counts, strict=True)
        lacking = [label for label, row in rows if counts[label] and not row[column]]
        if lacking:
            text = f"No {what} of {part} is {' or '.join(lacking)}."
            found.append(Finding("warning", text))
    if skipped:
        text = f"{counted(len(skipped), 'file')} cannot be read: {skipped[0].rstrip('.')}."
        found.append(Finding("warning", text))
    most, least = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
    if present[most] >= 3 * present[least]:
        text = (
            f"Labels are uneven, {present[most]:,} {most} to {present[least]:,} {least}: "
            "quote UAR beside accuracy."
        )
        found.append(Finding("note", text))
    return found


def counted(n: int, one: str) -> str:
    """A number with its noun: ``"1 file"``, ``"2,800 files"``."""
    return f"{n:,} {one}" if n == 1 else f"{n:,} {one}s"


def ranked(findings: list[Finding]) -> tuple[Finding, ...]:
    """Worst first, otherwise in the order given."""
    order: dict[Severity, int] = {"severe": 0, "warning": 1, "note": 2}
    return tuple(sorted(findings, key=lambda finding: order[finding.severity]))
