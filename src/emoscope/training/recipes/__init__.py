"""The recipes, each in a short file of its own; a table of names loads none of them."""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import Any

from emoscope.errors import ModelError
from emoscope.training.recipe import Recipe

# name -> (module, class)
RECIPES = MappingProxyType(
    {
        "emoscope-face": ("emoscope_face", "EmoscopeFace"),
        "mini-xception": ("mini_xception", "MiniXception"),
        "cnn48": ("cnn48", "Cnn48"),
        "vgg16": ("vgg16", "Vgg16"),
        "mobilenetv2": ("mobilenetv2", "MobileNetV2"),
        "efficientnet-b0": ("efficientnet_b0", "EfficientNetB0"),
        "vit": ("vit", "Vit"),
        "emoscope-voice": ("emoscope_voice", "EmoscopeVoice"),
        "svm": ("svm", "Svm"),
        "mfcc-dnn": ("mfcc_dnn", "MfccDnn"),
        "mfcc-conv1d": ("mfcc_conv1d", "MfccConv1d"),
        "mfcc-delta-cnn": ("mfcc_delta_cnn", "MfccDeltaCnn"),
        "wav2vec2": ("wav2vec2", "Wav2Vec2"),
    }
)


def load_recipe(name: str) -> Recipe[Any]:
    """A recipe by name.

    Raises:
        ModelError: there is none of that name.
        MissingExtraError: a package that it needs is not installed.
    """
    if name not in RECIPES:
        raise ModelError(f"no recipe '{name}'; there are {', '.join(RECIPES)}")
    module, cls = RECIPES[name]
    found: Recipe[Any] = getattr(
        importlib.import_module(f"emoscope.training.recipes.{module}"), cls
    )()
    return found
