"""``mfcc-dnn``: the mean MFCC of a clip, and a dense network on it."""

from __future__ import annotations

from torch import nn

from emoscope.training.loop import Schedule
from emoscope.training.nets.mfcc import COEFFICIENTS, MfccMean, MfccNet, Standardise
from emoscope.training.recipe import Settings
from emoscope.training.voice_recipe import VoiceRecipe


class MfccDnn(VoiceRecipe):
    """40 means over time, dense layers of 256, 128 and 64.

    The network of many course projects on RAVDESS (``np.mean(librosa.feature.mfcc(...).T, axis=0)``
    into dense layers), which report about 85% on clips drawn at random over all actors' folders.
    """

    name = "mfcc-dnn"
    summary = "40 MFCC means, dense layers of 256, 128 and 64"
    corpora = ("ravdess",)
    preprocessing = "inside the graph: 40 MFCC as librosa's, their means over time, standardised"
    keeps_features = True
    schedule = Schedule(
        epochs=100,
        batch_size=32,
        learning_rate=1e-3,
        autocast=False,
    )

    def network(self, classes: int, settings: Settings) -> nn.Module:
        return MfccNet(
            front=MfccMean(),
            embed=nn.Sequential(
                Standardise(COEFFICIENTS),
                *(nn.Linear(COEFFICIENTS, 256), nn.ReLU(), nn.Dropout(0.3)),
                *(nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.3)),
                *(nn.Linear(128, 64), nn.ReLU()),
            ),
            answer=nn.Sequential(nn.Dropout(0.3), nn.Linear(64, classes)),
        )
