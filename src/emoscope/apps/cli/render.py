"""Results as people read them: a short table for each input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from emoscope.export.plain import escaped
from emoscope.labels import COLOURS, plain_label
from emoscope.results import Analysis, FaceEmotion, Scores, clock, mean_scores

BAR = 20  # characters
GREY = "#8A8F98"


def render(analysis: Analysis) -> RenderableType:
    """One input: a heading, its faces, its voice, its words.

    To be printed without cropping: the heading holds a path, which is none once broken or cut.
    """
    models = Text(" · ".join(analysis.models.values()), GREY)
    parts: list[RenderableType] = [_heading(analysis), models]
    if analysis.size_px is not None:
        parts.append(_faces(analysis))
    if analysis.kind != "image":
        parts.append(_voice(analysis))
        if "transcriber" in analysis.models:
            parts.append(_words(analysis))
    if any(one.congruence is not None for one in analysis.fused):
        parts.append(_together(analysis))
    return Group(*parts, "")


def _heading(analysis: Analysis) -> Text:
    names = {"image": "picture", "audio": "recording", "video": "video"}
    facts = [names[analysis.kind]]
    if analysis.size_px is not None:
        facts.append("{}×{}".format(*analysis.size_px))
    if analysis.kind != "image":
        facts.append(clock(analysis.duration_s, 0.1))
    return Text.assemble(
        (escaped(analysis.source), "bold"),
        f"  {', '.join(facts)}",
        no_wrap=True,
        overflow="ignore",
    )


def _faces(analysis: Analysis) -> RenderableType:
    if not analysis.faces:
        return _plain("no face")
    table = _table("face")
    video = analysis.kind == "video"
    if video:
        table.add_column("seen", style=GREY, no_wrap=True, min_width=16)
    _score_columns(table, "over time" if video else "then")
    for track_id in analysis.track_ids:
        seen = [face for face in analysis.faces if face.track_id == track_id]
        mean = mean_scores([face.scores for face in seen], [1.0] * len(seen))
        where = [f"{clock(seen[0].time_s, 0.1)} to {clock(seen[-1].time_s, 0.1)}"] if video else []
        table.add_row(str(track_id), *where, *_cells(mean, _changes(seen) if video else None))
    return Padding(table, (0, 0, 0, 2))


def _changes(seen: list[FaceEmotion]) -> str:
    """How the readings of one face divide: ``happy in 92%, surprise in 8%``."""
    tops = [face.scores.top or "unsure" for face in seen]
    counts = sorted(((tops.count(top), top) for top in set(tops)), reverse=True)
    return ", ".join(f"{top} in {count / len(tops):.0%}" for count, top in counts[:3])


def _voice(analysis: Analysis) -> RenderableType:
    if not analysis.has_sound:
        return _plain("no sound")
    if not analysis.voice:
        return _plain("no speech")
    table = _table("voice")
    _score_columns(table)
    for voice in _first_and_last(analysis.voice, 12):
        if voice is None:
            table.add_row("…")
        else:
            span = f"{clock(voice.start_s, 0.1)} to {clock(voice.end_s, 0.1)}"
            table.add_row(span, *_cells(voice.scores))
    return Padding(table, (0, 0, 0, 2))


def _words(analysis: Analysis) -> RenderableType:
    if not analysis.words:
        return _plain("no words")
    table = _table("words")
    table.add_column("", style=GREY, no_wrap=True)
    table.add_column("said", overflow="fold", ratio=1)
    table.add_column("appears", no_wrap=True, min_width=8)
    table.add_column("", justify="right", no_wrap=True, min_width=4)
    for said in _first_and_last(analysis.words, 12):
        if said is None:
            table.add_row("…")
            continue
        span = f"{clock(said.start_s, 0.1)} to {clock(said.end_s, 0.1)}"
        text = Text(said.text)
        if said.scored_text is not None:
            text.append(f"\n{said.scored_text}", style=GREY)
        language = f"{said.language or '?'}{'→en' if said.translated else ''}"
        label, _, share, _ = _cells(said.scores)
        table.add_row(span, language, text, label, share)
    return Padding(table, (0, 0, 0, 2))


def _together(analysis: Analysis) -> RenderableType:
    """All modalities as one: ``together: happy 61%, congruence 0.82``."""
    found = analysis.summary["fused"]
    where = clock(found["least_congruent_s"], 0.1)
    line = Text.assemble(
        ("together: ", GREY),
        (found["top"] or "unsure", f"bold {COLOURS[found['top']] if found['top'] else GREY}"),
        (f" {found['confidence']:.0%}, congruence {found['congruence']:.2f}", ""),
        (f", least at {where}" if found["together"] > 1 else "", GREY),
    )
    return Padding(line, (0, 0, 0, 2))


_Reading = TypeVar("_Reading")


def _first_and_last(readings: tuple[_Reading, ...], most: int) -> Iterable[_Reading | None]:
    if len(readings) <= most:
        return readings
    half = most // 2
    return [*readings[:half], None, *readings[-half:]]


def _table(first: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=True, header_style=GREY)
    table.add_column(first, no_wrap=True, min_width=len(first))
    return table


def _score_columns(table: Table, last: str = "then") -> None:
    table.add_column("appears", no_wrap=True, min_width=8)
    table.add_column("", no_wrap=True, min_width=BAR)
    table.add_column("", justify="right", no_wrap=True, min_width=4)
    table.add_column(last, style=GREY)


def _cells(scores: Scores, note: str | None = None) -> list[Any]:
    """Label, bar, percentage, and what comes next."""
    colour = COLOURS[plain_label(scores.best)] if scores.top else GREY
    label = Text(scores.top or "unsure", style=f"bold {colour}")
    ranked = sorted(zip(scores.probabilities, scores.labels, strict=True), reverse=True)
    first = 1 if scores.top else 0
    rest = ", ".join(f"{name} {p:.0%}" for p, name in ranked[first : first + 2])
    return [label, bar(scores.confidence, colour), f"{scores.confidence:.0%}", note or rest]


def bar(share: float, colour: str) -> Text:
    """A bar of :data:`BAR` characters, filled to ``share`` within [0, 1]."""
    filled = round(share * BAR)
    return Text.assemble(("█" * filled, colour), ("░" * (BAR - filled), GREY))


def _plain(text: str) -> RenderableType:
    return Padding(Text(text, style=GREY), (0, 0, 0, 2))


def link(path: object) -> str:
    """A path as markup, safe whatever characters it holds."""
    return f"[bold]{escape(escaped(str(path)))}[/bold]"
