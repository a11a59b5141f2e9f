"""``mini-xception``: the small separable network of most real-time demos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from emoscope.errors import ModelError, ModelIntegrityError
from emoscope.labels import LabelSet
from emoscope.models import keras_import
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.face_recipe import FaceRecipe, TrainedFace
from emoscope.training.loop import Schedule
from emoscope.training.nets import mini_xception
from emoscope.training.recipe import Settings
from emoscope.training.views import warp

FINE_TUNING_RATE = 1e-4


class MiniXception(FaceRecipe):
    """Residual modules of separable convolutions, 58,423 parameters, no dense layer.

    Arriaga, Plöger & Valdenegro (2017), "Real-time Convolutional Neural Networks for Emotion and
    Gender Classification"; the network and its published weights (66%, with FER2013's validation
    pictures choosing the epoch) run in countless webcam projects. ``checkpoint`` names those
    weights, a Keras ``.hdf5`` file, to go on from.
    """

    name = "mini-xception"
    summary = "64×64, separable convolutions, as published by Arriaga et al. (2017)"
    preprocessing = "inside the graph: grey levels scaled from 0..255 to -1..1"
    size = keras_import.SIZE
    schedule = Schedule(epochs=40, learning_rate=2e-3, patience=12)

    def train(
        self,
        learn: FaceCorpus,
        held: FaceCorpus,
        labels: LabelSet,
        run_dir: Path,
        settings: Settings,
    ) -> TrainedFace:
        if settings.checkpoint and settings.learning_rate is None:
            settings = replace(settings, learning_rate=FINE_TUNING_RATE)
        return super().train(learn, held, labels, run_dir, settings)

    def network(self, classes: int, settings: Settings) -> nn.Module:
        network = mini_xception.MiniXception(classes)
        if settings.checkpoint:
            file = Path(settings.checkpoint)
            try:
                weights = keras_import.read_weights(file.read_bytes())
            except OSError as error:
                raise ModelError(
                    f"{file}: cannot be read ({error.strerror}); --checkpoint takes the published "
                    "fer2013_mini_XCEPTION .hdf5 file"
                ) from error
            except ModelIntegrityError as error:
                raise ModelIntegrityError(f"{file}: {error}") from error
            mini_xception.load_published(network, weights)
        return network

    def augment(self, crops: Tensor, generator: torch.Generator) -> Tensor:
        return warp(crops, generator, angle=10, scale=0.1, shift=0.1)
