"""Ratios that tell about the code and not about the machine, compared with recorded ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.contest import LIMIT


def ratios_of(found: Mapping[str, Any]) -> dict[str, float]:
    """Of a benchmark's figures; larger is better.

    ``faces`` and ``voices``: the bare limit's time over ours. ``import``: the time to the first
    result over that of the import alone would grow with a better import, so it is not taken.
    """
    ratios = {
        f"{group}: share of the limit": float(found[group]["times_as_long_as_emoscope"][LIMIT])
        for group in ("faces", "voices")
        if group in found
    }
    for name, slope in found.get("growth", {}).get("slope", {}).items():
        # Linear is 1; what grows faster is worse.
        ratios[f"growth: {name}"] = 1 / max(float(slope), 0.1)
    return ratios


def fallen(now: Mapping[str, float], recorded: Mapping[str, float], by: float) -> list[str]:
    """What is less than it was by that share, a line each; a ratio that is missing counts.

    Raises:
        ValueError: nothing in common, so that nothing could fall.
    """
    if not set(now) & set(recorded):
        raise ValueError("none of the recorded ratios was measured")
    lines = []
    for name, before in recorded.items():
        value = now.get(name)
        if value is None or value <= before * (1 - by):
            lines.append(f"{name}: {value} now, {before} recorded")
    return lines
