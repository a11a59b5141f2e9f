"""The worst mistakes, worst first: the label, what was said, and how surely."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope._optional import require
from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets.corpora import FaceCorpus, Items, SpeechCorpus
from emoscope.training.predictions import Predictions
from emoscope.training.report import style
from emoscope.training.spectrogram import FFT, HOP, WINDOW, mel_matrix

FACES, VOICES = (5, 4), (4, 4)
"""Columns and rows of a sheet."""
_GAP, _TOP, _CAPTION = 0.18, 1.2, 0.72
_FLOOR_DB = 55.0  # below the loudest frame: what is fainter is drawn as silence
_SHADES = (style.BLANK, "#B7CBE2", "#4E7BAC", style.RIGHT, "#041F3D")


def worst(predictions: Predictions, most: int) -> NDArray[np.int64]:
    """Numbers of wrong answers, the surest first; names settle ties."""
    answer = predictions.probs.argmax(1)
    wrong = np.flatnonzero(answer != predictions.truth).tolist()
    sure = predictions.probs.max(1)
    wrong.sort(key=lambda row: (-sure[row], predictions.names[row]))
    return np.array(wrong[:most], np.int64)


def draw_mistakes(predictions: Predictions, items: Items, about: str, path: Path) -> bool:
    """A contact sheet of the surest wrong answers.

    Args:
        predictions: the answers.
        items: where they come from; found by name.
        about: which model, which items.
        path: of the PNG.

    Returns:
        Whether there was a mistake to show.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    columns, rows = FACES if isinstance(items, FaceCorpus) else VOICES
    shown = worst(predictions, columns * rows)
    if not len(shown):
        return False
    places = {name: place for place, name in enumerate(items.names)}
    found = items.take(np.array([places[predictions.names[row]] for row in shown], np.int64))
    width = (style.WIDTH - 2 * style.MARGIN - (columns - 1) * _GAP) / columns
    height = width if isinstance(found, FaceCorpus) else 0.62 * width
    lines = -(-len(shown) // columns)
    wrong = int((predictions.probs.argmax(1) != predictions.truth).sum())
    told = f"{len(shown)} of {wrong:,}" if wrong > len(shown) else f"All {wrong}"
    with style.picture(path, _TOP + lines * (height + _CAPTION) + 0.1) as figure:
        style.heading(figure, "Surest mistakes", about, f"{told} mistakes, the surest first.")
        for number, row in enumerate(shown.tolist()):
            x = style.MARGIN + number % columns * (width + _GAP)
            y = _TOP + number // columns * (height + _CAPTION)
            if isinstance(found, FaceCorpus):
                _face(style.axes(figure, x, y, width, height), found.crops[number])
            else:
                _voice(figure, found, number, (x, y, width, height))
            _caption(figure, predictions, row, x, y + height, width)
    return True


def _caption(
    figure: Any, predictions: Predictions, row: int, x: float, y: float, width: float
) -> None:
    answer = int(predictions.probs[row].argmax())
    for word, label, line in (
        ("label", predictions.labels[predictions.truth[row]], y + 0.19),
        ("said", predictions.labels[answer], y + 0.37),
    ):
        style.write(figure, x, line, word, size=7, color=style.QUIET)
        style.dot(figure, x + 0.33, line - 0.04, label, 0.04)
        told = style.shorten(label, int((width - 0.75) / 0.068))
        style.write(figure, x + 0.4, line, told, size=8.5)
    share = f"{predictions.probs[row, answer]:.0%}"
    style.write(figure, x + width, y + 0.37, share, size=8, weight="bold", ha="right")
    name = Path(predictions.names[row]).stem
    longest = int(width / 0.062)
    style.write(figure, x, y + 0.52, style.shorten(name, longest), size=6.5, color=style.QUIET)


def _face(axes: Any, crop: NDArray[np.uint8]) -> None:
    axes.set_axis_off()
    axes.imshow(crop, cmap="gray", vmin=0, vmax=255, interpolation="bicubic", aspect="auto")


def _voice(
    figure: Any, items: SpeechCorpus, number: int, box: tuple[float, float, float, float]
) -> None:
    """Waveform over log-mel spectrogram; all clips of a sheet on one scale of time."""
    x, y, width, height = box
    longest = max(1, *(len(items.speech(other)) for other in range(len(items))))
    waveform = items.speech(number) if len(items.speech(number)) else np.zeros(1, np.float32)
    part = 0.3 * height
    for top, tall in ((y, part), (y + part, height - part)):
        paper = style.axes(figure, x, top, width, tall)
        paper.set(xticks=[], yticks=[], facecolor=style.BLANK)
        paper.spines[:].set_visible(False)
    width *= len(waveform) / longest
    wave = style.axes(figure, x, y, width, part)
    wave.set_axis_off()
    _envelope(wave, waveform)
    axes = style.axes(figure, x, y + part, width, height - part)
    axes.set_axis_off()
    colours = require("matplotlib.colors", extra="train")
    shades = colours.LinearSegmentedColormap.from_list("calm", _SHADES)
    scale = {"vmin": -_FLOOR_DB, "vmax": 0, "origin": "lower", "aspect": "auto"}
    axes.imshow(log_mel(waveform), cmap=shades, **scale)
    seconds = f"{len(waveform) / SAMPLE_RATE:.1f} s"
    place = {"size": 6.5, "color": style.QUIET, "ha": "right"}
    style.write(figure, box[0] + box[2], y + height + 0.19, seconds, **place)


def _envelope(axes: Any, waveform: NDArray[np.float32], columns: int = 240) -> None:
    edges = np.linspace(0, max(len(waveform), 1), columns + 1).astype(np.int64)[:-1]
    edges = np.unique(edges)
    low, high = (np.asarray(f.reduceat(waveform, edges)) for f in (np.minimum, np.maximum))
    axes.fill_between(edges, low, high, color=style.QUIET, linewidth=0.3)
    loudest = float(np.abs(waveform).max()) or 1.0
    axes.set(xlim=(0, len(waveform)), ylim=(-1.1 * loudest, 1.1 * loudest))


def log_mel(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """Decibels ``(64, frames)`` below the loudest cell, in the mel bands the voice model reads."""
    short = max(0, WINDOW - len(waveform))
    padded = np.pad(waveform.astype(np.float64), (0, short))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1], FFT)) ** 2
    bands = (power @ mel_matrix()).T
    db: NDArray[np.float64] = 10 * np.log10(np.maximum(bands, 1e-12) / max(bands.max(), 1e-12))
    return db
