"""``vit``: transfer from ImageNet-21k with a vision transformer."""

from __future__ import annotations

from emoscope.training.loop import Schedule
from emoscope.training.transfer_recipe import TransferRecipe


class Vit(TransferRecipe):
    """A transformer on patches; the first token, a linear head.

    Dosovitskiy et al. (2021), "An Image is Worth 16x16 Words"; fine-tuned on FER2013 it is behind
    many of the model hub's models of facial expression. The crops are scaled to the size of the
    checkpoint's pictures inside the graph. The default checkpoint has 86 million weights: have a
    graphics card.
    """

    name = "vit"
    summary = "96×96, transfer from ImageNet-21k: Google's ViT-Base through transformers"
    preprocessing = (
        "inside the graph: grey on three channels, normalised and scaled as the base was trained"
    )
    kind = "vit"
    checkpoint = "google/vit-base-patch16-224-in21k"
    # As wide as ViT-Tiny (Touvron et al., 2021) and half as deep, on small patches.
    from_scratch = {  # noqa: RUF012 - nobody writes to it
        "image_size": 96,
        "patch_size": 8,
        "hidden_size": 192,
        "num_hidden_layers": 6,
        "num_attention_heads": 3,
        "intermediate_size": 768,
    }
    dropout = 0.1
    schedule = Schedule(epochs=8, learning_rate=1e-4, weight_decay=0.05, warmup=0.1, patience=4)
