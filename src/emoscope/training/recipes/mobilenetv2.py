"""``mobilenetv2``: transfer from ImageNet with a network made for phones."""

from __future__ import annotations

from emoscope.training.loop import Schedule
from emoscope.training.transfer_recipe import TransferRecipe


class MobileNetV2(TransferRecipe):
    """Inverted residuals of separable convolutions; the mean of the last map, a linear head.

    Sandler et al. (2018), "MobileNetV2: Inverted Residuals and Linear Bottlenecks"; the transfer
    of many tutorials on faces, which begin with a frozen base. Ours reads 96×96 crops, a fifth of
    the work of ImageNet's 224×224: FER2013's own pictures are 48×48.
    """

    name = "mobilenetv2"
    summary = "96×96, transfer from ImageNet: Google's MobileNetV2 through transformers"
    preprocessing = "inside the graph: grey on three channels, normalised as the base was trained"
    kind = "mobilenet_v2"
    checkpoint = "google/mobilenet_v2_1.0_224"
    schedule = Schedule(epochs=15, learning_rate=5e-4, patience=5)
