"""Image encoders of ``transformers`` under a linear head, their preprocessing inside.

Only ``safetensors`` files are read, and no code that comes with a checkpoint is run.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope._optional import require
from emoscope.errors import EmoscopeError, ModelError, ModelIntegrityError, ModelUnavailableError
from emoscope.models.store import is_offline


@dataclass(frozen=True)
class Colours:
    """What a base expects: channels within 0..1, less ``mean``, divided by ``std``."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


IMAGENET = Colours((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
STANDARD = Colours((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_FILES = ("config.json", "preprocessor_config.json", "model*.safetensors", "*.index.json")


class GreyToColours(nn.Module):
    """Grey crops ``(n, h, w)``, 0 to 255, to ``(n, 3, h, w)`` as a base expects them."""

    mean: Tensor
    std: Tensor

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        for name, values in (("mean", colours.mean), ("std", colours.std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        out: Tensor = (crops.float()[:, None] / 255.0 - self.mean) / self.std
        return out


@dataclass(frozen=True)
class Base:
    """An image encoder.

    Attributes:
        module: ``module(pixel_values=...)`` has ``last_hidden_state``: a map ``(n, d, h, w)``, or
            tokens ``(n, t, d)``, the first for the whole picture.
        colours: what it expects.
        pretrained: whether it knows anything yet.
        side: the only size of pictures that it takes, in pixels; None: any.
    """

    module: nn.Module
    colours: Colours
    pretrained: bool
    side: int | None


class TransferNet(nn.Module):
    """Grey crops ``(n, size, size)``, 0 to 255, to an embedding and logits.

    Args:
        base: the encoder.
        classes: of the answers.
        size: side of the crops in pixels.
        dropout: share of the embedding left out while learning.
    """

    def __init__(self, base: Base, classes: int, *, size: int, dropout: float) -> None:
        super().__init__()
        self.colours = GreyToColours(base.colours)
        self.base, self.side, self.pretrained = base.module, base.side, base.pretrained
        self.base.eval()
        with torch.no_grad():
            width = self.embed(torch.zeros(1, size, size)).shape[1]
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def embed(self, crops: Tensor) -> Tensor:
        """Crops to embeddings ``(n, d)``: the map's means, or the first token."""
        x = self.colours(crops)
        if self.side is not None and x.shape[2] != self.side:
            x = F.interpolate(x, (self.side, self.side), mode="bilinear", align_corners=False)
        found: Tensor = self.base(pixel_values=x).last_hidden_state
        return found.mean((2, 3)) if found.ndim == 4 else found[:, 0]

    def answer(self, embedding: Tensor) -> Tensor:
        """Embeddings to logits ``(n, classes)``."""
        logits: Tensor = self.head(self.dropout(embedding))
        return logits

    def freeze_base(self, frozen: bool) -> None:
        """Keep the base as it is, statistics of its batch norms included, or let it learn.

        A base that knows nothing yet always learns.
        """
        frozen = frozen and self.pretrained
        self.base.requires_grad_(not frozen)
        self.base.train(not frozen)


def untrained(kind: str, **config: Any) -> Base:
    """An encoder with random weights.

    Args:
        kind: ``transformers``' name of the architecture.
        config: what differs from its usual configuration.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    transformers = require("transformers", extra="train")
    described = transformers.AutoConfig.for_model(kind, **config)
    module = transformers.AutoModel.from_config(described)
    for part in module.modules():
        # transformers' EfficientNet would begin with scales of nearly 0 in its batch norms.
        if isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()
        elif isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    return _base(module, described, STANDARD, pretrained=False)


def load(checkpoint: str, kind: str, colours: Colours) -> Base:
    """A pretrained encoder.

    Args:
        checkpoint: a model hub's name, or a folder with ``config.json`` and ``model.safetensors``.
        kind: ``transformers``' name of the architecture.
        colours: what it expects unless the checkpoint itself says.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelUnavailableError: the weights cannot be had or read.
        ModelIntegrityError: weights are missing from the file.
        ModelError: another architecture.
    """
    transformers = require("transformers", extra="train")
    local = {"trust_remote_code": False, "local_files_only": True}
    with reading(checkpoint), quiet(transformers):
        folder = folder_of(checkpoint)
        config = transformers.AutoConfig.from_pretrained(folder, **local)
        if config.model_type != kind:
            raise ModelError(
                f"{checkpoint}: a model of type {config.model_type}, this recipe needs {kind}"
            )
        module, found = transformers.AutoModel.from_pretrained(
            folder, config=config, use_safetensors=True, output_loading_info=True, **local
        )
        missing = sorted(key for key in found["missing_keys"] if not key.startswith("pooler."))
        if missing:
            raise ModelIntegrityError(f"{checkpoint}: its weights lack {missing[0]}")
    return _base(module, config, _colours(folder) or colours, pretrained=True)


def folder_of(checkpoint: str) -> Path:
    """Where a checkpoint's files are, fetched if need be; to be called within :func:`reading`.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        OSError: no such folder, or it holds no ``safetensors`` file.
    """
    folder = Path(checkpoint)
    if not folder.is_dir():
        if folder.is_absolute() or checkpoint.count("/") > 1:
            raise FileNotFoundError("no such folder")
        hub = require("huggingface_hub", extra="train")
        try:
            # Only these files: from_pretrained alone would also ask the hub's service to convert
            # pickled weights, and take them from a proposal that nobody has looked at.
            found = hub.snapshot_download(
                checkpoint, allow_patterns=list(_FILES), local_files_only=is_offline()
            )
        except hub.errors.LocalEntryNotFoundError as error:
            if not is_offline():
                raise
            told = "not on this machine, and EMOSCOPE_OFFLINE forbids the network"
            raise FileNotFoundError(told) from error
        folder = Path(found)
    if not any(folder.glob("model*.safetensors")):
        raise FileNotFoundError("no model.safetensors there")
    return folder


def _base(module: nn.Module, config: Any, colours: Colours, *, pretrained: bool) -> Base:
    for part in module.modules():
        # transformers gives TensorFlow's momentum (the share kept of the old statistics) to torch,
        # which takes it for the share of the new ones: they would be those of the last batch.
        if isinstance(part, nn.BatchNorm2d) and (part.momentum or 0.0) > 0.5:
            part.momentum = 0.1
    if list(module.get_submodule("pooler").parameters()):
        module.register_module("pooler", None)  # of the pretraining; nothing here reads it
    side = config.image_size if config.model_type == "vit" else None
    return Base(module.float(), colours, pretrained, side)


def _colours(folder: Path) -> Colours | None:
    """What the checkpoint's own preprocessing says, if it has any."""
    try:
        file = folder / "preprocessor_config.json"
        described = json.loads(file.read_text(encoding="utf-8"))
        if not described.get("do_normalize", True):
            return Colours((0.0,) * 3, (1.0,) * 3)
        mean, std = tuple(described["image_mean"]), tuple(described["image_std"])
    except (OSError, ValueError, KeyError):
        return None
    # EfficientNet's processor divides by these roots twice, as its original does.
    twice = described.get("include_top") is True
    return Colours(mean, tuple(value**2 for value in std) if twice else std)


@contextlib.contextmanager
def reading(checkpoint: str) -> Iterator[None]:
    """What goes wrong with a checkpoint, said in one line."""
    try:
        yield
    except EmoscopeError:
        raise
    except Exception as error:  # the hub, transformers and safetensors each have their own kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise unavailable(checkpoint, reason) from error


def unavailable(checkpoint: str | Path, reason: str) -> ModelUnavailableError:
    """What to say where a checkpoint gives no weights."""
    return ModelUnavailableError(
        f"{checkpoint}: no pretrained weights to be had from there ({reason}); name a folder "
        "that holds them with --checkpoint, or start from random weights with --from-scratch"
    )


@contextlib.contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Without the report on weights that a classifier has and an encoder has not."""
    log = transformers.utils.logging
    level, bar = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bar:
            log.enable_progress_bar()
