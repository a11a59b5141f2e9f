"""Tiers as a TextGrid for Praat (www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html)."""

from __future__ import annotations

from collections.abc import Iterator

from emoscope.export.tiers import Tier, end_ms, tiers_of
from emoscope.results import Analysis


def textgrid_text(analysis: Analysis) -> str:
    """The tiers of :mod:`emoscope.export.tiers` as interval tiers, in Praat's long format."""
    tiers = tiers_of(analysis)
    return "".join(f"{line}\n" for line in _lines(tiers, end_ms(analysis, tiers)))


def _lines(tiers: tuple[Tier, ...], whole_ms: int) -> Iterator[str]:
    yield 'File type = "ooTextFile"'
    yield 'Object class = "TextGrid"'
    yield ""
    yield "xmin = 0"
    yield f"xmax = {_seconds(whole_ms)}"
    yield "tiers? <exists>"
    yield f"size = {len(tiers)}"
    yield "item []:"
    for number, tier in enumerate(tiers, 1):
        intervals = list(_intervals(tier, whole_ms))
        yield f"    item [{number}]:"
        yield '        class = "IntervalTier"'
        yield f"        name = {_quoted(tier.name)}"
        yield "        xmin = 0"
        yield f"        xmax = {_seconds(whole_ms)}"
        yield f"        intervals: size = {len(intervals)}"
        for place, (start, until, label) in enumerate(intervals, 1):
            yield f"        intervals [{place}]:"
            yield f"            xmin = {_seconds(start)}"
            yield f"            xmax = {_seconds(until)}"
            yield f"            text = {_quoted(label)}"


def _intervals(tier: Tier, whole_ms: int) -> Iterator[tuple[int, int, str]]:
    """The stretches, and empty intervals between them: a tier has no holes."""
    done = 0
    for stretch in tier.stretches:
        if stretch.start_ms > done:
            yield done, stretch.start_ms, ""
        yield stretch.start_ms, stretch.end_ms, stretch.label
        done = stretch.end_ms
    if done < whole_ms:
        yield done, whole_ms, ""


def _seconds(milliseconds: int) -> str:
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole}.{rest:03}" if rest else str(whole)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
