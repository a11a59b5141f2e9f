"""A sheet of voices: waveform and spectrogram of each label, two speakers side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.export.canvas import Canvas, Rect
from emoscope.export.glyphs import shortened, text_width
from emoscope.export.palette import QUIET, emotion_colour
from emoscope.media import SAMPLE_RATE
from emoscope.training.datasets.corpora import Clip, label_set_of
from emoscope.training.datasets.show.sheet import (
    EDGE,
    FAINT,
    LANE,
    NAMES_WIDTH,
    SMALL_PX,
    TEXT_PX,
    TOP,
    blank,
    draw_name,
    draw_title,
    paste,
)
from emoscope.training.spectrogram import (
    FFT,
    HIGHEST_HZ,
    HOP,
    LOWEST_HZ,
    WINDOW,
    fourier_matrix,
    hz_to_mel,
    mel_matrix,
)

LONGEST_S = 8.0  # of a recording that is longer, the start is shown
_AXIS, _WIDTH, _GAP = 56, 520, 12  # each column has room for its axis at the left
_WAVE, _BETWEEN, _SPECTRUM, _ROW_GAP = 58, 6, 104, 26
_ROW = _WAVE + _BETWEEN + _SPECTRUM
_HEAD, _FOOT = 44, 30
_RANGE_DB = 70.0
_TICKS_HZ = {300: "300 Hz", 1000: "1 kHz", 4000: "4 kHz"}

Cells = dict[tuple[str, str], Clip]  # (label, speaker) -> one recording


def choose(clips: Sequence[Clip]) -> Cells:
    """One recording of each label by each of two speakers.

    Speakers are those with most labels; both say the sentence that most labels have, so that rows
    can be compared, and another one where that is not to be had.
    """
    labels_of = {(clip.speaker, clip.label) for clip in clips}
    most = Counter(speaker for speaker, _ in sorted(labels_of))
    speakers = [speaker for speaker, _ in most.most_common(2)]
    of_both = [clip for clip in clips if clip.speaker in speakers]
    cells_of = Counter(s for s, _, _ in {(c.sentence, c.speaker, c.label) for c in of_both})
    equal = sorted(s for s, cells in cells_of.items() if cells == max(cells_of.values()))
    best = equal[len(equal) // 2]
    chosen: Cells = {}
    for clip in sorted(
        of_both, key=lambda clip: (clip.sentence != best, speakers.index(clip.speaker))
    ):
        chosen.setdefault((clip.label, clip.speaker), clip)
    return chosen


def draw_voices(
    clips: Sequence[Clip], cells: Cells, waveforms: Mapping[Clip, NDArray[np.float32]]
) -> NDArray[np.uint8]:
    """Waveform and mel spectrogram of recordings, a row for each label.

    Args:
        clips: all of the corpus, for the counts.
        cells: what to draw, from :func:`choose`.
        waveforms: of these, ``(time,)`` at 16 kHz; of those that cannot be read there is none.

    Returns:
        ``(height, width, 3)`` uint8 RGB. Each recording is drawn as loud as the lane is high; how
        loud it is stands beside it.
    """
    counts = Counter(clip.label for clip in clips)
    labels = label_set_of(list(counts)).names
    speakers = sorted({speaker for _, speaker in cells})
    left = EDGE + NAMES_WIDTH
    width = left + len(speakers) * (_AXIS + _WIDTH + _GAP) - _GAP + EDGE
    top = TOP + _HEAD
    canvas = blank(width, top + len(labels) * (_ROW + _ROW_GAP) - _ROW_GAP + _FOOT + EDGE)
    draw_title(canvas, clips[0].corpus, _facts(clips))
    shown = {clip: wave[: round(LONGEST_S * SAMPLE_RATE)] for clip, wave in waveforms.items()}
    samples = max((len(wave) for wave in shown.values()), default=1)
    for row, label in enumerate(labels):
        y = top + row * (_ROW + _ROW_GAP)
        facts = (f"{counts[label]:,}", f"{counts[label] / len(clips):.1%}")
        draw_name(canvas, Rect(EDGE, y, width - EDGE, y + _ROW), label, facts)
    for column, speaker in enumerate(speakers):
        x = left + _AXIS + column * (_AXIS + _WIDTH + _GAP)
        own = {label: cells[label, speaker] for label in labels if (label, speaker) in cells}
        _draw_head(canvas, x, own, speaker)
        for row, label in enumerate(labels):
            y = top + row * (_ROW + _ROW_GAP)
            lanes = (
                Rect(x, y, x + _WIDTH, y + _WAVE),
                Rect(x, y + _WAVE + _BETWEEN, x + _WIDTH, y + _ROW),
            )
            clip = own.get(label)
            if clip is None or clip not in shown:
                _draw_absent(canvas, lanes, "not recorded" if clip is None else "cannot be read")
                continue
            end = x + max(2, round(_WIDTH * len(shown[clip]) / samples))
            wave, spectrum = (lane._replace(x2=end) for lane in lanes)
            _draw_wave(canvas, wave, shown[clip], label)
            _draw_spectrum(canvas, spectrum, _spectrum_db(shown[clip]))
            _draw_hertz(canvas, x - 8, spectrum.y1)
        _draw_seconds(canvas, x, top + len(labels) * (_ROW + _ROW_GAP) - _ROW_GAP, samples)
    return canvas.image


def _facts(clips: Sequence[Clip]) -> str:
    speakers = len({clip.speaker for clip in clips} - {""})
    parts = [f"{len(clips):,} recordings"]
    parts += [f"{speakers} speaker{'s' if speakers > 1 else ''}"] if speakers else []
    return "  ·  ".join([*parts, "waveform and mel spectrogram"])


def _draw_head(canvas: Canvas, x: int, own: Mapping[str, Clip], speaker: str) -> None:
    words = f"speaker {speaker}" if speaker else "speaker not known"
    sentences = {clip.sentence for clip in own.values()}
    if len(sentences) == 1 and sentences != {""}:
        words += f"  ·  sentence “{sentences.pop()}”"
    canvas.text(x, TOP + 8, shortened(words, TEXT_PX, _WIDTH), TEXT_PX, QUIET)


def _draw_absent(canvas: Canvas, lanes: tuple[Rect, Rect], words: str) -> None:
    cell = lanes[0]._replace(y2=lanes[1].y2)
    canvas.rounded(cell, 6, LANE, 0.5)
    x = (cell.x1 + cell.x2 - text_width(words, SMALL_PX)) / 2
    canvas.text(x, (cell.y1 + cell.y2) / 2, words, SMALL_PX, FAINT)


def _draw_wave(canvas: Canvas, lane: Rect, waveform: NDArray[np.float32], label: str) -> None:
    canvas.rounded(lane, 6, LANE)
    peak = max(float(np.abs(waveform).max()), 1e-4)
    waveform = waveform / peak
    starts = np.arange(lane.width) * len(waveform) // lane.width
    low, high = np.minimum.reduceat(waveform, starts), np.maximum.reduceat(waveform, starts)
    half = lane.height / 2 - 3
    row = np.arange(lane.height)[:, None] + 0.5 - lane.height / 2
    share = np.clip(row + high * half + 1, 0, 1) * np.clip(1 - low * half - row, 0, 1)
    mask = np.rint(share * 255).astype(np.uint8)
    canvas.blend(lane.x1, lane.y1, mask, emotion_colour(label))
    words = f"{round(20 * np.log10(peak))} dB"
    canvas.text(lane.x1 - 8 - text_width(words, 13), (lane.y1 + lane.y2) / 2, words, 13, FAINT)


def _spectrum_db(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mel spectrogram as ``emoscope-voice`` hears it, in decibels: ``(64, frames)``."""
    padded = np.pad(waveform, (0, max(0, WINDOW - len(waveform))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    parts = frames @ fourier_matrix().T
    bins = FFT // 2 + 1
    power = parts[:, :bins] ** 2 + parts[:, bins:] ** 2
    decibels: NDArray[np.float32] = 10 * np.log10(power @ mel_matrix() + 1e-10).T
    return decibels


def _draw_spectrum(canvas: Canvas, lane: Rect, decibels: NDArray[np.float32]) -> None:
    share = np.clip(1 + (decibels[::-1] - decibels.max()) / _RANGE_DB, 0, 1)
    coloured = cv2.applyColorMap(np.rint(share * 255).astype(np.uint8), cv2.COLORMAP_MAGMA)
    # Silence has the colour of the lane, not a black hole's.
    paste(canvas, np.maximum(coloured[:, :, ::-1], np.array(LANE, np.uint8)), lane, 6)


def _draw_hertz(canvas: Canvas, right: int, top: int) -> None:
    lowest, highest = float(hz_to_mel(LOWEST_HZ)), float(hz_to_mel(HIGHEST_HZ))
    for hertz, words in _TICKS_HZ.items():
        share = (float(hz_to_mel(hertz)) - lowest) / (highest - lowest)
        y = top + _SPECTRUM * (1 - share)
        canvas.text(right - text_width(words, 13), y, words, 13, FAINT)


def _draw_seconds(canvas: Canvas, x: int, y: int, samples: int) -> None:
    seconds = samples / SAMPLE_RATE
    step = next((s for s in (0.1, 0.2, 0.5, 1.0, 2.0) if seconds / s <= 10), 2.0)
    for tick in np.arange(0, seconds + 1e-6, step):
        at = x + _WIDTH * tick / seconds
        words = f"{tick:g} s" if tick == 0 else f"{tick:.1f}".removesuffix(".0")
        canvas.rectangle(Rect(round(at), y + 6, round(at) + 1, y + 12), FAINT)
        canvas.text(at - text_width(words, 13) / 2, y + 24, words, 13, FAINT)
