"""The network of ``emoscope-voice``: log spectrum, functionals and frames inside, masked pooling.

The graph takes raw 16 kHz waveforms with their lengths. Levels are measured from the loudest frame
of the clip, so gain is no cue; whatever lies further below than the floor is zero, as padding is,
so neither silence around the speech nor padding in a batch is one either.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope.training.nets.functionals import Descriptors, Functionals, moments
from emoscope.training.nets.speaker import FLOOR, SpeakerEncoder
from emoscope.voice import features

STEP = 2  # hops of 10 ms from frame to frame
# Samples from the first frame's begin to the clip's: every frame that touches the clip is there, so
# that silence before or behind adds nothing but silent ones.
BEFORE = 2 * STEP * features.HOP
CHANNELS = 63  # of a frame, as the convolutions hear it


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
            # As the file keeps it: what lies 66 dB below is not heard (the floor is at 39).
            ("basis", features.folded_matrices()[:, None].astype(np.float16).astype(np.float32)),
            ("bands", np.concatenate([bands[::2], bands[1::2]])),
        ):
            self.register_buffer(name, torch.from_numpy(matrix), persistent=False)

    def powers(self, waveform: Tensor) -> Tensor:
        """Power spectra ``(n, frames, 488)`` of ``(n, time)``: the even bins, then the odd ones.

        The frames of 50 ms lie 20 ms apart; the first begins 40 ms before the start.
        """
        hops = waveform.shape[1] // features.HOP + 10
        padded = F.pad(waveform, (BEFORE, 2 * features.WINDOW))[:, : hops * features.HOP]
        steps = padded.reshape(-1, hops, features.HOP)
        within = features.WINDOW // features.HOP
        count = hops - within + 1
        frames = torch.cat([steps[:, i : count + i : STEP] for i in range(within)], dim=2)
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
        starts = torch.arange(level.shape[2], device=level.device) * features.HOP * STEP - BEFORE
        mask = (starts[None] < lengths[:, None]).to(level.dtype)
        loudness = torch.logsumexp(level[:, : features.MELS], 1) * mask + (mask - 1) * 1e4
        loudest = loudness.amax(1)[:, None, None]
        # A clip of digital silence has no loudest frame to measure from; it stays at zero.
        reference = torch.clamp(loudest, min=-12.0) - 4.0
        heard_level = torch.clamp(level - reference + FLOOR - 3.0, min=0.0) / 5.0
        return heard_level * mask[:, None], mask


class VoiceFront(nn.Module):
    """Waveforms ``(n, time)`` with lengths ``(n,)`` to what is learnt from; itself learns nothing.

    Gives the functionals ``(n, size)``, what the speaker encoder hears ``(n, 512)``, the frames
    ``(n, 63, t)`` and which of them are heard ``(n, t)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = LogSpectrum()
        self.describe = Descriptors()
        self.functionals = Functionals()
        self.encoder = SpeakerEncoder()

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        functionals, frames, heard = self.listen(*self.spectrum(waveform, lengths))
        return functionals, self.encoder(waveform, lengths), frames, heard

    def listen(self, mel: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Functionals, frames and mask of a log spectrum ``(n, 128, t)`` with its mask."""
        d = self.describe(mel, mask)
        heard, voiced = d["heard"], d["voiced"][:, None]
        cepstra, pitch = d["cepstra"], d["pitch"]
        frames = torch.cat(
            [
                cepstra - moments(cepstra, heard)[0][:, :, None],
                cepstra[:, :12],
                pitch * voiced,
                (pitch - moments(pitch, d["voiced"])[0][:, :, None]) * voiced,
                d["salience"],
                d["sure"],
                d["quality"] * voiced,
                voiced,
                d["loudness"],
                d["bands"].unflatten(1, (16, 4)).mean(2),
            ],
            dim=1,
        )
        return self.functionals(d), frames * heard[:, None], heard


class Readers(nn.Module):
    """Several perceptrons beside one another on the same numbers, each with a say of its own.

    Args:
        inputs: how many numbers.
        count: of perceptrons.
        hidden: width of the first layer of each.
        narrow: width of the second.
    """

    def __init__(self, inputs: int, count: int, hidden: int, narrow: int) -> None:
        super().__init__()
        self.count = count
        self.scale = nn.BatchNorm1d(inputs, affine=False)
        self.drop = nn.Dropout(0.15)
        self.wide = nn.Linear(inputs, count * hidden)
        self.wide_norm = nn.BatchNorm1d(count * hidden)
        self.hidden_drop = nn.Dropout(0.4)
        # A grouped convolution: each perceptron sees its own part.
        self.narrow = nn.Conv1d(count * hidden, count * narrow, 1, groups=count)
        self.narrow_norm = nn.BatchNorm1d(count * narrow)

    def forward(self, numbers: Tensor) -> Tensor:
        """``(n, inputs)`` to ``(n, count * narrow)``."""
        x = torch.clamp(self.scale(numbers), -4.0, 4.0)
        if self.training:
            x = x + 0.1 * torch.randn_like(x)
        x = self.hidden_drop(F.relu(self.wide_norm(self.wide(self.drop(x)))))
        return F.relu(self.narrow_norm(self.narrow(x[:, :, None])[:, :, 0]))


class Listener(nn.Module):
    """Dilated convolutions over the frames (Waibel et al., 1989), pooled under the mask.

    Args:
        width: channels.
        narrow: width of what is pooled.
    """

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.scale = nn.BatchNorm1d(CHANNELS)
        self.first = nn.Conv1d(CHANNELS, width, 5, stride=2, padding=2, bias=False)
        self.first_norm = nn.BatchNorm1d(width)
        self.further = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=d, dilation=d, bias=False) for d in (1, 2, 3)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in self.further)
        self.attention = nn.Sequential(nn.Conv1d(width, 48, 1), nn.Tanh(), nn.Conv1d(48, 4, 1))
        self.drop = nn.Dropout(0.25)
        self.narrow = nn.Linear(width * 6, narrow)
        self.narrow_norm = nn.BatchNorm1d(narrow)

    def forward(self, frames: Tensor, heard: Tensor, shown: Tensor | None = None) -> Tensor:
        """Frames ``(n, 63, t)``, where something is heard ``(n, t)``, to ``(n, narrow)``.

        Args:
            shown: ``(n, 63, t)``, 0 where learning hides something.
        """
        x = self.scale(frames) * heard[:, None]
        x = x if shown is None else x * shown
        heard = heard[:, ::2]
        keep = heard[:, None]
        x = F.relu(self.first_norm(self.first(x))) * keep
        for convolve, norm in zip(self.further, self.norms, strict=True):
            x = (x + F.relu(norm(convolve(x)))) * keep
        x = self.drop(x)
        share = torch.softmax(self.attention(x) + (keep - 1) * 1e4, dim=2)
        attended = (x @ share.transpose(1, 2)).flatten(1)
        deviation = moments(x, heard)[1]
        pooled = torch.cat([attended, (x * keep).amax(2), deviation], dim=1)
        return F.relu(self.narrow_norm(self.narrow(self.drop(pooled))))


class VoiceNet(nn.Module):
    """Raw waveforms to logits and an embedding: three kinds of network beside one another.

    Readers of functionals, readers of what the speaker encoder hears, and listeners to frames. Each
    learns by a loss of its own and all are averaged, so that the network is an ensemble in one
    pass.

    Args:
        labels: how many classes.
        readers: how many perceptrons of either kind.
        hidden: width of the perceptrons.
        widths: channels of each listener to the frames.
        sizes: of a reader's and a listener's part of the embedding.
    """

    def __init__(
        self,
        labels: int = 8,
        readers: int = 4,
        hidden: int = 256,
        widths: tuple[int, ...] = (96, 64),
        sizes: tuple[int, int] = (16, 64),
    ) -> None:
        super().__init__()
        self.front = VoiceFront()
        self.readers = Readers(self.front.functionals.size, readers, hidden, sizes[0])
        self.speaker_readers = Readers(self.front.encoder.size, readers, hidden, sizes[0])
        self.listeners = nn.ModuleList(Listener(width, sizes[1]) for width in widths)
        self.kinds = [readers, readers, len(widths)]
        self.parts = [sizes[0]] * 2 * readers + [sizes[1]] * len(widths)
        self.drop = nn.Dropout(0.3)
        self.heads = nn.ModuleList(nn.Linear(size, labels) for size in self.parts)

    def embed(
        self,
        functionals: Tensor,
        encoded: Tensor,
        frames: Tensor,
        heard: Tensor,
        shown: Tensor | None = None,
    ) -> Tensor:
        """What :class:`VoiceFront` gives to ``(n, 256)``."""
        told = [listener(frames, heard, shown) for listener in self.listeners]
        read = [self.readers(functionals), self.speaker_readers(encoded)]
        return torch.cat([*read, *told], dim=1)

    def answers(self, embedding: Tensor) -> Tensor:
        """Each one's logits ``(n, readers and listeners, labels)``."""
        parts = torch.split(self.drop(embedding), self.parts, dim=1)
        said = [head(part) for head, part in zip(self.heads, parts, strict=True)]
        return torch.stack(said, dim=1)

    def answer(self, embedding: Tensor) -> Tensor:
        """Embeddings to logits ``(n, labels)``: the encoder's readers have two thirds of the say.

        So chosen on speakers held back, whom they read best (docs/experiments.md).
        """
        kinds = torch.split(self.answers(embedding), self.kinds, dim=1)
        functionals, encoded, frames = (said.mean(1) for said in kinds)
        return (functionals + 4 * encoded + frames) / 6
