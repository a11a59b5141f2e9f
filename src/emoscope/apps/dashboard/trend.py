"""How often each emotion was read, day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emoscope.apps.dashboard.look import symbol
from emoscope.labels import COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emoscope.history import Day


def rows(days: Sequence[Day], modality: str) -> list[dict[str, Any]]:
    """One row for each label of each day: ``day``, ``emotion``, ``results``."""
    return [
        {"day": day.day.isoformat(), "emotion": f"{symbol(label)} {label}", "results": count}
        for day in days
        for label, count in day.labels.get(modality, {}).items()
    ]


def chart(days: Sequence[Day], modality: str) -> Any:
    """A stacked bar for each day as an Altair chart; None where there is nothing to show.

    Args:
        days: one after the other, those without results too.
        modality: ``face``, ``voice``, ``words`` or ``fused``.
    """
    import altair

    data = rows(days, modality)
    if not data:
        return None
    names = [f"{symbol(label)} {label}" for label in COLOURS]
    present = {row["emotion"] for row in data}
    domain = [name for name in names if name in present]
    colours = [COLOURS[name.split(" ", 1)[1]] for name in domain]
    return (
        altair.Chart({"values": data})
        .mark_bar(cornerRadius=3)
        .encode(
            x=altair.X(
                "yearmonthdate(day):O",
                title=None,
                axis=altair.Axis(format="%d %b", labelAngle=0, labelOverlap=True),
                scale=altair.Scale(domain=[day.day.isoformat() for day in days]),
            ),
            y=altair.Y("results:Q", title="results", axis=altair.Axis(tickMinStep=1)),
            color=altair.Color(
                "emotion:N",
                title=None,
                scale=altair.Scale(domain=domain, range=colours),
                legend=altair.Legend(orient="bottom"),
            ),
            tooltip=[
                altair.Tooltip("day:T", title="day"),
                altair.Tooltip("emotion:N"),
                altair.Tooltip("results:Q"),
            ],
        )
    )
