"""``efficientnet-b0``: transfer from ImageNet with the smallest EfficientNet."""

from __future__ import annotations

from emoscope.training.loop import Schedule
from emoscope.training.nets import pretrained
from emoscope.training.transfer_recipe import TransferRecipe


class EfficientNetB0(TransferRecipe):
    """Inverted residuals with squeeze-and-excitation; the mean of the last map, a linear head.

    Tan & Le (2019), "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks".
    On faces it is the base of Savchenko (2021), "Facial expression and attributes recognition
    based on multi-task learning of lightweight neural networks" (the HSEmotion models), who
    trained it on larger corpora than FER2013.
    """

    name = "efficientnet-b0"
    summary = "96×96, transfer from ImageNet: Google's EfficientNet-B0 through transformers"
    preprocessing = "inside the graph: grey on three channels, normalised as the base was trained"
    kind = "efficientnet"
    checkpoint = "google/efficientnet-b0"
    colours = pretrained.IMAGENET
    from_scratch = {  # noqa: RUF012 - nobody writes to it
        "width_coefficient": 1.0,
        "depth_coefficient": 1.0,
        "hidden_dim": 1280,
        "image_size": 224,
    }
    schedule = Schedule(epochs=15, learning_rate=5e-4, patience=5)
