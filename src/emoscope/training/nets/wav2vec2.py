"""Speech encoders of ``transformers`` that take waveforms, under a small head.

wav2vec 2.0 (Baevski et al., 2020) and its kin: HuBERT, WavLM, data2vec, UniSpeech, SEW. All are
convolutions over the waveform (the feature encoder) and a transformer over their frames.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emoscope._optional import require
from emoscope.errors import ModelError, ModelIntegrityError
from emoscope.media import SAMPLE_RATE
from emoscope.models.session import MAX_BYTES
from emoscope.training.nets.pretrained import folder_of, quiet, reading

EMBEDDING = 256
# Those of transformers that take waveforms, give frames and can be exported.
KINDS = (
    "wav2vec2",
    "wav2vec2-conformer",
    "hubert",
    "wavlm",
    "data2vec-audio",
    "unispeech",
    "unispeech-sat",
)
# From scratch: small enough for a processor; layer norm, so that padding changes nothing.
SMALL = {
    "hidden_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "conv_dim": (64,) * 7,
    "conv_bias": True,
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 8,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
}


@dataclass(frozen=True)
class Encoder:
    """A speech encoder.

    Attributes:
        module: ``module(values, attention_mask=...)`` has ``last_hidden_state`` ``(n, frames, d)``.
        kernels: of its convolutions, from the waveform on.
        strides: of the same.
        width: ``d``.
        normalised: whether it wants waveforms of zero mean and unit variance.
        masked: whether it wants to be told what is padding; the others were pretrained on
            zero-padded batches without a mask.
        pretrained: whether it knows anything yet.
    """

    module: nn.Module
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    width: int
    normalised: bool
    masked: bool
    pretrained: bool

    def frames(self, lengths: Tensor) -> Tensor:
        """Frames that it makes of ``lengths`` samples."""
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            lengths = torch.div(lengths - kernel, stride, rounding_mode="floor") + 1
        return lengths

    @property
    def shortest(self) -> int:
        """Samples of two frames: the transformer's graph is made for more than one."""
        samples = 2
        for kernel, stride in zip(reversed(self.kernels), reversed(self.strides), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples


class Level(nn.Module):
    """Waveforms ``(n, time)`` with lengths ``(n,)``, as an encoder wants them, with their lengths.

    As ``Wav2Vec2FeatureExtractor``: zero mean and unit variance over each one's own length. What
    is shorter than the encoder's shortest is lengthened by zeros.
    """

    def __init__(self, *, normalised: bool, shortest: int) -> None:
        super().__init__()
        self.normalised, self.shortest = normalised, shortest

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        time = waveform.shape[1]
        heard = (torch.arange(time, device=waveform.device)[None] < lengths[:, None]).float()
        values = waveform * heard
        if self.normalised:
            count = lengths[:, None].float()
            values = (values - values.sum(1, keepdim=True) / count) * heard
            values = values / (values.square().sum(1, keepdim=True) / count + 1e-7).sqrt()
        missing = torch.sym_max(self.shortest - time, 0)  # type: ignore[no-untyped-call]
        return F.pad(values, (0, missing)), lengths.clamp(min=self.shortest)


class SpeechEncoderNet(nn.Module):
    """Waveforms to an embedding and logits: the encoder's frames, their mean, a hidden layer.

    Where the encoder takes no mask, padding changes its answers: give one waveform at a time.

    Args:
        encoder: the speech encoder.
        classes: of the answers.
        dropout: share of the embedding left out while learning.
    """

    def __init__(self, encoder: Encoder, classes: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.front = Level(normalised=encoder.normalised, shortest=encoder.shortest)
        self.encoder, self._plan = encoder.module, encoder
        self.project = nn.Linear(encoder.width, EMBEDDING)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(EMBEDDING, classes)
        for part in self._never_learning():
            part.requires_grad_(False)

    def embed(self, values: Tensor, lengths: Tensor) -> Tensor:
        """What :class:`Level` gives, to embeddings ``(n, 256)``."""
        mask = None
        if self._plan.masked and len(values) > 1:
            samples = torch.arange(values.shape[1], device=values.device)
            mask = (samples[None] < lengths[:, None]).long()
        hidden = self.encoder(values, attention_mask=mask).last_hidden_state
        frames = self._plan.frames(lengths)
        places = torch.arange(hidden.shape[1], device=hidden.device)
        heard = (places[None] < frames[:, None]).to(hidden.dtype)
        mean = (hidden * heard[:, :, None]).sum(1) / frames[:, None]
        return F.relu(self.project(mean))

    def answer(self, embedding: Tensor) -> Tensor:
        """Embeddings to logits ``(n, classes)``."""
        logits: Tensor = self.head(self.dropout(embedding))
        return logits

    def freeze_encoder(self, frozen: bool) -> None:
        """Keep the encoder as it is, or let its transformer learn.

        A pretrained feature encoder never learns; an encoder that knows nothing yet always does.
        """
        frozen = frozen and self._plan.pretrained
        self.encoder.requires_grad_(not frozen)
        self.encoder.train(not frozen)
        for part in self._never_learning():
            part.requires_grad_(False)

    def _never_learning(self) -> list[Any]:
        named = dict(self.encoder.named_parameters())
        found: list[Any] = [named[key] for key in named if key.endswith("masked_spec_embed")]
        if self._plan.pretrained:
            found.append(self.encoder.get_submodule("feature_extractor"))
        return found


def untrained() -> Encoder:
    """A small wav2vec 2.0 with random weights.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    transformers = require("transformers", extra="train")
    config = _plain(transformers.Wav2Vec2Config(**SMALL))
    module = transformers.AutoModel.from_config(config)
    return _checked("a new encoder", module, config, {}, pretrained=False)


def load(checkpoint: str) -> Encoder:
    """A pretrained encoder.

    Args:
        checkpoint: a model hub's name, or a folder with ``config.json``, ``model.safetensors`` and
            perhaps ``preprocessor_config.json``. Nothing else is fetched or read.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelUnavailableError: the weights cannot be had or read.
        ModelIntegrityError: weights are missing from the file.
        ModelError: no encoder of waveforms, or one too large for an ONNX file.
    """
    transformers = require("transformers", extra="train")
    local = {"trust_remote_code": False, "local_files_only": True}
    with reading(checkpoint):
        folder = folder_of(checkpoint)
        config = _plain(transformers.AutoConfig.from_pretrained(folder, **local))
        if config.model_type not in KINDS:
            raise ModelError(
                f"{checkpoint}: a model of type {config.model_type}; this recipe needs one that "
                f"takes waveforms ({', '.join(KINDS)})"
            )
        with quiet(transformers):
            module, found = transformers.AutoModel.from_pretrained(
                folder, config=config, use_safetensors=True, output_loading_info=True, **local
            )
        described = _described(folder)
    # The mask's own vector is often not stored, and not used here.
    missing = sorted(key for key in found["missing_keys"] if not key.endswith("masked_spec_embed"))
    if missing:
        raise ModelIntegrityError(f"{checkpoint}: its weights lack {missing[0]}")
    return _checked(checkpoint, module, config, described, pretrained=True)


def _described(folder: Path) -> dict[str, Any]:
    """``preprocessor_config.json``, empty where there is none."""
    file = folder / "preprocessor_config.json"
    if not file.is_file():
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}


def _plain(config: Any) -> Any:
    """Without what would make training depend on other random numbers than torch's."""
    for name, value in (("apply_spec_augment", False), ("layerdrop", 0.0)):
        if hasattr(config, name):
            setattr(config, name, value)
    return config


def _checked(
    name: str, module: nn.Module, config: Any, described: dict[str, Any], *, pretrained: bool
) -> Encoder:
    weights = sum(parameter.numel() for parameter in module.parameters())
    if weights * 4 > MAX_BYTES:
        raise ModelError(
            f"{name}: its {weights / 1e6:.0f} million weights are too many for one ONNX file "
            f"(at most {MAX_BYTES // 4_000_000} million); take a smaller one"
        )
    # Layer norm looks at one frame, so that a mask is enough to leave padding out; group norm
    # looks along the whole waveform.
    layered = getattr(config, "feat_extract_norm", "layer") == "layer"
    encoder = Encoder(
        module.float().eval(),
        _ints(config.conv_kernel),
        _ints(config.conv_stride),
        config.hidden_size,
        normalised=bool(described.get("do_normalize", True)),
        masked=bool(described.get("return_attention_mask", layered)),
        pretrained=pretrained,
    )
    try:
        module.get_submodule("feature_extractor")
        with torch.no_grad():
            shape = module(torch.zeros(1, SAMPLE_RATE)).last_hidden_state.shape
    except Exception as error:
        raise ModelError(
            f"{name}: a model of type {config.model_type} cannot be used: {error}"
        ) from error
    wanted = (1, int(encoder.frames(torch.tensor(SAMPLE_RATE))), encoder.width)
    if tuple(shape) != wanted:
        raise ModelError(
            f"{name}: gives {tuple(shape)} of one second, expected {wanted}; take an encoder "
            "without an adapter"
        )
    return encoder


def _ints(values: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
