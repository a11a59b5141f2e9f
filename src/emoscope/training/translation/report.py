"""The measurement as one table and one JSON document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emoscope.training.metrics import Metrics
from emoscope.training.translation.measure import PRECISION, Gap, Row
from emoscope.training.translation.retrieval import TOP

_HEADER = (
    f"| | accuracy | UAR | mAP | precision@{TOP} | Fréchet | made → real | real → made |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def table(rows: Sequence[Row], floor: tuple[float, float, float]) -> str:
    """Markdown: percentages with 95% intervals, distances in standardised dimensions."""
    lines = [_HEADER]
    for row in rows:
        found = row.to_dict()
        figures = [
            _share(row.answers.accuracy, row.answers.accuracy_interval),
            _share(row.answers.uar, row.answers.uar_interval),
        ]
        for name in ("map", PRECISION):
            figures.append(_share(found[name], found[f"{name}_interval"]) if name in found else "")
        figures += _distances(row.distances)
        lines.append(f"| {row.name} | {' | '.join(figures)} |")
    blanks = " | ".join([""] * 4)
    lines.append(f"| real training items | {blanks} | {' | '.join(_distances(floor))} |")
    return "\n".join(lines)


def gap_lines(found: Sequence[Gap], against: str) -> str:
    """One sentence for each figure: ahead, behind, or a tie."""
    lines = []
    for gap in found:
        low, high = (100 * bound for bound in gap.interval)
        verdict = "a tie" if gap.tie else ("ahead" if gap.value > 0 else "behind")
        lines.append(
            f"- {gap.name} against {against}: {100 * gap.value:+.1f} points "
            f"({low:+.1f} to {high:+.1f}): {verdict}"
        )
    return "\n".join(lines)


def own_line(name: str, found: Metrics) -> str:
    """What a model reads of its own items, in one line."""
    return (
        f"{name} on its own items (n = {found.n}): accuracy "
        f"{_share(found.accuracy, found.accuracy_interval)}, UAR "
        f"{_share(found.uar, found.uar_interval)}"
    )


def summary(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """For the model file: the main figures of both directions."""
    kept: dict[str, Any] = {}
    for direction, found in results.items():
        row = found["rows"][0]
        answers = row["answers"]
        kept[direction] = {
            "protocol": found["protocol"],
            "n": answers["n"],
            "accuracy": answers["accuracy"],
            "accuracy_interval": answers["accuracy_interval"],
            "uar": answers["uar"],
            "uar_interval": answers["uar_interval"],
            "ece": answers["ece"],
            "map": row["map"],
            "map_interval": row["map_interval"],
            "gaps": found["gaps"],
        }
    return kept


def _distances(found: tuple[float, float, float] | None) -> list[str]:
    return [""] * 3 if found is None else [f"{value:.2f}" for value in found]


def _share(value: float, interval: Sequence[float]) -> str:
    return f"{100 * value:.1f} ({100 * interval[0]:.1f}–{100 * interval[1]:.1f})"
