"""The network of ``emoscope-voice``: log spectrum inside, residual convolutions, masked pooling.

The graph takes raw 16 kHz waveforms with their lengths. Levels are measured from the loudest frame
of the clip, so gain is no cue; whatever lies further below than the floor is zero, as padding is,
so neither silence around the speech nor padding in a batch is one either.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.voice import features

# How far below the loudest frame anything is heard, in natural log of power (9 is 39 dB).
FLOOR = 9.0


class LogSpectrum(nn.Module):
    """Waveforms ``(n, time)`` with lengths ``(n,)`` to ``(n, 128, frames)``, with a mask of frames.

    Values run from 0 (at or below the floor) to about 2.
    """

    window: Tensor
    basis: Tensor
    bands: Tensor

    def __init__(self) -> None:
        super().__init__()
        bands = features.band_matrix()[: features.HEARD_BINS]
        for name, matrix in (
            ("window", features.half_window()),
            ("basis", features.folded_matrices()[:, None]),
            ("bands", np.concatenate([bands[::2], bands[1::2]])),
        ):
            self.register_buffer(name, torch.from_numpy(matrix), persistent=False)

    def powers(self, waveform: Tensor) -> Tensor:
        """Power spectra ``(n, frames, 488)`` of ``(n, time)``: the even bins, then the odd ones.

        The frames of 50 ms lie 10 ms apart; the first reaches 20 ms before the start.
        """
        hops = waveform.shape[1] // features.HOP + 7
        margin = (features.WINDOW - features.HOP) // 2
        padded = F.pad(waveform, (margin, features.WINDOW))[:, : hops * features.HOP]
        steps = padded.reshape(-1, hops, features.HOP)
        within = features.WINDOW // features.HOP
        frames = torch.cat([steps[:, i : hops - within + 1 + i] for i in range(within)], dim=2)
        # About the middle: what comes after it, and what comes before it, backwards.
        half = features.WINDOW // 2
        after, before = frames[:, :, half:], frames[:, :, 1 : half + 1].flip(2)
        parts = []
        for sign, folded in (
            (1, (after + before) * self.window),
            (-1, (after - before) * self.window),
        ):
            # About a quarter of the period.
            quarter = features.FFT // 4
            near, far = folded[:, :, : quarter + 1], folded[:, :, quarter + 1 :].flip(2)
            far = F.pad(far, (quarter - far.shape[2], 1))
            parts += [near + sign * far, near - sign * far]
        found = torch.stack(parts) @ self.basis
        power = found * found
        return torch.cat([power[0] + power[2], power[1] + power[3]], dim=2)

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        samples = torch.arange(waveform.shape[1], device=waveform.device)
        heard = (samples[None] < lengths[:, None]).to(waveform.dtype)
        power = self.powers(waveform * heard)
        level = torch.log((power @ self.bands).transpose(1, 2) + 1e-10)
        starts = torch.arange(level.shape[2], device=level.device) * features.HOP
        mask = (starts[None] < lengths[:, None]).to(level.dtype)
        loudness = torch.logsumexp(level[:, : features.MELS], 1) * mask + (mask - 1) * 1e4
        loudest = loudness.amax(1)[:, None, None]
        # A clip of digital silence has no loudest frame to measure from; it stays at zero.
        reference = torch.clamp(loudest, min=-12.0) - 4.0
        heard_level = torch.clamp(level - reference + FLOOR - 3.0, min=0.0) / 5.0
        return heard_level * mask[:, None], mask


def without_timbre(mel: Tensor, mask: Tensor) -> Tensor:
    """Each band less its own mean over the frames that are heard: the voice's colour goes.

    Args:
        mel: ``(n, bands, frames)``, 0 where nothing is heard.
        mask: ``(n, frames)``.
    """
    heard = (mel.amax(1) > 0).to(mel.dtype) * mask
    mean = (mel * heard[:, None]).sum(2) / heard.sum(1).clamp(min=1.0)[:, None]
    return (mel - mean[:, :, None]) * heard[:, None]


class Block(nn.Module):
    """Residual block over (band, time) with a stride and a mask over time."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.project = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """``(n, c, band, time)`` and mask ``(n, time)``; masked frames stay zero throughout."""
        shorter = mask[:, :: self.stride[1]]
        keep = shorter[:, None, None]
        y = F.relu(self.norm1(self.conv1(x))) * keep
        y = self.norm2(self.conv2(y))
        return F.relu(y + self.project(x)) * keep, shorter


class VoiceNet(nn.Module):
    """Raw waveforms to logits and an embedding.

    Args:
        labels: how many classes.
        widths: channels of the four stages.
        hidden: width of the frames that are pooled.
    """

    def __init__(
        self,
        labels: int = 8,
        widths: tuple[int, int, int, int] = (16, 32, 64, 96),
        hidden: int = 128,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.front = LogSpectrum()
        self.stem = nn.Conv2d(2, widths[0], 3, (2, 2), 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        self.blocks = nn.ModuleList(
            [
                Block(widths[0], widths[1], (2, 2)),
                Block(widths[1], widths[2], (2, 2)),
                Block(widths[2], widths[2], (1, 1)),
                Block(widths[2], widths[3], (2, 1)),
            ]
        )
        self.merge = nn.Linear(widths[3] * features.BANDS // 16, hidden)
        self.attention = nn.Sequential(nn.Linear(hidden, 64), nn.Tanh(), nn.Linear(64, 4))
        self.dropout = nn.Dropout(dropout)
        self.squeeze = nn.Linear(hidden * 6, hidden)
        self.head = nn.Linear(hidden, labels)

    def embed(self, mel: Tensor, mask: Tensor) -> Tensor:
        """Log spectrum ``(n, 128, frames)`` to frames' embeddings pooled to ``(n, hidden)``."""
        views = torch.stack([mel, without_timbre(mel, mask)], dim=1)
        x = F.relu(self.stem_norm(self.stem(views)))
        mask = mask[:, ::2]
        x = x * mask[:, None, None]
        for block in self.blocks:
            x, mask = block(x, mask)
        frames = F.relu(self.merge(x.flatten(1, 2).transpose(1, 2)))
        frames = self.dropout(frames)
        weights = torch.softmax(self.attention(frames) + (mask[:, :, None] - 1) * 1e4, dim=1)
        attended = weights.transpose(1, 2) @ frames
        kept = mask[:, :, None]
        peak = (frames * kept).amax(1)
        count = kept.sum(1)
        mean = (frames * kept).sum(1) / count
        spread = (((frames - mean[:, None]) * kept).square().sum(1) / count + 1e-4).sqrt()
        pooled = torch.cat([attended.flatten(1), peak, spread], dim=1)
        return F.relu(self.squeeze(self.dropout(pooled)))

    def answer(self, embedding: Tensor) -> Tensor:
        """Embeddings to logits ``(n, labels)``."""
        logits: Tensor = self.head(self.dropout(embedding))
        return logits
