"""Mel-frequency cepstral coefficients and their deltas inside the graph, as librosa has them.

Librosa's defaults at 16 kHz: frames of 128 ms every 32 ms, centred on their time; 128 mel bands
after Slaney; decibels down to 80 below the clip's loudest; a cosine transform. Padding is masked: a
clip gives the same alone and in a batch.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.media import SAMPLE_RATE

WINDOW = 2048
HOP = 512
BANDS = 128
COEFFICIENTS = 40
LEAST_DB = -100.0
RANGE_DB = 80.0
DELTA_WIDTH = 9


class Mfcc(nn.Module):
    """Waveforms ``(n, time)`` with lengths ``(n,)`` to ``(n, 40, frames)``, with a mask of frames.

    A clip has ``1 + length // 512`` frames; behind them the coefficients are 0. Equal to
    ``librosa.feature.mfcc(y=clip, sr=16_000, n_mfcc=40)`` to 1e-3.
    """

    window: Tensor
    bands: Tensor
    cosines: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.register_buffer("bands", torch.from_numpy(mel_matrix()), persistent=False)
        self.register_buffer("cosines", torch.from_numpy(cosine_matrix()), persistent=False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        samples = torch.arange(waveform.shape[1], device=waveform.device)
        heard = (samples[None] < lengths[:, None]).to(waveform.dtype)
        spectrum = torch.view_as_real(torch.fft.rfft(_frames(waveform * heard) * self.window))
        power = spectrum.square().sum(3) @ self.bands
        starts = torch.arange(power.shape[1], device=waveform.device) * HOP
        mask = (starts[None] <= lengths[:, None]).to(power.dtype)
        # Masked frames have the least power, so that the loudest band is the clip's own.
        level = 10.0 * torch.log10(torch.clamp(power * mask[:, :, None], min=10 ** (LEAST_DB / 10)))
        floor = torch.clamp(level.amax((1, 2), keepdim=True) - RANGE_DB, min=LEAST_DB)
        above = torch.clamp(level - floor, min=0.0)
        # Of a constant the transform has the first coefficient only. Adding the floor behind it
        # keeps the sums small, and so their rounding.
        constant = F.pad(floor * BANDS**0.5, (0, COEFFICIENTS - 1))
        mfcc = above @ self.cosines + constant
        return mfcc.transpose(1, 2) * mask[:, None], mask


class MfccMean(nn.Module):
    """Waveforms ``(n, time)`` with lengths ``(n,)`` to the means over time ``(n, 40)``."""

    def __init__(self) -> None:
        super().__init__()
        self.mfcc = Mfcc()

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor]:
        mfcc, mask = self.mfcc(waveform, lengths)
        return (mfcc.sum(2) / mask.sum(1, keepdim=True),)


class MfccDeltaMean(nn.Module):
    """Waveforms ``(n, time)`` with lengths ``(n,)`` to means, 40 and 40 of deltas, ``(n, 80)``."""

    def __init__(self) -> None:
        super().__init__()
        self.mfcc = Mfcc()

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor]:
        mfcc, mask = self.mfcc(waveform, lengths)
        both = torch.cat([mfcc, delta(mfcc, mask)], dim=1)
        return (both.sum(2) / mask.sum(1, keepdim=True),)


class MfccFrames(nn.Module):
    """Waveforms ``(n, time)`` with lengths ``(n,)`` to the first frames ``(n, 40, count)``.

    Shorter clips are followed by zeros.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.mfcc = Mfcc()
        self.count = count

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor]:
        mfcc, _ = self.mfcc(waveform, lengths)
        return (F.pad(mfcc, (0, self.count))[:, :, : self.count],)


def delta(values: Tensor, mask: Tensor) -> Tensor:
    """Slope per frame over the 9 frames around, as ``librosa.feature.delta`` (Savitzky-Golay).

    The first and last 4 frames take the slope of the first and last 9. A clip of fewer than 9
    frames, which librosa refuses, takes the slope of the line through all it has; one frame has 0.

    Args:
        values: ``(n, features, frames)``, 0 where masked.
        mask: ``(n, frames)``, 1 for a clip's own frames, which come first.

    Returns:
        ``(n, features, frames)``, 0 where masked.
    """
    half = DELTA_WIDTH // 2
    frames = mask.shape[1]
    count = mask.sum(1, keepdim=True)
    place = torch.arange(frames, device=mask.device)[None]
    # The slope of every 9 frames, numbered by the first of them.
    ahead = F.pad(values, (0, DELTA_WIDTH - 1))
    slopes = torch.zeros_like(values)
    for i in range(1, half + 1):
        rise = ahead[:, :, half + i : half + i + frames] - ahead[:, :, half - i : half - i + frames]
        slopes = slopes + rise * i
    slopes = slopes / (2 * sum(i * i for i in range(1, half + 1)))
    last = torch.clamp(count.long() - DELTA_WIDTH, min=0)
    first = torch.minimum(torch.clamp(place - half, min=0), last)
    slopes = torch.gather(slopes, 2, first[:, None].expand_as(values))
    offset = (place - (count - 1) / 2) * mask
    line = (values * offset[:, None]).sum(2) / torch.clamp(offset.square().sum(1), min=0.5)[:, None]
    return torch.where(count[:, None] < DELTA_WIDTH, line[:, :, None], slopes) * mask[:, None]


class MfccNet(nn.Module):
    """A network in three parts, as :mod:`emoscope.training.voice_recipe` asks for them."""

    def __init__(self, front: nn.Module, embed: nn.Module, answer: nn.Module) -> None:
        super().__init__()
        self.front, self.embed, self.answer = front, embed, answer


class Standardise(nn.Module):
    """Features ``(n, features)`` or ``(n, features, time)`` to mean 0 and deviation 1.

    Mean and deviation are those of all batches learnt from so far. Nothing here is learnt by
    gradient, and unlike in batch normalisation a clip's features do not depend on its batch.
    """

    count: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))

    def forward(self, values: Tensor) -> Tensor:
        if self.training:
            self._update(values.detach())
        shape = (1, -1) + (1,) * (values.ndim - 2)
        deviation = torch.sqrt(self.variance + 1e-5)
        return (values - self.mean.view(shape)) / deviation.view(shape)

    def _update(self, values: Tensor) -> None:
        """Merge a batch's mean and variance into those so far (Chan et al., 1979)."""
        rows = values.transpose(0, 1).flatten(1)
        self.count += rows.shape[1]
        share = rows.shape[1] / self.count
        away = rows.mean(1) - self.mean
        spread = rows.var(1, correction=0) - self.variance + (1 - share) * away.square()
        self.variance += share * spread
        self.mean += share * away


def _frames(waveform: Tensor) -> Tensor:
    """Frames ``(n, 1 + time // 512, 2048)``, the middle of frame ``i`` at sample ``512 i``."""
    count = waveform.shape[1] // HOP + 1
    blocks = count + WINDOW // HOP - 1
    padded = F.pad(waveform, (WINDOW // 2, WINDOW // 2))[:, : blocks * HOP]
    steps = padded.reshape(waveform.shape[0], blocks, HOP)
    return torch.cat([steps[:, i : i + count] for i in range(WINDOW // HOP)], dim=2)


def mel_matrix(bands: int = BANDS, window: int = WINDOW) -> NDArray[np.float32]:
    """Triangular filters ``(window // 2 + 1, bands)`` of area 1 over the power spectrum, to 8 kHz.

    Slaney's Auditory Toolbox (1998), as ``librosa.filters.mel``.
    """
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(SAMPLE_RATE / 2), bands + 2))
    bins = np.arange(window // 2 + 1) * SAMPLE_RATE / window
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * 2.0 / (edges[2:] - edges[:-2])).astype(np.float32)


def cosine_matrix() -> NDArray[np.float32]:
    """Orthonormal discrete cosine transform ``(128, 40)``, type II, its first 40 columns."""
    phase = np.pi / BANDS * np.outer(np.arange(BANDS) + 0.5, np.arange(COEFFICIENTS))
    length = np.where(np.arange(COEFFICIENTS) == 0, BANDS, BANDS / 2) ** 0.5
    return (np.cos(phase) / length).astype(np.float32)


# Slaney's scale: even steps of 200/3 Hz up to 1 kHz, then 27 steps for every factor of 6.4.
_STEP_HZ, _BEND_HZ, _LOG_STEP = 200.0 / 3.0, 1000.0, np.log(6.4) / 27.0


def _hz_to_mel(hz: float) -> float:
    """For frequencies above 1 kHz."""
    return float(_BEND_HZ / _STEP_HZ + np.log(hz / _BEND_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    bend = _BEND_HZ / _STEP_HZ
    above = _BEND_HZ * np.exp(_LOG_STEP * np.maximum(mel - bend, 0.0))
    return np.where(mel < bend, mel * _STEP_HZ, above)
