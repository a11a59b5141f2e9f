"""What a stretch of speech is like on the whole: statistics of descriptors of its frames.

After the acoustic parameter sets of Eyben et al. (2016) and Schuller et al. (2013), on a log
spectrum instead of on a waveform and without sorting, so that all of it stands inside a graph.
Frames in which nothing is heard have no say, so silence about the speech changes nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.media import SAMPLE_RATE
from emoscope.voice import features

FRAMES_PER_S = 50.0
CEPSTRA = 24
CANDIDATES_HZ = 75.0 * 2 ** (np.arange(61) / 20)  # 75 to 600 Hz, twenty an octave
HARMONICS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
MODULATIONS_HZ = (1.3, 2.5, 5.0, 10.0, 18.0)
SEGMENTS = 4
_REACH = 25  # frames on both sides of a modulation filter's centre
_LAGS = (1, 2, 3, 6)
MARGIN = max(_LAGS)  # frames of nothing behind the last, where lags end


def _place(hz: float) -> float:
    """Where a frequency stands among the single low bins."""
    return hz * features.FFT / SAMPLE_RATE - features.FIRST_LOW_BIN


def comb_matrix() -> NDArray[np.float32]:
    """``(64, 61)``: level on a candidate's harmonics less the level between them."""
    comb = np.zeros((features.LOW_BINS, len(CANDIDATES_HZ)), np.float32)
    for column, hz in enumerate(CANDIDATES_HZ):
        for number in range(1, 13):
            for shift, sign in ((0.0, 1.0), (0.5, -1.0)):
                place = _place(hz * (number - shift))
                if not 0 <= place < features.LOW_BINS - 1:
                    continue
                low = int(place)
                share = sign * 0.86 ** (number - 1)
                comb[low, column] += share * (1 - (place - low))
                comb[low + 1, column] += share * (place - low)
    return comb


def harmonic_matrices() -> NDArray[np.float32]:
    """``(7, 64, 61)``: reads the level at multiples of each candidate."""
    made = np.zeros((len(HARMONICS), features.LOW_BINS, len(CANDIDATES_HZ)), np.float32)
    for row, times in enumerate(HARMONICS):
        for column, hz in enumerate(CANDIDATES_HZ):
            place = min(max(_place(hz * times), 0.0), features.LOW_BINS - 1.001)
            low = int(place)
            made[row, low, column] = 1 - (place - low)
            made[row, low + 1, column] = place - low
    return made


def cosine_matrix() -> NDArray[np.float32]:
    """``(64, 24)``: mel bands to cepstra."""
    band = np.arange(features.MELS)[:, None] + 0.5
    made = np.cos(np.pi * band * np.arange(CEPSTRA)[None] / features.MELS) / 8
    return np.asarray(made, np.float32)


def modulation_filters() -> NDArray[np.float32]:
    """``(10, 1, 51)``: pairs of wavelets over time, without a mean."""
    time = np.arange(-_REACH, _REACH + 1) / FRAMES_PER_S
    rows = []
    for hz in MODULATIONS_HZ:
        bell = np.exp(-0.5 * (time * hz / 0.8) ** 2)
        for wave in (np.cos, np.sin):
            row = bell * wave(2 * np.pi * hz * time)
            row -= bell * row.sum() / bell.sum()
            rows.append(row / np.abs(row).sum())
    return np.asarray(rows, np.float32)[:, None]


class Descriptors(nn.Module):
    """Log spectrum ``(n, 128, t)`` to what describes each frame."""

    comb: Tensor
    octaves: Tensor
    harmonics: Tensor
    cosines: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("comb", torch.from_numpy(comb_matrix().T.copy()), persistent=False)
        octaves = np.log2(CANDIDATES_HZ / 100.0).astype(np.float32)
        self.register_buffer("octaves", torch.from_numpy(octaves)[None, :, None], persistent=False)
        harmonics = torch.from_numpy(harmonic_matrices()).transpose(1, 2).reshape(-1, 64)
        self.register_buffer("harmonics", harmonics.contiguous(), persistent=False)
        cosines = torch.from_numpy(cosine_matrix().T.copy())
        self.register_buffer("cosines", cosines, persistent=False)

    def forward(self, mel: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """``heard`` and ``voiced`` ``(n, t + MARGIN)``; the others ``(n, d, t + MARGIN)``.

        ``pitch`` is in octaves above 100 Hz, ``salience`` says how much the frame looks like a
        voice of that pitch, ``sure`` how alone that pitch stands.
        """
        mel, mask = F.pad(mel, (0, MARGIN)), F.pad(mask, (0, MARGIN))
        bands, low = torch.split(mel, [features.MELS, features.LOW_BINS], dim=1)
        heard = (bands.amax(1) > 0).to(mel.dtype) * mask
        score = self.comb @ low
        salience = score.amax(1, keepdim=True)
        share = torch.softmax(score * 3, dim=1)
        pitch = (share * self.octaves).sum(1, keepdim=True)
        voiced = torch.sigmoid((salience[:, 0] - 1.5) * 3) * heard
        read = (self.harmonics @ low).unflatten(1, (len(HARMONICS), -1))  # type: ignore[no-untyped-call]
        levels = (read * share[:, None]).sum(2)
        first, second, third = levels[:, 1:2], levels[:, 3:4], levels[:, 4:5]
        quality = torch.cat(
            [
                first - second,
                first - third,
                levels[:, [1, 3, 4]].mean(1, keepdim=True)
                - levels[:, [0, 2]].mean(1, keepdim=True),
                first - bands[:, 40:].mean(1, keepdim=True),
                first - bands[:, 20:40].mean(1, keepdim=True),
            ],
            dim=1,
        )
        return {
            "heard": heard,
            "voiced": voiced,
            "bands": bands,
            "cepstra": self.cosines @ bands,
            "pitch": pitch,
            "salience": salience,
            "sure": share.amax(1, keepdim=True),
            "share": share,
            "quality": quality,
            "loudness": bands.mean(1, keepdim=True),
        }


def moments(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted mean, deviation and skewness over time.

    Args:
        x: ``(n, d, t)``.
        weight: ``(n, t)``.

    Returns:
        Each ``(n, d)``.
    """
    weight = weight[:, None]
    total = weight.sum(2).clamp(min=1e-3)
    mean = (x * weight).sum(2) / total
    away = x - mean[:, :, None]
    deviation = ((away.square() * weight).sum(2) / total + 1e-4).sqrt()
    scaled = (away / deviation[:, :, None]).clamp(-5, 5)
    skewness = (scaled * scaled * scaled * weight).sum(2) / total
    return mean, deviation, skewness


class Functionals(nn.Module):
    """What :class:`Descriptors` gives to ``(n, size)`` numbers."""

    wavelets: Tensor

    def __init__(self) -> None:
        super().__init__()
        wavelets = torch.from_numpy(modulation_filters())
        self.register_buffer("wavelets", wavelets, persistent=False)
        with torch.no_grad():
            nothing = Descriptors()(torch.zeros(1, features.BANDS, 4), torch.ones(1, 4))
            self.size = self(nothing).shape[1]

    def forward(self, d: dict[str, Tensor]) -> Tensor:
        found = [
            *self._spectrum(d),
            *self._pitch(d),
            *self._movement(d),
            *self._relations(d),
            *self._contour(d),
        ]
        return torch.cat(found, dim=1)

    def _spectrum(self, d: dict[str, Tensor]) -> list[Tensor]:
        """How loud, how bright, how rough: over all frames, voiced ones, loud ones."""
        cepstra, heard, voiced = d["cepstra"], d["heard"], d["voiced"]
        mean, deviation, skewness = moments(cepstra, heard)
        loud = torch.exp(4 * (d["loudness"][:, 0] - 1)) * heard
        wide = d["bands"].unflatten(1, (16, 4)).mean(2)  # type: ignore[no-untyped-call]
        return [
            *(mean, deviation, skewness[:, :12]),
            *moments(cepstra[:, :12], voiced)[:2],
            *moments(cepstra[:, :16], loud)[:2],
            *moments(wide, heard)[:2],
            *moments(d["quality"], voiced),
            *moments(d["loudness"], heard),
            *_extremes(cepstra[:, :8], heard, heard, 8.0),
        ]

    def _pitch(self, d: dict[str, Tensor]) -> list[Tensor]:
        """Where the voice stands and how far it goes."""
        pitch, voiced, heard = d["pitch"], d["voiced"], d["heard"]
        mean, deviation, skewness = moments(pitch, voiced)
        top, bottom = _extremes(pitch, voiced, heard, 12.0)
        loud = torch.exp(4 * (d["loudness"][:, 0] - 1)) * voiced
        total = voiced.sum(1, keepdim=True).clamp(min=1e-3)
        step = (_later(pitch, 1) - pitch)[:, 0].clamp(-0.3, 0.3)
        step = step * _later(voiced, 1) * voiced
        histogram = (d["share"] * voiced[:, None]).sum(2) / total
        return [
            *(mean, deviation, skewness, top, bottom, top - bottom),
            moments(pitch, loud)[0],
            step.clamp(min=0).sum(1, keepdim=True) / total * FRAMES_PER_S,
            step.clamp(max=0).sum(1, keepdim=True) / total * FRAMES_PER_S,
            _slope(pitch, mean, voiced),
            total / heard.sum(1, keepdim=True).clamp(min=1.0),
            *moments(d["salience"], heard),
            *moments(d["sure"], voiced)[:2],
            histogram[:, :60].unflatten(1, (15, 4)).sum(2),  # type: ignore[no-untyped-call]
        ]

    def _movement(self, d: dict[str, Tensor]) -> list[Tensor]:
        """How fast things change."""
        cepstra, pitch, heard, voiced = d["cepstra"], d["pitch"], d["heard"], d["voiced"]
        found = []
        for lag, size in zip(_LAGS, (CEPSTRA, 12, 8, 8), strict=True):
            change = _later(cepstra, lag)[:, :size] - cepstra[:, :size]
            found.append(moments(change, _later(heard, lag) * heard)[1])
            change = (_later(pitch, lag) - pitch).clamp(-1, 1)
            found.append(moments(change, _later(voiced, lag) * voiced)[1])
        bend = (_later(cepstra, 2) + cepstra - 2 * _later(cepstra, 1))[:, :12]
        found.append(moments(bend, _later(heard, 2) * _later(heard, 1) * heard)[1])
        eight = d["bands"].unflatten(1, (8, 8)).mean(2)  # type: ignore[no-untyped-call]
        found.append(self._modulation(torch.cat([eight, d["loudness"]], 1), heard, 1e-4))
        found.append(self._modulation(pitch, voiced, 1e-5))
        return found

    def _modulation(self, x: Tensor, weight: Tensor, least: float) -> Tensor:
        """Log power of ``(n, d, t)`` in bands of modulation: ``(n, d * 5)``."""
        away = (x - moments(x, weight)[0][:, :, None]) * weight[:, None]
        n, count, _ = away.shape
        # As far as the filters ring, before and behind.
        waves = F.conv1d(away.reshape(n * count, 1, -1), self.wavelets, padding=2 * _REACH)
        power = waves.square().unflatten(1, (len(MODULATIONS_HZ), 2)).sum((2, 3))  # type: ignore[no-untyped-call]
        total = weight.sum(1).clamp(min=1.0)[:, None, None]
        return torch.log(power.reshape(n, count, -1) / total + least).flatten(1)

    def _relations(self, d: dict[str, Tensor]) -> list[Tensor]:
        """What goes with what: correlations over the voiced frames."""
        told = torch.cat([d["cepstra"][:, :10], d["pitch"], d["salience"], d["quality"][:, :1]], 1)
        moved = _later(told, 2) - told
        moved = torch.cat([moved[:, :4], moved[:, 10:12]], 1)
        voiced = d["voiced"]
        return [_correlation(told, voiced), _correlation(moved, _later(voiced, 2) * voiced)]

    def _contour(self, d: dict[str, Tensor]) -> list[Tensor]:
        """Pitch, loudness and brightness in four stretches, against their means."""
        heard, voiced = d["heard"], d["voiced"]
        total = heard.sum(1, keepdim=True).clamp(min=1.0)
        place = torch.cumsum(heard, 1) / total * SEGMENTS - 0.5
        level, mean = (
            torch.cat([d["loudness"], d["cepstra"][:, 1:3]], 1),
            moments(d["pitch"], voiced),
        )
        found = [_slope(d["loudness"], moments(d["loudness"], heard)[0], heard)]
        for number in range(SEGMENTS):
            near = (1 - (place - number).abs()).clamp(min=0.0)
            spoken = voiced * near
            away = ((d["pitch"] - mean[0][:, :, None]) * spoken[:, None]).sum(2)
            found.append(away / (spoken.sum(1, keepdim=True) + 0.5))
            found.append(moments(level, heard * near)[0] - moments(level, heard)[0])
        return found


def _later(x: Tensor, lag: int) -> Tensor:
    """``x`` ``(..., t)`` some frames later; behind the end, where nothing is heard, its last frame.

    By index, not by slices: every new length of an axis costs the exporter seconds.
    """
    last = x.shape[-1] - 1
    place = (torch.arange(x.shape[-1], device=x.device) + lag).clamp(max=last)
    return x.index_select(-1, place)


def _extremes(x: Tensor, weight: Tensor, heard: Tensor, sharp: float) -> tuple[Tensor, Tensor]:
    """Soft maximum and minimum of ``(n, d, t)`` over the frames that are heard: ``(n, d)`` each.

    Of these, frames of no weight count as a millionth; the others have no say at all, however many
    there are.
    """
    total = weight.sum(1, keepdim=True).clamp(min=1e-3)
    share = (torch.log(weight / total + 1e-6) + (heard - 1) * 1e4)[:, None]
    anything = heard.amax(1, keepdim=True)
    top = torch.logsumexp(sharp * x + share, dim=2) / sharp * anything
    return top, -torch.logsumexp(-sharp * x + share, dim=2) / sharp * anything


def _slope(x: Tensor, mean: Tensor, weight: Tensor) -> Tensor:
    """Rise a second of ``(n, 1, t)``: ``(n, 1)``."""
    time = torch.arange(x.shape[2], device=x.device, dtype=x.dtype)[None] / FRAMES_PER_S
    total = weight.sum(1, keepdim=True).clamp(min=1e-3)
    away = time - (time * weight).sum(1, keepdim=True) / total
    rise = (away * (x[:, 0] - mean) * weight).sum(1, keepdim=True)
    return (rise / ((away.square() * weight).sum(1, keepdim=True) + 0.05)).clamp(-8, 8)


def _correlation(x: Tensor, weight: Tensor) -> Tensor:
    """Correlations of the rows of ``(n, d, t)``: ``(n, d * (d - 1) / 2)``."""
    mean, deviation, _ = moments(x, weight)
    scaled = (x - mean[:, :, None]) / deviation[:, :, None] * weight[:, None].sqrt()
    total = weight.sum(1).clamp(min=1e-3)[:, None, None]
    found = scaled @ scaled.transpose(1, 2) / total
    upper = torch.triu_indices(x.shape[1], x.shape[1], 1)
    flat = upper[0] * x.shape[1] + upper[1]
    return found.flatten(1)[:, flat]
