"""``wav2vec2``: fine-tune any speech encoder of the model hub that takes waveforms."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emoscope.labels import LabelSet
from emoscope.media import SAMPLE_RATE
from emoscope.models.metadata import ModelMetadata
from emoscope.training.datasets.corpora import SpeechCorpus
from emoscope.training.export import export_voice
from emoscope.training.loop import Schedule
from emoscope.training.nets import wav2vec2
from emoscope.training.nets.wav2vec2 import SpeechEncoderNet
from emoscope.training.recipe import Settings
from emoscope.training.voice_recipe import TrainedVoice, VoiceRecipe, answer, front_batch, pad
from emoscope.voice.recognise import LONGEST_READING_S

# Fine-tuned on transcripts; facebook/wav2vec2-base itself stands on the hub as a pickle only.
CHECKPOINT = "facebook/wav2vec2-base-960h"
HEAD_ONLY = 1  # epochs
SCRATCH_RATE = 5e-4


class Wav2Vec2(VoiceRecipe):
    """A speech encoder, the mean of its frames, a hidden layer, a linear head.

    The convolutions stay as they were pretrained, the transformer too in the first epoch. The
    default checkpoint has 94 million weights: have a graphics card.

    Batches are zero-padded. Encoders that were pretrained with a mask get one; the others (the
    base sizes with group norm) see zeros, as in their pretraining, and answer a little differently
    than without. So the model file takes one waveform at a time, and so do the answers that the
    temperature is fitted on.
    """

    name = "wav2vec2"
    summary = "fine-tunes a speech encoder of the model hub (wav2vec 2.0, HuBERT, WavLM, ...)"
    corpora = ("ravdess",)
    preprocessing = (
        "inside the graph: zero mean and unit variance over the waveform, where the encoder was "
        "trained so"
    )
    schedule = Schedule(epochs=10, batch_size=8, learning_rate=5e-5, warmup=0.1)

    def network(self, classes: int, settings: Settings) -> nn.Module:
        if settings.from_scratch:
            encoder = wav2vec2.untrained()
        else:
            encoder = wav2vec2.load(settings.checkpoint or CHECKPOINT)
        return SpeechEncoderNet(encoder, classes)

    def augment(
        self, items: SpeechCorpus, index: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """As much of the speech as a reading in use has, from anywhere in it."""
        speech = items.speech(index)
        spare = len(speech) - int(LONGEST_READING_S * SAMPLE_RATE)
        if spare <= 0:
            return speech
        start = int(rng.integers(spare + 1))
        return speech[start : start + len(speech) - spare]

    def begin_epoch(self, network: nn.Module, epoch: int, epochs: int) -> None:
        assert isinstance(network, SpeechEncoderNet)
        network.freeze_encoder(epoch < HEAD_ONLY)

    @property
    def input(self) -> dict[str, Any]:
        return {**super().input, "shape": [1, "time"]}

    def train(
        self,
        learn: SpeechCorpus,
        held: SpeechCorpus,
        labels: LabelSet,
        run_dir: Path,
        settings: Settings,
    ) -> TrainedVoice:
        if settings.from_scratch and settings.learning_rate is None:
            settings = dataclasses.replace(settings, learning_rate=SCRATCH_RATE)
        trained = super().train(learn, held, labels, run_dir, settings)
        return _OneByOne(trained.network, self)


class _OneByOne(TrainedVoice):
    """A trained network that is never given a padded batch."""

    def logits(self, items: SpeechCorpus) -> NDArray[np.float64]:
        front = self.network.get_submodule("front")
        rows = []
        with torch.inference_mode():
            for index in range(len(items)):
                made = front(*pad([items.speech(index)]))
                rows.append(answer(self.network, front_batch(made)))
        found: NDArray[np.float64] = torch.cat(rows).double().numpy()
        return found

    def export(self, temperature: float, metadata: ModelMetadata, path: Path) -> float:
        return export_voice(self.network, temperature, metadata, path, one_by_one=True)
