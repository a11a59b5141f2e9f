"""``mfcc-conv1d``: the first 60 frames of MFCC in one row, and convolutions along it."""

from __future__ import annotations

from torch import Tensor, nn

from emoscope.training.datasets.corpora import SpeechCorpus
from emoscope.training.loop import Schedule
from emoscope.training.nets.mfcc import COEFFICIENTS, MfccFrames, MfccNet, Standardise
from emoscope.training.recipe import Settings
from emoscope.training.voice_recipe import VoiceRecipe, name_tess_voices

FRAMES = 60


class MfccConv1d(VoiceRecipe):
    """A row of 2400 coefficients, four convolutions and two dense layers; 481,518 parameters.

    The published network tells TESS' two voices and seven emotions, 14 classes, and claims 99% of
    700 clips drawn at random: of the two voices that it learnt from, saying words that it learnt
    from. On other corpora, and where voices are kept apart, it answers with the emotions alone.
    """

    name = "mfcc-conv1d"
    summary = "60 frames of 40 MFCC as a row of 2400, four convolutions; TESS' 14 voice-emotions"
    corpora = ("tess",)
    protocol = "random"
    preprocessing = (
        "inside the graph: 40 MFCC as librosa's, 60 frames (cut, or zeros behind), standardised"
    )
    keeps_features = True
    schedule = Schedule(
        epochs=60,
        batch_size=32,
        learning_rate=1e-3,
        patience=15,
        autocast=False,
    )

    def prepare(self, items: SpeechCorpus, protocol: str) -> SpeechCorpus:
        return name_tess_voices(items, protocol)

    def network(self, classes: int, settings: Settings) -> nn.Module:
        return MfccNet(
            front=MfccFrames(FRAMES),
            embed=nn.Sequential(
                Standardise(COEFFICIENTS),
                FramesInARow(),
                *_convolution(1, 8, width=13),
                *_convolution(8, 16, width=11),
                *_convolution(16, 32, width=9),
                *_convolution(32, 64, width=7),
                nn.Flatten(),
                *(nn.Linear(64 * 26, 256), nn.ReLU(), nn.Dropout(0.3)),
                *(nn.Linear(256, 128), nn.ReLU()),
            ),
            answer=nn.Sequential(nn.Dropout(0.3), nn.Linear(128, classes)),
        )


class FramesInARow(nn.Module):
    """Features ``(n, 40, 60)`` to a row ``(n, 1, 2400)``, one frame after the other."""

    def forward(self, features: Tensor) -> Tensor:
        return features.transpose(1, 2).flatten(1)[:, None]


def _convolution(inputs: int, outputs: int, width: int) -> tuple[nn.Module, ...]:
    return nn.Conv1d(inputs, outputs, width), nn.ReLU(), nn.MaxPool1d(3), nn.Dropout(0.2)
