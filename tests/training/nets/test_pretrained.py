from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from safetensors.torch import load_file, save_file  # noqa: E402

from emoscope.errors import ModelError, ModelIntegrityError, ModelUnavailableError  # noqa: E402
from emoscope.training.nets import pretrained  # noqa: E402
from emoscope.training.nets.pretrained import IMAGENET, STANDARD, TransferNet  # noqa: E402

CONFIGS: dict[str, dict[str, Any]] = {
    "mobilenet_v2": {
        "depth_multiplier": 0.1,
        "min_depth": 4,
        "depth_divisible_by": 4,
        "finegrained_output": False,
    },
    "efficientnet": {
        "width_coefficient": 0.25,
        "depth_coefficient": 1.0,
        "hidden_dim": 320,
        "in_channels": [32, 16],
        "out_channels": [16, 24],
        "strides": [2, 2],
        "kernel_sizes": [3, 5],
        "expand_ratios": [1, 6],
        "num_block_repeats": [1, 1],
    },
    "vit": {
        "image_size": 64,
        "patch_size": 16,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    },
}
KINDS = tuple(CONFIGS)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Builder ``(kind, preprocessor=None) -> folder`` of a tiny classifier, as projects save it."""

    def build(kind: str, preprocessor: dict[str, Any] | None = None) -> Path:
        torch.manual_seed(1)
        config = transformers.AutoConfig.for_model(kind, **CONFIGS[kind])
        model = transformers.AutoModelForImageClassification.from_config(config)
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d):  # as if it had learnt
                part.weight.data.uniform_(0.5, 1.5)
                part.bias.data.uniform_(0, 1)
                part.running_mean.uniform_(-0.1, 0.1)
                part.running_var.uniform_(0.01, 0.1)
        model.save_pretrained(tmp_path / kind)
        if preprocessor is not None:
            file = tmp_path / kind / "preprocessor_config.json"
            file.write_text(json.dumps(preprocessor))
        return tmp_path / kind

    return build


def crops(n: int = 3, size: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size), dtype=np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_embeds_as_transformers_itself(
    kind: str, checkpoint: Callable[..., Path]
) -> None:
    mean, std = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
    folder = checkpoint(kind, {"image_mean": mean, "image_std": std})
    network = TransferNet(pretrained.load(str(folder), kind, STANDARD), 7, size=96, dropout=0.1)
    model = transformers.AutoModelForImageClassification.from_pretrained(folder).eval()
    colour = [cv2.cvtColor(crop, cv2.COLOR_GRAY2RGB).astype(np.float32) / 255 for crop in crops()]
    if kind == "vit":
        colour = [cv2.resize(picture, (64, 64)) for picture in colour]
    pixels = ((np.stack(colour) - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    with torch.inference_mode():
        inner = next(model.children())(pixel_values=torch.from_numpy(pixels))
        wanted = inner.last_hidden_state[:, 0] if kind == "vit" else inner.pooler_output
        embedding = network.eval().embed(torch.from_numpy(crops()))
        assert network.answer(embedding).shape == (3, 7)
    assert wanted.std() > 0
    torch.testing.assert_close(embedding, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("described", "colours"),
    [
        (None, IMAGENET),
        ({"do_rescale": True}, IMAGENET),
        ({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}, ((0.5,) * 3, (0.25,) * 3)),
        (
            {"do_normalize": False, "image_mean": [9] * 3, "image_std": [9] * 3},
            ((0,) * 3, (1,) * 3),
        ),
        # EfficientNet's: the roots of ImageNet's deviations, applied twice.
        (
            {
                "image_mean": list(IMAGENET.mean),
                "image_std": [0.47853944, 0.4732864, 0.47434163],
                "include_top": True,
            },
            IMAGENET,
        ),
    ],
)
def test_colours_are_the_checkpoints_own_if_it_says_so(
    described: dict[str, Any] | None, colours: Any, checkpoint: Callable[..., Path]
) -> None:
    wanted = colours if isinstance(colours, pretrained.Colours) else pretrained.Colours(*colours)
    found = pretrained.load(str(checkpoint("vit", described)), "vit", IMAGENET).colours
    assert found.mean == pytest.approx(wanted.mean)
    assert found.std == pytest.approx(wanted.std, abs=1e-6)


def test_a_vision_transformer_keeps_no_pooler_and_names_its_size(
    checkpoint: Callable[..., Path],
) -> None:
    base = pretrained.load(str(checkpoint("vit")), "vit", STANDARD)
    assert base.side == 64
    assert not any("pooler" in name for name, _ in base.module.named_parameters())


@pytest.mark.parametrize("kind", ["mobilenet_v2", "efficientnet"])
def test_batch_norms_keep_more_than_the_last_batch(
    kind: str, checkpoint: Callable[..., Path]
) -> None:
    for base in (
        pretrained.load(str(checkpoint(kind)), kind, STANDARD),
        pretrained.untrained(kind, **CONFIGS[kind]),
    ):
        norms = [m for m in base.module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        assert norms
        assert {norm.momentum for norm in norms} == {0.1}


@pytest.mark.parametrize("kind", KINDS)
def test_an_untrained_base_lets_its_input_through(kind: str) -> None:
    torch.manual_seed(0)
    base = pretrained.untrained(kind, **CONFIGS[kind])
    assert not base.pretrained
    network = TransferNet(base, 7, size=96, dropout=0.1).train()
    varied = network.embed(torch.from_numpy(crops(8))).std(0).mean()
    assert 0.01 < varied < 100  # neither vanished nor blown up
    network.freeze_base(True)
    assert all(p.requires_grad for p in network.parameters())
    assert network.base.training


def test_a_frozen_base_keeps_everything(checkpoint: Callable[..., Path]) -> None:
    base = pretrained.load(str(checkpoint("mobilenet_v2")), "mobilenet_v2", STANDARD)
    network = TransferNet(base, 7, size=96, dropout=0.1).train()
    network.freeze_base(True)
    before = {name: value.clone() for name, value in network.base.state_dict().items()}
    network.answer(network.embed(torch.from_numpy(crops(4)))).sum().backward()
    assert all(p.grad is None for p in network.base.parameters())
    assert network.head.weight.grad is not None
    assert all(torch.equal(value, before[n]) for n, value in network.base.state_dict().items())
    network.freeze_base(False)
    network.answer(network.embed(torch.from_numpy(crops(4)))).sum().backward()
    assert all(p.grad is not None for p in network.base.parameters())
    moved = {
        n for n, value in network.base.state_dict().items() if not torch.equal(value, before[n])
    }
    assert any("running_mean" in name for name in moved)


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_what_cannot_be_had_is_said_in_one_line(tmp_path: Path) -> None:
    for name in ("emoscope-tests/no-such-model", str(tmp_path), str(tmp_path / "nowhere")):
        with pytest.raises(ModelUnavailableError) as error:
            pretrained.load(name, "vit", STANDARD)
        text = one_line(error)
        assert text.startswith(f"{name}: no pretrained weights to be had from there (")
        assert "--checkpoint" in text
        assert text.endswith("--from-scratch")


def test_another_architecture_is_refused(checkpoint: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="of type efficientnet, this recipe needs vit") as error:
        pretrained.load(str(checkpoint("efficientnet")), "vit", STANDARD)
    one_line(error)


def test_pickled_broken_or_incomplete_weights_are_refused(checkpoint: Callable[..., Path]) -> None:
    folder = checkpoint("vit")
    file = folder / "model.safetensors"
    whole = load_file(file)
    name = "vit.layernorm.weight"
    save_file({key: value for key, value in whole.items() if key != name}, file, {"format": "pt"})
    with pytest.raises(ModelIntegrityError, match=r"its weights lack layernorm\.weight"):
        pretrained.load(str(folder), "vit", STANDARD)
    save_file(whole | {name: torch.zeros(3)}, file, {"format": "pt"})
    with pytest.raises(ModelError, match="no pretrained weights") as error:
        pretrained.load(str(folder), "vit", STANDARD)
    one_line(error)
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(ModelUnavailableError) as error:
        pretrained.load(str(folder), "vit", STANDARD)
    one_line(error)
    file.unlink()
    torch.save(whole, folder / "pytorch_model.bin")
    with pytest.raises(ModelUnavailableError) as error:
        pretrained.load(str(folder), "vit", STANDARD)
    one_line(error)
