"""A recording or video along time, as the time line in the browser draws it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from emoscope.apps.dashboard.look import ASSETS, SYMBOLS, colour, ink
from emoscope.export.annotate import UNSURE_WORD
from emoscope.labels import COLOURS, SHARED
from emoscope.results import Analysis, FusedEmotion, Scores

COLUMNS = 480
MOST_TRACKS = 6
# Longer than this between two readings of one face: it was out of sight.
_GAP_S = 0.75

Run = dict[str, Any]


@cache
def _component() -> Any:
    return st.components.v2.component(
        "emoscope_timeline",
        html='<div class="timeline"></div>',
        css=(ASSETS / "timeline.css").read_text(encoding="utf-8"),
        js=(ASSETS / "timeline.js").read_text(encoding="utf-8"),
    )


def show(analysis: Analysis, peaks: NDArray[np.float32] | None, player: str, *, key: str) -> None:
    """Draw the time line; hovering tells what holds, a click moves the player there.

    Args:
        analysis: what was read.
        peaks: ``(n, 2)`` outline of the sound, None without.
        player: key of the container that holds the audio or video element.
        key: of this element.
    """
    data = lanes(analysis, peaks)
    data["player"] = f".st-key-{player}"
    _component()(key=key, data=data)


def lanes(analysis: Analysis, peaks: NDArray[np.float32] | None) -> dict[str, Any]:
    """What is drawn, as JSON: seconds, labels, shares, and for each label its looks."""
    names = [*COLOURS, UNSURE_WORD]
    end_s = max(
        [
            analysis.duration_s,
            *(voice.end_s for voice in analysis.voice),
            *(said.end_s for said in analysis.words),
            0.1,
        ]
    )
    tracks = analysis.track_ids
    return {
        "end": end_s,
        "peaks": None if peaks is None else _scaled(peaks),
        "together": _together(analysis.fused, end_s) if _is_mixed(analysis) else None,
        "faces": [
            {"name": _face_name(track, tracks), "runs": _face_runs(analysis, track, end_s)}
            for track in tracks[:MOST_TRACKS]
        ],
        "more_faces": max(len(tracks) - MOST_TRACKS, 0),
        "has_sound": analysis.has_sound,
        "voice": [_run(voice.start_s, voice.end_s, voice.scores) for voice in analysis.voice],
        "words": [
            {**_run(said.start_s, said.end_s, said.scores), "text": said.text}
            for said in analysis.words
        ],
        "looks": {
            name: {
                "fill": colour(None if name == UNSURE_WORD else name),
                "ink": ink(None if name == UNSURE_WORD else name),
                "symbol": SYMBOLS[name],
            }
            for name in names
        },
    }


def _is_mixed(analysis: Analysis) -> bool:
    """Whether there is more than one thing to bring together."""
    return any(len(one.modalities) > 1 for one in analysis.fused) or analysis.kind == "video"


def _face_name(track: int, tracks: Sequence[int]) -> str:
    return "face" if len(tracks) == 1 else f"face {track + 1}"


def _run(start_s: float, end_s: float, scores: Scores) -> Run:
    ranked = sorted(zip(scores.probabilities, scores.labels, strict=True), reverse=True)[:3]
    return {
        "start": round(start_s, 3),
        "end": round(end_s, 3),
        "label": scores.top or UNSURE_WORD,
        # Finer than what is shown: 0.4146 as 0.415 would become 42%.
        "share": round(scores.confidence, 6),
        "ranked": [[label, round(share, 6)] for share, label in ranked],
    }


def _face_runs(analysis: Analysis, track: int, last_s: float) -> list[Run]:
    """One face as stretches of one label; the share is the mean over the stretch."""
    seen = [face for face in analysis.faces if face.track_id == track]
    runs: list[Run] = []
    shares: list[float] = []
    for index, face in enumerate(seen):
        later = seen[index + 1].time_s if index + 1 < len(seen) else face.time_s + 0.1
        end_s = max(min(later, face.time_s + _GAP_S, last_s), face.time_s)
        run = _run(face.time_s, end_s, face.scores)
        joins = runs and runs[-1]["label"] == run["label"] and run["start"] - runs[-1]["end"] < 1e-3
        if joins:
            shares.append(face.scores.confidence)
            runs[-1]["end"] = run["end"]
            runs[-1]["share"] = round(sum(shares) / len(shares), 6)
        else:
            shares = [face.scores.confidence]
            runs.append(run)
    return runs


def _together(fused: Sequence[FusedEmotion], end_s: float) -> dict[str, Any]:
    """Mean shares of the seven in equal columns; None in a column without a reading."""
    count = max(1, min(COLUMNS, int(end_s * 10)))
    sums = np.zeros((count, len(SHARED)))
    weights = np.zeros(count)
    for one in fused:
        row = np.array([one.scores.shared[label] for label in SHARED])
        start = int(one.time_s / end_s * count)
        stop = start if one.end_s is None else int(np.ceil(one.end_s / end_s * count)) - 1
        start, stop = min(start, count - 1), min(max(stop, start), count - 1)
        sums[start : stop + 1] += row
        weights[start : stop + 1] += 1
    held = [
        None if weight == 0 else [round(float(value / weight), 3) for value in total]
        for total, weight in zip(sums, weights, strict=True)
    ]
    return {"labels": list(SHARED), "columns": _bridged(held, end_s)}


def _bridged(columns: list[list[float] | None], end_s: float) -> list[list[float] | None]:
    """Fill gaps as short as the step between two frames."""
    longest = max(1, round(_GAP_S / end_s * len(columns)))
    filled, last = list(columns), -1
    for index, column in enumerate(columns):
        if column is None:
            continue
        if 0 <= last < index - 1 and index - last <= longest:
            filled[last + 1 : index] = [columns[last]] * (index - last - 1)
        last = index
    return filled


def _scaled(peaks: NDArray[np.float32]) -> list[list[float]]:
    """As high as the lane, though not noise as if it were speech."""
    loudest = max(float(np.abs(peaks).max()), 0.05)
    return [[round(float(low), 3), round(float(high), 3)] for low, high in peaks / loudest]
