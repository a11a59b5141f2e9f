"""Probabilities as bars, in HTML: readable, selectable, and there in one piece."""

from __future__ import annotations

from html import escape

from emoscope.apps.dashboard.look import chip, colour, symbol
from emoscope.results import Scores


def bars(scores: Scores, what: str) -> str:
    """One bar per label, the most probable first.

    Args:
        scores: what is shown.
        what: whose they are, for people who hear the page, for example ``face 1``.
    """
    ranked = sorted(zip(scores.probabilities, scores.labels, strict=True), reverse=True)
    said = ", ".join(f"{label} {share:.0%}" for share, label in ranked)
    rows = "".join(_row(label, share, label == scores.top) for share, label in ranked)
    return f'<div class="emo-bars" role="img" aria-label="{escape(what)}: {said}">{rows}</div>'


def heading(what: str, scores: Scores, note: str = "") -> str:
    """Whose the bars below are, and the chosen label."""
    behind = f'<span class="emo-note">{escape(note)}</span>' if note else ""
    label = chip(scores.top, scores.confidence)
    return f'<div class="emo-heading"><span>{escape(what)}</span>{label}{behind}</div>'


def _row(label: str, share: float, chosen: bool) -> str:
    return (
        f'<div class="emo-bar{" chosen" if chosen else ""}">'
        f'<i aria-hidden="true" style="color:{colour(label)}">{symbol(label)}</i>'
        f"<span>{escape(label)}</span>"
        f'<span class="emo-track"><span style="width:{share:.1%};background:{colour(label)}">'
        f"</span></span><span>{share:.0%}</span></div>"
    )
