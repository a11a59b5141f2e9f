"""What was read as tiers of stretches: how annotation programs (Praat, ELAN) see a medium.

- ``voice``: how each stretch of speech sounds
- ``passages``: what was said in each
- ``words``: each word, where its time is known
- ``words emotion``: what the words of each passage express
- ``fused``: all together
- ``face 0``, ``face 1`` ...: each face

Labels are emotions, ``unsure`` where a reading abstains. Readings of frames are put together as
long as their label stays the same. The stretches of a tier never overlap: one that begins before
another of its tier ended begins where that ends, and is left out where nothing of it remains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emoscope.export.between import LONGEST_GAP_S
from emoscope.export.plain import UNSURE_WORD, one_line
from emoscope.labels import plain_label
from emoscope.results import Analysis, Scores


@dataclass(frozen=True)
class Stretch:
    """One label from ``start_ms`` up to ``end_ms``, whole milliseconds from the start."""

    start_ms: int
    end_ms: int
    label: str


@dataclass(frozen=True)
class Tier:
    """Stretches in order of time that do not overlap."""

    name: str
    stretches: tuple[Stretch, ...]


def tiers_of(analysis: Analysis) -> tuple[Tier, ...]:
    """The tiers of a recording or video: ``voice`` where there is sound, ``fused`` always."""
    tiers = []
    if analysis.has_sound:
        heard = [(v.start_s, v.end_s, _label(v.scores)) for v in analysis.voice]
        tiers.append(_tier("voice", heard))
    if analysis.words:
        said = [(t.start_s, t.end_s, one_line(t.text)) for t in analysis.words]
        tiers.append(_tier("passages", said))
        words = [word for text in analysis.words for word in text.words]
        tiers.append(_tier("words", [(w.start_s, w.end_s, one_line(w.text)) for w in words]))
        meant = [(t.start_s, t.end_s, _label(t.scores)) for t in analysis.words]
        tiers.append(_tier("words emotion", meant))
    step_s = analysis.duration_s / max(analysis.frames_read, 1)
    moments = [(f.time_s, _label(f.scores)) for f in analysis.fused if f.end_s is None]
    spans = [(f.time_s, f.end_s, _label(f.scores)) for f in analysis.fused if f.end_s is not None]
    tiers.append(_tier("fused", [*_runs(moments, step_s, analysis.duration_s), *spans]))
    for track_id in analysis.track_ids:
        seen = [(f.time_s, _label(f.scores)) for f in analysis.faces if f.track_id == track_id]
        tiers.append(_tier(f"face {track_id}", _runs(seen, step_s, analysis.duration_s)))
    return tuple(tiers)


def end_ms(analysis: Analysis, tiers: Iterable[Tier]) -> int:
    """Where the medium and all its stretches have ended; at least one millisecond."""
    ends = (stretch.end_ms for tier in tiers for stretch in tier.stretches)
    return max(1, _ms(analysis.duration_s), *ends, 1)


def _label(scores: Scores) -> str:
    return plain_label(scores.top or UNSURE_WORD)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _runs(
    readings: Sequence[tuple[float, str]], step_s: float, duration_s: float
) -> Iterable[tuple[float, float, str]]:
    """Readings of single frames as stretches.

    A reading holds until the next, for one step where none follows soon (within the medium); see
    :class:`emoscope.export.between.FacesBetween`.
    """
    longest_s = max(LONGEST_GAP_S, 1.5 * step_s)
    runs: list[tuple[float, float, str]] = []
    ordered = sorted(readings, key=lambda reading: reading[0])
    for index, (time_s, label) in enumerate(ordered):
        following = ordered[index + 1][0] if index + 1 < len(ordered) else None
        held_s = min(time_s + step_s, max(duration_s, time_s))
        soon = following is not None and following - time_s <= longest_s
        until_s = following if soon and following is not None else held_s
        if runs and runs[-1][2] == label and runs[-1][1] >= time_s:
            runs[-1] = (runs[-1][0], until_s, label)
        else:
            runs.append((time_s, until_s, label))
    return runs


def _tier(name: str, spans: Iterable[tuple[float, float, str]]) -> Tier:
    stretches: list[Stretch] = []
    for start_s, until_s, label in sorted(spans, key=lambda span: span[:2]):
        start = max(_ms(start_s), stretches[-1].end_ms if stretches else 0)
        # What is shorter than a millisecond still was.
        until = max(_ms(until_s), _ms(start_s) + 1)
        if label and until > start:
            stretches.append(Stretch(start, until, label))
    return Tier(name, tuple(stretches))
