"""The findings as one page that needs nothing else: no script, no font, no address."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from emoscope.batch.report import charts
from emoscope.batch.report.findings import APART, Findings
from emoscope.batch.report.lists import FAILURES, FILES, FileLine
from emoscope.batch.report.runs import LABELS, MODALITIES
from emoscope.errors import BatchError
from emoscope.export.files import atomic_path
from emoscope.results import clock

_NAMES = {"face": "Faces", "voice": "Voices", "words": "Words", "fused": "All together"}
_SHORT = {"face": "face", "voice": "voice", "words": "words", "fused": "all"}


def write_page(found: Findings, path: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        MissingExtraError: matplotlib is not installed.
        BatchError: it cannot be written.
    """
    text = page(found)
    try:
        with atomic_path(path) as part:
            part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    except OSError as error:
        raise BatchError(f"{path}: cannot write there: {error.strerror or error}") from error


def page(found: Findings) -> str:
    """The page as HTML."""
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    sections = [
        _head(found),
        "<main>",
        _distribution(found),
        _over_time(found),
        _per_file(found),
        _apart(found),
        _confidence(found),
        _failures(found),
        "</main>",
        "<footer>emoscope reads how emotion appears, as people label it; it does not tell what "
        "somebody feels, and must not be used to decide about people.</footer>",
    ]
    name = escape(PurePath(found.table).name)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name} · emoscope</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(sections)
        + "\n</body>\n</html>\n"
    )


def _head(found: Findings) -> str:
    failed = sum(found.failed.values())
    read = found.files - failed
    kinds = {"image": "pictures", "audio": "recordings", "video": "videos"}
    told = ", ".join(f"{count:,} {kinds.get(kind, kind)}" for kind, count in found.kinds.items())
    facts = [
        (f"{read:,}", "files read", ""),
        (f"{failed:,}", "could not be read", "alarm" if failed else ""),
        (f"{int(found.readings[0].sum()):,}", "readings of faces", ""),
        (clock(found.speech_s), "of speech", ""),
        (f"{found.disagreements:,}", "disagreements", ""),
    ]
    cards = "".join(
        f'<div class="card fact {extra}"><b>{value}</b><span>{name}</span></div>'
        for value, name, extra in facts
    )
    return (
        f"<header><h1>What {read:,} files express</h1>"
        f"<p>{escape(found.table)}{' · ' if told else ''}{told}</p>"
        f'<div class="cards">{cards}</div></header>'
    )


def _distribution(found: Findings) -> str:
    cards = []
    for index, modality in enumerate(MODALITIES):
        counts, files = found.readings[index], found.by_file[index]
        if not counts.any():
            continue
        cards.append(
            f'<div class="card"><div class="head"><h3>{_NAMES[modality]}</h3>'
            f"<span>{int(counts.sum()):,} readings in {int(files.sum()):,} files</span></div>"
            f'<div class="named"><span class="note">readings</span>{_strip(_named(counts))}'
            f'<span class="note">files</span>{_strip(_named(files))}</div>'
            f"{_legend(counts)}</div>"
        )
    return _section(
        "What was read",
        "Each reading counts in the first bar; in the second each file counts once, by what it "
        "mostly shows, so that a long video weighs no more than a picture.",
        _grid(cards),
    )


def _over_time(found: Findings) -> str:
    cards = []
    for index, modality in enumerate(MODALITIES):
        counts = found.over_time[index]
        if not counts.any():
            continue
        about = f"{_NAMES[modality]}: shares of the emotions over time"
        cards.append(
            f'<div class="card"><div class="head"><h3>{_NAMES[modality]}</h3>'
            f"<span>{int(counts.sum()):,} readings</span></div>"
            f"{charts.over_time(counts, found.step_s, about)}{_legend(counts.sum(0))}</div>"
        )
    step = "a second" if found.step_s == 1 else f"{found.step_s:g} seconds"
    return _section(
        "Over time",
        f"Videos and recordings laid over each other from their start, in steps of {step}."
        if cards
        else "",
        _grid(cards, "no video or recording"),
    )


def _per_file(found: Findings) -> str:
    lines = found.lists.files
    told = "All files in which something was found."
    if len(lines) == FILES:
        told = f"The {FILES} files with most readings."
    return _section("Per file", told if lines else "", _files(lines, found.table))


def _apart(found: Findings) -> str:
    if not found.together:
        return _section("Disagreements", "", _grid([], "no two modalities spoke together"))
    share = found.disagreements / found.together
    about = "How far the modalities agree, from 0 to 100%"
    cards = [
        f'<div class="card"><div class="head"><h3>How far they agree</h3>'
        f"<span>{found.together:,} moments</span></div>"
        f"{charts.congruence(found.congruence, about)}"
        f'<div class="note">below {APART:.0%} (coloured) they disagree: {share:.0%} of the '
        "moments</div></div>"
    ]
    if found.face_voice.any():
        cards.append(_matrix(found.face_voice))
    rows = [
        f'<tr><td class="file">{_file(one.source, found.table)}</td>'
        f'<td class="number" data-name="at">{clock(one.time_s, 0.1)}</td>'
        f'<td class="number" data-name="agree">{one.congruence:.0%}</td>'
        f'<td class="wide">{_said(one.said)}</td></tr>'
        for one in found.lists.apart
        if one.congruence < APART
    ]
    table = _table(rows, ("file", "at", "they agree", "what they say"))
    return _section(
        "Disagreements",
        "Moments in which face, voice or words say different things: a smile over an angry voice.",
        _grid(cards) + (f'<div class="card table scroll gap">{table}</div>' if rows else ""),
    )


def _matrix(counts: NDArray[np.int64]) -> str:
    known = [i for i in range(len(LABELS)) if counts[i].any() or counts[:, i].any()]
    most = int(counts.max())
    head = "".join(f'<th scope="col">{LABELS[i]}</th>' for i in known)
    rows = "".join(
        f'<tr><th scope="row">{LABELS[i]}</th>'
        + "".join(
            f'<td class="{"same" if i == j else ""}" style="--share:{counts[i, j] / most:.3f}" '
            f'title="face {LABELS[i]}, voice {LABELS[j]}">{int(counts[i, j]) or ""}</td>'
            for j in known
        )
        + "</tr>"
        for i in known
    )
    return (
        f'<div class="card"><div class="head"><h3>Face (rows) and voice (columns)</h3>'
        f"<span>{int(counts.sum()):,} files</span></div>"
        f'<div class="scroll"><table class="matrix"><tr><td></td>{head}</tr>{rows}</table></div>'
        '<div class="note">each file counts once, by what its faces and its voices mostly say'
        "</div></div>"
    )


def _confidence(found: Findings) -> str:
    cards = []
    unsure = LABELS.index("unsure")
    for index, modality in enumerate(MODALITIES):
        counts = found.confidence[index]
        if total := int(counts.sum()):
            share = found.readings[index, unsure] / total
            about = f"{_NAMES[modality]}: how sure the readings are"
            cards.append(
                f'<div class="card"><div class="head"><h3>{_NAMES[modality]}</h3>'
                f"<span>unsure in {share:.1%}</span></div>{charts.histogram(counts, about)}</div>"
            )
    files = _files(found.lists.unsure, found.table)
    return _section(
        "Confidence",
        "The probability of the most probable emotion. Below, the files read with the least."
        if cards
        else "",
        _grid(cards) + (f'<div class="gap">{files}</div>' if cards else ""),
    )


def _failures(found: Findings) -> str:
    failed = sum(found.failed.values())
    if not failed:
        return _section("Failures", "", _grid([], "every file could be read"))
    reasons = ", ".join(f"{count:,} {escape(r)}" for r, count in found.failed.most_common())
    shown = len(found.lists.failures)
    more = f" The first {FAILURES}:" if shown == FAILURES < failed else ""
    rows = [
        f'<tr><td class="file">{_file(source, found.table)}</td>'
        f'<td class="wide">{escape(reason)}</td><td class="wide">{escape(error)}</td></tr>'
        for source, reason, error in found.lists.failures
    ]
    return _section(
        "Failures",
        f"{failed:,} files could not be read: {reasons}.{more}",
        f'<div class="card table scroll">{_table(rows, ("file", "why", "in full"))}</div>',
    )


def _files(lines: Sequence[FileLine], table: str) -> str:
    rows = []
    for line in lines:
        length = f" · {clock(line.duration_s, 0.1)}" if line.duration_s else ""
        bars = "".join(
            f'<div class="row"><span>{_SHORT[modality]}</span>{_strip(counts)}</div>'
            for modality, counts in line.counts.items()
        )
        readings = sum(sum(counts.values()) for counts in line.counts.values())
        agree = "–" if line.congruence is None else f"{line.congruence:.0%}"
        rows.append(
            f'<tr><td class="file">{_file(line.source, table)}'
            f"<small>{escape(line.kind)}{length}</small></td>"
            f'<td class="bars">{bars}</td>'
            f'<td class="number" data-name="readings">{readings:,}</td>'
            f'<td class="number" data-name="sure">{line.confidence:.0%}</td>'
            f'<td class="number" data-name="agree">{agree}</td></tr>'
        )
    if not rows:
        return _grid([], "nothing was found in any file")
    heads = ("file", "emotions", "readings", "mean confidence", "they agree")
    return f'<div class="card table scroll">{_table(rows, heads)}</div>'


def _table(rows: Iterable[str], heads: Sequence[str]) -> str:
    right = ("readings", "mean confidence", "they agree", "at")
    head = "".join(
        f'<th scope="col"{" class=number" if name in right else ""}>{name}</th>' for name in heads
    )
    return (
        f'<table class="files"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _file(source: str, table: str) -> str:
    """The name of a file, without the folders it shares with the table; in full on pointing."""
    folder = os.path.dirname(os.path.abspath(table)) + os.sep  # noqa: PTH100, PTH120
    short = source.removeprefix(folder)
    return f'<span title="{escape(source)}">{escape(short)}</span>'


def _strip(counts: Mapping[str, int]) -> str:
    total = sum(counts.values()) or 1
    told = ", ".join(f"{name} {count / total:.0%}" for name, count in counts.items())
    parts = "".join(
        f'<i style="width:{100 * count / total:.2f}%;background:{charts.colour(name)}"></i>'
        for name, count in counts.items()
    )
    return f'<div class="strip" role="img" aria-label="{told}" title="{told}">{parts}</div>'


def _legend(counts: NDArray[np.int64]) -> str:
    total = int(counts.sum())
    parts = "".join(
        f"<li>{_dot(name)}{name} <b>{count / total:.0%}</b></li>"
        for name, count in _named(counts).items()
    )
    return f'<ul class="legend">{parts}</ul>'


def _said(said: Mapping[str, str]) -> str:
    return "".join(
        f'<span class="said">{_SHORT[modality]} {_dot(label)}{label}</span>'
        for modality, label in said.items()
    )


def _dot(label: str) -> str:
    return f'<span class="dot" style="background:{charts.colour(label)}"></span>'


def _named(counts: NDArray[np.int64]) -> dict[str, int]:
    return {name: int(count) for name, count in zip(LABELS, counts, strict=True) if count}


def _grid(cards: Sequence[str], nothing: str = "") -> str:
    if not cards:
        return f'<div class="card none">{nothing}</div>' if nothing else ""
    three = " three" if len(cards) == 3 else ""
    return f'<div class="grid{three}">{"".join(cards)}</div>'


def _section(title: str, told: str, body: str) -> str:
    about = f"<p>{told}</p>" if told else "<p></p>"
    return f"<section><h2>{title}</h2>{about}{body}</section>"
