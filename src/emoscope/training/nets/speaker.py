"""What a network that tells speakers apart hears of a voice: its two lower layers, as published.

The encoder of Wan et al. ("Generalized end-to-end loss for speaker verification", 2018), as
Resemblyzer publishes it (github.com/resemble-ai/Resemblyzer, Apache-2.0; trained on LibriSpeech,
VoxCeleb 1 and 2). It has heard thousands of people, where corpora of acted emotion have a few
dozen. Its second layer tells emotions of unheard speakers better than the first and the third,
which ends as the identity of the speaker (docs/experiments.md).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.errors import ModelIntegrityError, ModelUnavailableError
from emoscope.models import atomic, store
from emoscope.training.nets.mfcc import mel_matrix
from emoscope.voice.features import HOP

NAME = "resemblyzer"
FILE = "pretrained.pt"
SOURCE = "the package Resemblyzer 0.1.4 (resemblyzer/pretrained.pt; Apache-2.0)"
DIGEST = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
WINDOW = 400
BEFORE = WINDOW // 2 + HOP  # samples from the first frame's begin to the clip's
BANDS = 40
WIDTH = 256
LAYERS = 2
# How far below the loudest frame anything is heard, in natural log of power (9 is 39 dB).
FLOOR = 9.0
_SILENT = 1e-9
# Mean power of a frame at the level that the encoder was trained at, RMS -30 dB of full scale.
_POWER = 10.0**-3 * 150.0 * 200.0


class SpeakerMel(nn.Module):
    """Waveforms ``(n, time)`` with lengths ``(n,)`` to mel power ``(n, t, 40)`` and ``(n, t)``.

    Frames of 25 ms every 10 ms, from the first in which anything is heard on, all at one level:
    neither gain nor silence before the speech is a cue. The second output says where anything is
    heard. But for the level, ``librosa.feature.melspectrogram(y=clip, sr=16_000, n_fft=400,
    hop_length=160, n_mels=40)``.
    """

    basis: Tensor
    bands: Tensor

    def __init__(self) -> None:
        super().__init__()
        angle = 2 * np.pi * np.outer(np.arange(WINDOW // 2 + 1), np.arange(WINDOW)) / WINDOW
        waves = np.concatenate([np.cos(angle), np.sin(angle)]) * np.hanning(WINDOW + 1)[:-1]
        # In half precision, as in the file: mel power does not hear what lies 66 dB below.
        basis = torch.from_numpy(waves[:, None].astype(np.float16)).float()
        self.register_buffer("basis", basis, persistent=False)
        self.register_buffer("bands", torch.from_numpy(mel_matrix(BANDS, WINDOW)), persistent=False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        samples = torch.arange(waveform.shape[1], device=waveform.device)
        within = (samples[None] < lengths[:, None]).to(waveform.dtype)
        # Every frame that touches the clip, so that silence about it adds nothing but silent ones.
        padded = F.pad(waveform * within, (BEFORE, BEFORE + HOP))
        waves = F.conv1d(padded[:, None], self.basis, stride=HOP).transpose(1, 2)
        real, imaginary = torch.split(waves, WINDOW // 2 + 1, dim=2)
        power = real * real + imaginary * imaginary
        count = power.shape[1]
        step = torch.arange(count, device=waveform.device)[None]
        total = power.sum(2) * (step * HOP - BEFORE < lengths[:, None])
        loudest = total.amax(1, keepdim=True)
        heard = ((total > loudest * np.exp(-FLOOR)) & (loudest > _SILENT)).to(power.dtype)
        level = (total * heard).sum(1) / heard.sum(1).clamp(min=1.0)
        scale = (_POWER / level.clamp(min=1e-12))[:, None, None]
        begin = (heard.cumsum(1) == 0).sum(1, keepdim=True)
        place = (step + begin).clamp(max=count - 1)
        inside = (step + begin < count).to(power.dtype)
        mel = torch.gather((power @ self.bands) * scale, 1, place[:, :, None].expand(-1, -1, BANDS))
        return mel * inside[:, :, None], torch.gather(heard, 1, place) * inside


class SpeakerEncoder(nn.Module):
    """Waveforms to mean and deviation ``(n, 512)`` of the second layer, where anything is heard.

    It learns nothing here: what it knows of people stays as it is.
    """

    size = 2 * WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.mel = SpeakerMel()
        self.layers = nn.LSTM(BANDS, WIDTH, LAYERS, batch_first=True).requires_grad_(False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        mel, heard = self.mel(waveform, lengths)
        states = self._in_graph(mel) if torch.onnx.is_in_onnx_export() else self.layers(mel)[0]
        weight = heard[:, :, None]
        total = weight.sum(1).clamp(min=1.0)
        mean = (states * weight).sum(1) / total
        away = states - mean[:, None]
        deviation = ((away * away * weight).sum(1) / total + 1e-6).sqrt()
        return torch.cat([mean, deviation], dim=1)

    def _in_graph(self, x: Tensor) -> Tensor:
        """The layers as ONNX' operator: the exporter would unroll them over a fixed time."""
        for layer in range(LAYERS):
            w_ih, w_hh, b_ih, b_hh = (
                _onnx_order(getattr(self.layers, f"{kind}_l{layer}"))
                for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            n, time = x.shape[:2]
            states = torch.onnx.ops.symbolic(
                "LSTM",
                (x.transpose(0, 1), w_ih, w_hh, torch.cat([b_ih, b_hh], dim=1)),
                {"hidden_size": WIDTH},
                dtype=x.dtype,
                shape=(time, 1, n, WIDTH),
            )
            x = states[:, 0].transpose(0, 1)
        return x


def _onnx_order(gates: Tensor) -> Tensor:
    """Input, forget, new, output gate to input, output, forget, new, and one direction."""
    let_in, forget, new, let_out = gates.chunk(4)
    return torch.cat([let_in, let_out, forget, new])[None]


def load(encoder: SpeakerEncoder, checkpoint: str | None) -> None:
    """Fill an encoder with the published weights, rounded to half precision as they are kept.

    Args:
        encoder: to fill.
        checkpoint: the file, or the folder that holds it; None: ``resemblyzer`` in the cache.

    Raises:
        ModelUnavailableError: it is not there.
        ModelIntegrityError: it is another file.
    """
    place = Path(checkpoint) if checkpoint else store.cache_dir() / NAME
    file = place if place.is_file() else place / FILE
    if not file.is_file():
        raise ModelUnavailableError(
            f"{place}: no pretrained weights to be had from there (it lacks {FILE} of {SOURCE}); "
            "name a folder that holds it with --checkpoint, or start from random weights with "
            "--from-scratch"
        )
    atomic.check_digest(file, DIGEST, f"take that of {SOURCE}")
    found = torch.load(file, map_location="cpu", weights_only=True)
    fill(encoder, found["model_state"])


@torch.no_grad()
def fill(encoder: SpeakerEncoder, weights: dict[str, Tensor]) -> None:
    """Copy the lower layers of Resemblyzer's encoder.

    Raises:
        ModelIntegrityError: an array is missing or of another shape.
    """
    for name, parameter in encoder.layers.named_parameters():
        given = weights.get(f"lstm.{name}")
        if given is None or given.shape != parameter.shape:
            shape = None if given is None else tuple(given.shape)
            raise ModelIntegrityError(
                f"not Resemblyzer's encoder: lstm.{name} should be {tuple(parameter.shape)}, it is "
                f"{shape}"
            )
        parameter.copy_(given.half().float())
