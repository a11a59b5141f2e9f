"""What a network that follows speech hears of a voice: its lowest layer, as published.

The encoder of Whisper tiny (Radford et al., "Robust speech recognition via large-scale weak
supervision", 2022; MIT), as smart-turn taught it on to tell from the sound of somebody's voice
whether they have finished (github.com/pipecat-ai/smart-turn, version 3.2; BSD-2-Clause). It has
heard more people, places and ways of speaking than all corpora of acted emotion together. Its first
layer tells emotions of unheard speakers about as well as deeper ones, at less cost
(docs/experiments.md). Matrices are published in eight bits, and kept so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.errors import ModelIntegrityError
from emoscope.models import atomic, store
from emoscope.training.nets.mfcc import mel_matrix
from emoscope.training.nets.pretrained import unavailable
from emoscope.voice.block_gate import SILENT

NAME = "smart-turn"
FILE = "smart-turn-v3.2-cpu.onnx"
SOURCE = "the package pipecat-ai 1.14.0 (pipecat/audio/turn/smart_turn/data/; BSD-2-Clause)"
DIGEST = "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"
WINDOW = 400
HOP = 160
BANDS = 80
# From this band on (6.6 kHz) all say what the one below hears: what a codec or a converter leaves
# up there tells of the recording, not of the voice.
_TOP = 75
# Bins of 40 Hz whose power says how loud a frame is: neither those below a voice nor those that a
# codec or a converter changes.
_LOWEST, _HIGHEST = 2, 166
WIDTH = 384
HEADS = 6
# How far below the loudest frame, or 8 ms, anything is heard, in natural log of power (9: 39 dB).
FLOOR = 9.0
# How far above that a frame is heard wholly (2: 9 dB): less counts less, so that no frame comes or
# goes with a codec.
_RAMP = 2.0
# Samples before anything is first heard (35 ms), and frames behind the last in which anything is
# (100 ms), that are attended to: the encoder knows speech with something about it.
_LEAD = 560
_TAIL = 10
# How far below the loudest value of the spectrogram its values end, in log10 (as Whisper has it).
_RANGE = 8.0
_SILENT = 1e-9
# Samples (8 ms, a power of two) whose power together tells where anything is first heard: a single
# one near the limit would decide otherwise after a codec or a change of rate.
_TOGETHER = 128
# Samples (32 ms) whose mean is what a voice stands on: offset, rumble.
_SLOW = 512
# Mean power of a frame of sound with unit variance, as the encoder was taught: the window's energy.
_POWER = 150.0 * 200.0
# The file's names for the matrices of its first layer: query, key, value, out, and the two of the
# perceptron; the exporter of its authors numbered them.
_MATRICES = ("val_17", "val_25", "val_32", "val_75", "val_79", "val_88")


class WhisperMel(nn.Module):
    """Waveforms ``(n, time)`` with lengths ``(n,)`` to log-mel ``(n, 80, t)`` and ``(n, 2, t)``.

    Frames of 25 ms every 10 ms, the first 35 ms before anything is first heard, the last 100 ms
    behind the last in which anything is, all at one level: neither gain nor silence about the
    speech is a cue, to the sample. The second output says which frames lie between those two, and
    how well each is heard, 0 to 1; frames outside are 0. The last ones fade as they are heard, so
    that none comes or goes at once. But for level, ends, offset and the bands above 6.6 kHz, what
    ``transformers.WhisperFeatureExtractor`` gives.
    """

    basis: Tensor
    bands: Tensor

    def __init__(self) -> None:
        super().__init__()
        angle = 2 * np.pi * np.outer(np.arange(WINDOW // 2 + 1), np.arange(WINDOW)) / WINDOW
        window = np.hanning(WINDOW + 1)[:-1]
        waves = np.concatenate([np.cos(angle), np.sin(angle)]) * window
        # Deaf to an offset: what the lowest two bins hear of one is taken from them.
        waves -= np.outer(waves.sum(1) / window.sum(), window)
        # In half precision, as in the file.
        basis = torch.from_numpy(waves[:, None].astype(np.float16)).float()
        self.register_buffer("basis", basis, persistent=False)
        bands = torch.from_numpy(mel_matrix(BANDS, WINDOW)).T.contiguous()
        bands[_TOP:] = bands[_TOP - 1]
        self.register_buffer("bands", bands, persistent=False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        waveform, lengths = begun(waveform, lengths)
        # Every frame that touches the clip, whatever else is in the batch.
        padded = F.pad(waveform, (WINDOW // 2, WINDOW + _TAIL * HOP))
        waves = F.conv1d(padded[:, None], self.basis, stride=HOP)
        waves = waves * waves
        power = waves[:, : WINDOW // 2 + 1] + waves[:, WINDOW // 2 + 1 :]
        step = torch.arange(power.shape[2], device=waveform.device)[None]
        total = power[:, _LOWEST:_HIGHEST].sum(1) * (step * HOP - WINDOW // 2 < lengths[:, None])
        loudest = total.amax(1, keepdim=True)
        above = torch.log(total.clamp(min=1e-30) / loudest.clamp(min=_SILENT)) + FLOOR
        heard = (above / _RAMP).clamp(0.0, 1.0) * (loudest > _SILENT)
        level = (total * heard).sum(1) / heard.sum(1).clamp(min=1.0)
        scale = (_POWER / level.clamp(min=1e-12))[:, None, None]
        between = heard.flip(1).cumsum(1).flip(1).clamp(max=1.0)[:, None]
        between = torch.cat([between[:, :, :1].expand(-1, -1, _TAIL), between[:, :, :-_TAIL]], 2)
        level = torch.log10(((self.bands @ power) * scale).clamp(min=1e-10)) * between
        floor = (level + (between - 1) * 1e4).amax((1, 2), keepdim=True) - _RANGE
        level = (torch.maximum(level, floor) / 4.0 + 1.0) * between
        return level, torch.cat([between, heard[:, None]], dim=1)


def begun(waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Waveforms from 35 ms before anything is first heard, zeros behind, and their lengths.

    A microphone's offset (DC) is nothing that is heard, and is taken away.
    """
    time = torch.arange(waveform.shape[1], device=waveform.device)[None]
    waveform = waveform * (time < lengths[:, None]).to(waveform.dtype)
    # The offset is that between digital silence before and behind, which has none.
    sound = (waveform.abs() > SILENT).to(waveform.dtype)
    first = sound.argmax(1, keepdim=True)
    last = (sound * (time + 1)).amax(1, keepdim=True)
    offset = waveform.sum(1, keepdim=True) / (last - first).clamp(min=1.0)
    waveform = (waveform - offset) * ((time >= first) & (time < last)).to(waveform.dtype)
    # Without the highest tones, by the simplest filter that has none at 8 kHz, and the lowest.
    low = F.pad(waveform, (2, 0))
    low = low[:, :-2] + 2.0 * low[:, 1:-1] + low[:, 2:]
    before = F.pad(low, (_SLOW, 0)).cumsum(1)
    low = low - (before[:, _SLOW:] - before[:, :-_SLOW]) / _SLOW
    power = F.pad(low * low, (_TOGETHER - 1, 0))
    step = 1
    while step < _TOGETHER:  # twice as many samples before each together
        power = power[:, :-step] + power[:, step:]
        step *= 2
    loud = (power > power.amax(1, keepdim=True) * np.exp(-FLOOR)).to(waveform.dtype)
    # A clip of digital silence begins where it begins.
    first = loud.argmax(1, keepdim=True)
    longer = F.pad(waveform, (_LEAD, waveform.shape[1]))
    time = torch.arange(waveform.shape[1] + _LEAD, device=waveform.device)[None]
    return torch.gather(longer, 1, time + first), lengths + _LEAD - first[:, 0]


class EightBits(nn.Module):
    """A matrix in eight bits: whole numbers, one factor for each output.

    Args:
        inputs: length of a row.
        outputs: length of what it becomes.
    """

    whole: Tensor
    factor: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("whole", torch.zeros(inputs, outputs, dtype=torch.int8))
        self.register_buffer("factor", torch.ones(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """``(..., inputs)`` to ``(..., outputs)``."""
        return x @ (self.whole.to(x.dtype) * self.factor)


class Layer(nn.Module):
    """A layer of the transformer: attention, then a perceptron, either behind a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.LayerNorm(WIDTH)
        self.query, self.key, self.value, self.out = (EightBits(WIDTH, WIDTH) for _ in range(4))
        self.wide, self.narrow = EightBits(WIDTH, 4 * WIDTH), EightBits(4 * WIDTH, WIDTH)
        sizes = {"query": WIDTH, "value": WIDTH, "out": WIDTH, "wide": 4 * WIDTH, "narrow": WIDTH}
        self.offsets = nn.ParameterDict({name: torch.zeros(size) for name, size in sizes.items()})
        self.between = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor, closed: Tensor) -> Tensor:
        """States ``(n, t, 384)`` to the next, ``closed`` ``(n, t)`` added to what is attended."""
        y = self.before(x)
        query, key, value = (
            states.reshape(*y.shape[:2], HEADS, -1).transpose(1, 2)
            for states in (
                (self.query(y) + self.offsets["query"]) * (WIDTH // HEADS) ** -0.5,
                self.key(y),
                self.value(y) + self.offsets["value"],
            )
        )
        # As one more column of keys: adding it to all scores takes longer than making them.
        closed = closed[:, None, :, None].expand(-1, HEADS, -1, -1)
        query, key = torch.cat([query, torch.ones_like(closed)], 3), torch.cat([key, closed], 3)
        share = torch.softmax(query @ key.transpose(2, 3), dim=3)
        told = (share @ value).transpose(1, 2).flatten(2)
        x = x + self.out(told) + self.offsets["out"]
        y = gelu(self.wide(self.between(x)) + self.offsets["wide"])
        found: Tensor = x + self.narrow(y) + self.offsets["narrow"]
        return found


class WhisperEncoder(nn.Module):
    """Waveforms to mean and deviation of the states, each as it is heard: one ``(n, 768)``.

    It learns nothing here: what it knows of speech stays as it is.
    """

    size = 2 * WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.mel = WhisperMel()
        self.first = nn.Conv1d(BANDS, WIDTH, 3, padding=1)
        self.second = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.layer = Layer()
        self.requires_grad_(False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor]:
        mel, frames = self.mel(waveform, lengths)
        between = frames[:, :1]
        x = gelu(self.second(gelu(self.first(mel)) * between))
        # Every state looks at two frames: the last one may have lost its second. As little as it
        # lies between the ends, as little is it attended to.
        pairs = F.pad(frames, (0, 1))
        pairs = torch.maximum(pairs[:, :, :-1:2], pairs[:, :, 1::2])
        between, heard = pairs[:, 0], pairs[:, 1, :, None]
        # Outside not at all: the smallest shares would be numbers too small to be quick.
        closed = torch.where(between > 0, torch.log(between.clamp(min=1e-30)), -1e4)
        x = x.transpose(1, 2)
        states = self.layer(x + positions(x.shape[1], x.device), closed)
        total = heard.sum(1).clamp(min=1.0)
        mean = (states * heard).sum(1) / total
        away = states - mean[:, None]
        deviation = ((away * away * heard).sum(1) / total + 1e-6).sqrt()
        return (torch.cat([mean, deviation], dim=1),)


def gelu(x: Tensor) -> Tensor:
    """That of Hendrycks and Gimpel (2016), in the order that onnxruntime takes for one step."""
    return x * (torch.erf(x / 2**0.5) + 1.0) * 0.5


def positions(count: int, device: torch.device) -> Tensor:
    """``(count, 384)``: sine waves and cosine waves of time, as Whisper has them."""
    pitch = torch.exp(-np.log(10_000.0) / (WIDTH // 2 - 1) * torch.arange(WIDTH // 2))
    angle = torch.arange(count, device=device)[:, None] * pitch.to(device)[None]
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)


def load(encoder: WhisperEncoder, checkpoint: str | None) -> None:
    """Fill an encoder with the published weights.

    Args:
        encoder: to fill.
        checkpoint: the file, or the folder that holds it; None: ``smart-turn`` in the cache.

    Raises:
        ModelUnavailableError: it is not there.
        ModelIntegrityError: it is another file.
    """
    place = Path(checkpoint) if checkpoint else store.cache_dir() / NAME
    file = place if place.is_file() else place / FILE
    if not file.is_file():
        raise unavailable(place, f"it lacks {FILE} of {SOURCE}")
    atomic.check_digest(file, DIGEST, f"take that of {SOURCE}")
    graph = onnx.load(file).graph
    fill(encoder, {array.name: onnx.numpy_helper.to_array(array) for array in graph.initializer})


@torch.no_grad()
def fill(encoder: WhisperEncoder, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Copy convolutions and first layer from the arrays of smart-turn's file.

    Raises:
        ModelIntegrityError: an array is missing or of another shape.
    """

    def given(name: str, wanted: tuple[int, ...]) -> Tensor:
        found = arrays.get(name)
        if found is None or found.shape != wanted:
            shape = None if found is None else found.shape
            raise ModelIntegrityError(
                f"not smart-turn's encoder: {name} should be {wanted}, it is {shape}"
            )
        return torch.from_numpy(np.array(found))

    def put(target: Tensor, name: str) -> None:
        target.copy_(given(name, tuple(target.shape)))

    inner = "inner.encoder."
    for kernel, name in ((encoder.first, "conv1"), (encoder.second, "conv2")):
        shape = tuple(kernel.weight.shape)
        whole, factor = (
            given(f"{inner}{name}.weight_{part}", wanted)
            for part, wanted in (("quantized", shape), ("scale", shape[:1]))
        )
        # In half precision, as in the file.
        kernel.weight.copy_((whole * factor[:, None, None]).half().float())
        whole, factor = (
            given(f"{inner}{name}.bias_{part}", shape[:1])
            for part in ("quantized", "quantized_scale")
        )
        assert kernel.bias is not None
        kernel.bias.copy_(whole * factor)
    layer = encoder.layer
    parts = (layer.query, layer.key, layer.value, layer.out, layer.wide, layer.narrow)
    for part, name in zip(parts, _MATRICES, strict=True):
        put(part.whole, f"{name}_quantized")
        put(part.factor, f"{name}_scale")
    inner += "layers.0."
    for key, name in (
        ("query", "self_attn.q_proj"),
        ("value", "self_attn.v_proj"),
        ("out", "self_attn.out_proj"),
        ("wide", "fc1"),
        ("narrow", "fc2"),
    ):
        put(layer.offsets[key], f"{inner}{name}.bias")
    for norm, name in (
        (layer.before, "self_attn_layer_norm"),
        (layer.between, "final_layer_norm"),
    ):
        put(norm.weight, f"{inner}{name}.weight")
        put(norm.bias, f"{inner}{name}.bias")
