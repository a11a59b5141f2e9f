"""What a classifier can know of a recording without hearing it: its length, its file format."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from emoscope.training.datasets.audit.counts import counted
from emoscope.training.datasets.audit.result import Finding, chance
from emoscope.training.evaluate.duration import duration_only
from emoscope.training.evaluate.figures import Figure
from emoscope.training.metrics import measure

_SAME_LENGTH_S = 0.01  # lengths that differ by less are called equal
_PROTOCOLS = {"speakers": "on speakers left out", "random": "on clips left out at random"}
Format = tuple[str, int, int]  # codec, samples per second, channels


def format_of(path: Path) -> Format:
    """What the header of a recording, which was read before, says."""
    with path.open("rb") as file, av.open(file, metadata_errors="ignore") as container:
        sound = container.streams.audio[0].codec_context
        return str(sound.name), int(sound.sample_rate or 0), int(sound.channels or 0)


def format_tells(
    formats: list[Format],
    truth: NDArray[np.int64],
    labels: tuple[str, ...],
    speakers: tuple[str, ...],
) -> tuple[Figure, ...]:
    """What knowing only the file format gives away, where there is more than one."""
    if len(set(formats)) < 2:
        return ()
    how = "control: what the file format alone gives away of the {}, leave one clip out"
    found = []
    names, voice = np.unique(np.asarray(speakers), return_inverse=True)
    for name, target, classes in (
        ("label", truth, labels),
        ("speaker", voice.astype(np.int64), tuple(map(str, names))),
    ):
        if len(np.unique(target)) > 1:
            probs = _format_only(formats, target, len(classes))
            found.append(
                Figure(f"format_{name}", how.format(name), measure(probs, target, classes))
            )
    return tuple(found)


def _format_only(
    formats: list[Format], truth: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Classes from the format alone: how the other clips of it divide, each class with one say."""
    kinds = {kind: index for index, kind in enumerate(dict.fromkeys(formats))}
    kind = np.array([kinds[key] for key in formats])
    table = np.zeros((len(kinds), classes))
    np.add.at(table, (kind, truth), 1)
    own = np.eye(classes)[truth]
    others = (table[kind] - own) / np.maximum(table.sum(0) - own, 1)
    total = others.sum(1, keepdims=True)
    even = np.full_like(others, 1 / classes)
    shares: NDArray[np.float64] = np.divide(others, total, out=even, where=total > 0)
    return shares


def tell_findings(tells: tuple[Figure, ...]) -> list[Finding]:
    """What to say of file formats that give more away than chance."""
    found = []
    for figure in tells:
        if _tells(figure):
            what = figure.name.removeprefix("format_")
            text = (
                f"The file format alone (codec, rate, channels) tells the {what}: {_uar(figure)}, "
                f"where guessing gives {chance(figure):.1%}: bring all files to one format and "
                "bandwidth first."
            )
            found.append(Finding("severe" if what == "label" else "warning", text))
    return found


def length_only(
    name: str,
    seconds: NDArray[np.float64],
    truth: NDArray[np.int64],
    labels: tuple[str, ...],
    speakers: tuple[str, ...],
) -> list[Figure]:
    """What knowing only the length reaches; nothing where all are equally long or of one label."""
    if np.ptp(seconds) < _SAME_LENGTH_S or len(np.unique(truth)) < 2:
        return []
    found = []
    protocols = [("random", ["all"] * len(truth))]
    if len(set(speakers)) > 1:
        protocols.insert(0, ("speakers", list(speakers)))
    what = {"clip": "the length of the whole clip", "speech": "the length of its speech"}[name]
    for protocol, groups in protocols:
        probs, how = duration_only(seconds, truth, len(labels), groups)
        text = f"control: what {what} alone gives away, {how}"
        groups_of = speakers or None
        found.append(Figure(f"{name}_{protocol}", text, measure(probs, truth, labels, groups_of)))
    return found


def length_findings(figures: tuple[Figure, ...], seconds: NDArray[np.float64]) -> list[Finding]:
    """What to say of lengths ``(n,)`` of whole clips, and of what lengths give away."""
    found = []
    if len(seconds) > 1 and np.ptp(seconds) < _SAME_LENGTH_S:
        text = (
            f"Every recording is {seconds[0]:.2f} s long, cut or padded: "
            "the length of a clip says nothing here."
        )
        found.append(Finding("note", text))
    for name, what in (("clip", "of the clip"), ("speech", "of the speech")):
        telling = [
            figure for figure in figures if figure.name.startswith(f"{name}_") and _tells(figure)
        ]
        if telling:
            parts = [f"{_uar(f)} {_PROTOCOLS[f.name.removeprefix(f'{name}_')]}" for f in telling]
            recall = dict(zip(telling[0].metrics.labels, telling[0].metrics.recall, strict=True))
            best = max(recall, key=lambda label: recall[label] or 0.0)
            text = (
                f"The length {what} alone tells the label: {', '.join(parts)}, where guessing "
                f"gives {chance(telling[0]):.1%}, most of all {best} (recall {recall[best]:.0%}): "
                "hold every figure against that."
            )
            found.append(Finding("warning", text))
    return found


def outlier_findings(names: tuple[str, ...], seconds: NDArray[np.float64]) -> list[Finding]:
    """Recordings whose length is *far out* (Tukey, 1977): three interquartile ranges away."""
    low, high = np.quantile(seconds, (0.25, 0.75))
    away = np.maximum(low - seconds, seconds - high)
    far = np.flatnonzero((away > 3 * (high - low)) & (high - low > _SAME_LENGTH_S))
    if not far.size:
        return []
    worst = far[np.argmax(away[far])]
    text = (
        f"{counted(far.size, 'recording')} of very unusual length, such as {names[worst]} "
        f"({seconds[worst]:.2f} s, where half of all lie within {low:.2f} to {high:.2f} s): "
        "listen to them."
    )
    return [Finding("note", text)]


def _tells(figure: Figure) -> bool:
    return figure.metrics.uar_interval[0] > chance(figure)


def _uar(figure: Figure) -> str:
    low, high = figure.metrics.uar_interval
    return f"{figure.metrics.uar:.1%} UAR ({low * 100:.1f} to {high * 100:.1f})"
