"""What was read, in a sentence or two of plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emoscope.export.annotate import UNSURE_WORD
from emoscope.results import Analysis, clock

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def sentence(analysis: Analysis) -> str:
    """For example ``The face appears happy (93%), the voice neutral (51%).``"""
    summary = analysis.summary
    parts = []
    if analysis.size_px is not None:
        parts.append(_faces(summary["faces"], analysis.kind))
    if analysis.kind != "image":
        parts.append(_voice(summary["voice"]))
    if summary["words"]["state"] == "found":
        parts.append(f"the words express {_appears(summary['words'])}")
    elif summary["words"]["state"] == "no words":
        parts.append("no words were made out")
    text = _joined(parts)
    together = _together(summary["fused"])
    return f"{text[0].upper()}{text[1:]}.{together}"


def headline(analysis: Analysis) -> tuple[str | None, float | None] | None:
    """The label that stands for the whole input and its share; None where there is none.

    Of several faces in a picture it is what more than half of them appear, without a share.
    """
    summary = analysis.summary
    tracks = summary["faces"]["tracks"]
    if analysis.kind == "image" and len(tracks) > 1:
        tops = [track["top"] for track in tracks]
        most = max(tops, key=tops.count)
        return (most, None) if 2 * tops.count(most) > len(tops) else None
    together = summary["fused"] if summary["fused"].get("together") else {}
    for found in (together, *tracks, summary["voice"], summary["words"]):
        if "top" in found:
            return found["top"], found["confidence"]
    return None


def _faces(summary: Mapping[str, Any], kind: str) -> str:
    tracks = summary["tracks"]
    if not tracks:
        return f"no face was found in the {'picture' if kind == 'image' else 'video'}"
    if len(tracks) == 1:
        return f"the face appears {_appears(tracks[0])}"
    tops = [track["top"] or UNSURE_WORD for track in tracks]
    counts = sorted(
        ((tops.count(top), top) for top in dict.fromkeys(tops)), key=lambda pair: -pair[0]
    )
    named = _joined([f"{_number(count)} {top}" for count, top in counts])
    return f"{_number(len(tracks))} faces appear: {named}"


def _voice(summary: Mapping[str, Any]) -> str:
    if summary["state"] == "no sound":
        return "there is no sound"
    if summary["state"] == "no speech":
        return "no speech was heard"
    return f"the voice sounds {_appears(summary)}"


def _together(summary: Mapping[str, Any]) -> str:
    if summary["state"] != "found" or not summary["together"]:
        return ""
    agreement = summary["congruence"]
    how = "agree" if agreement >= 0.7 else "agree in part" if agreement >= 0.4 else "differ"
    least = ""
    if summary["together"] > 1 and agreement < 0.7:
        least = f", most at {clock(summary['least_congruent_s'], 0.1)}"
        least = least if how == "differ" else f", least at {least.rsplit(' ', 1)[-1]}"
    return f" Together: {_appears(summary)}; they {how} ({agreement:.0%}){least}."


def _appears(found: Mapping[str, Any]) -> str:
    if found["top"] is None:
        return f"{UNSURE_WORD} (no emotion above {found['confidence']:.0%})"
    return f"{found['top']} ({found['confidence']:.0%})"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
