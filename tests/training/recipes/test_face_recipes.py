from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning.pytorch", reason="lightning is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from safetensors.torch import save_file  # noqa: E402

from emoscope.errors import ModelError, ModelIntegrityError, ModelUnavailableError  # noqa: E402
from emoscope.face.recognise import FaceRecogniser  # noqa: E402
from emoscope.labels import SHARED_LABELS  # noqa: E402
from emoscope.models import keras_import  # noqa: E402
from emoscope.models.metadata import ModelMetadata  # noqa: E402
from emoscope.training.datasets.corpora import FaceCorpus  # noqa: E402
from emoscope.training.face_recipe import FaceRecipe, TrainedFace, scaled  # noqa: E402
from emoscope.training.nets import vgg16  # noqa: E402
from emoscope.training.recipe import Settings  # noqa: E402
from emoscope.training.recipes import efficientnet_b0, load_recipe, vit  # noqa: E402

PLAIN = ("cnn48", "mini-xception")
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "mobilenetv2": (
        "mobilenet_v2",
        {
            "depth_multiplier": 0.1,
            "min_depth": 4,
            "depth_divisible_by": 4,
            "finegrained_output": False,
        },
    ),
    "efficientnet-b0": (
        "efficientnet",
        {
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
    ),
    "vit": (
        "vit",
        {
            "image_size": 64,
            "patch_size": 16,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
        },
    ),
}
TRANSFERS = (*CONFIGS, "vgg16")
# Of the embeddings; mini-XCEPTION's is that of the converted file.
WIDTHS = {"cnn48": 512, "mini-xception": 128, "vgg16": 256, "vit": 16}


def faces(n: int, seed: int) -> FaceCorpus:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 7
    crops = rng.normal(30 + 30 * labels[:, None, None], 20, (n, 48, 48))
    return FaceCorpus.of(
        np.clip(crops, 0, 255).astype(np.uint8), labels, tuple(str(i) for i in range(n))
    )


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str | None]:
    """Builder ``name -> checkpoint``: tiny pretrained weights for a recipe that takes some."""

    def build(name: str) -> str | None:
        torch.manual_seed(1)
        folder = tmp_path / "pretrained"
        if name == "vgg16":
            narrow = tuple((4,) * len(block) for block in vgg16.BLOCKS)
            monkeypatch.setattr(vgg16, "BLOCKS", narrow)
            state = vgg16.Vgg16(7).features.state_dict()
            folder.mkdir()
            save_file(
                {f"features.{key}": value for key, value in state.items()},
                folder / "model.safetensors",
            )
        elif name in CONFIGS:
            kind, options = CONFIGS[name]
            config = transformers.AutoConfig.for_model(kind, **options)
            transformers.AutoModelForImageClassification.from_config(config).save_pretrained(folder)
        return str(folder) if name in TRANSFERS else None

    return build


def train(recipe: FaceRecipe, run_dir: Path, **settings: Any) -> TrainedFace:
    wanted = Settings(
        **{"batch_size": 8, "accelerator": "cpu", "threads": 1, "precision": "32-true"} | settings
    )
    return recipe.train(faces(32, 0), faces(14, 1), SHARED_LABELS, run_dir, wanted)


@pytest.mark.parametrize("name", [*PLAIN, *TRANSFERS])
def test_a_recipe_trains_and_answers(
    name: str, tmp_path: Path, checkpoint: Callable[[str], str | None]
) -> None:
    recipe = load_recipe(name)
    trained = train(recipe, tmp_path / "run", epochs=1, checkpoint=checkpoint(name))
    logits = trained.logits(faces(14, 1))
    assert logits.shape == (14, 7)
    assert np.isfinite(logits).all()
    assert (tmp_path / "run" / "curves.csv").is_file()
    assert recipe.input["shape"] == ["n", recipe.size, recipe.size]


def check_file(recipe: FaceRecipe, trained: TrainedFace, folder: Path, width: int | None) -> None:
    """The exported file answers as the network does, through the door that users take."""
    metadata = ModelMetadata(
        name=recipe.name,
        version="1",
        role="face",
        labels=SHARED_LABELS,
        input=recipe.input,
        preprocessing=recipe.preprocessing,
        calibration={"temperature": 2.0},
        corpus="none",
        split="none",
        metrics={},
        licence="MIT",
    )
    assert trained.export(2.0, metadata, folder / "model.onnx") <= 1e-4
    recogniser = FaceRecogniser(folder, threads=1)
    items = faces(14, 1)
    probs, embedding = recogniser.read(scaled(items.crops, recogniser.crop_size))
    wanted = np.exp(trained.logits(items) / 2.0)
    np.testing.assert_allclose(probs, wanted / wanted.sum(1, keepdims=True), atol=1e-4)
    if width is not None:
        assert embedding.shape == (14, width)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*PLAIN, *TRANSFERS])
def test_a_trained_recipe_is_exported(
    name: str, tmp_path: Path, checkpoint: Callable[[str], str | None]
) -> None:
    recipe = load_recipe(name)
    trained = train(recipe, tmp_path, epochs=1, checkpoint=checkpoint(name))
    check_file(recipe, trained, tmp_path, WIDTHS.get(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFERS)
def test_a_recipe_at_its_real_size_trains_from_scratch(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    trained = train(recipe, tmp_path, epochs=1, from_scratch=True)
    check_file(recipe, trained, tmp_path, width=None)


def test_from_scratch_asks_for_no_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vit.Vit, "from_scratch", CONFIGS["vit"][1])
    b0 = CONFIGS["efficientnet-b0"][1]
    monkeypatch.setattr(efficientnet_b0.EfficientNetB0, "from_scratch", b0)
    monkeypatch.setattr(vgg16, "BLOCKS", tuple((4,) * len(block) for block in vgg16.BLOCKS))
    for name in TRANSFERS:
        recipe = load_recipe(name)
        network = recipe.network(5, Settings(from_scratch=True)).eval()
        assert not network.pretrained
        recipe.begin_epoch(network, 0, 10)
        assert all(p.requires_grad for p in network.parameters())
        embedding = network.embed(torch.zeros(2, recipe.size, recipe.size))
        assert network.answer(embedding).shape == (2, 5)


def test_from_scratch_the_networks_have_their_published_sizes() -> None:
    def count(name: str) -> int:
        network = load_recipe(name).network(7, Settings(from_scratch=True))
        return sum(p.numel() for p in network.parameters()) - network.head.weight.numel() - 7

    # Those of the papers' implementations without their ImageNet heads (1280 x 1000 + 1000).
    assert count("mobilenetv2") == 3_504_872 - 1_281_000
    assert count("efficientnet-b0") == 5_288_548 - 1_281_000


@pytest.mark.parametrize(("name", "epochs"), [*((n, 5) for n in CONFIGS), ("vgg16", 3)])
def test_the_base_is_frozen_first_and_learns_then(
    name: str,
    epochs: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    checkpoint: Callable[[str], str | None],
) -> None:
    recipe = load_recipe(name)
    begin, states = recipe.begin_epoch, []

    def begin_epoch(network: Any, epoch: int, epochs: int) -> None:
        states.append({key: value.clone() for key, value in network.state_dict().items()})
        begin(network, epoch, epochs)

    monkeypatch.setattr(recipe, "begin_epoch", begin_epoch)
    trained = train(
        recipe, tmp_path / "run", epochs=epochs, learning_rate=1e-2, checkpoint=checkpoint(name)
    )
    start, thawed, later = states[:3]
    base = {key for key in start if key.startswith(("base.", "features."))}
    moved = {key for key in start if not torch.equal(start[key], thawed[key])}
    assert not moved & base
    assert moved >= {"head.weight", "head.bias"}
    moved = {key for key in base if not torch.equal(thawed[key], later[key])}
    if name == "vgg16":
        assert {int(key.split(".")[1]) for key in moved} == {24, 26, 28}
    else:
        assert len(moved) > 0.9 * len(base)
        norms = {key for key in base if "running_mean" in key}
        assert norms <= moved
    assert not any(p.requires_grad for p in trained.network.parameters())


def random_hdf5(path: Path) -> dict[str, np.ndarray]:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    rng = np.random.default_rng(0)
    weights = {
        key: (rng.random(shape) * 0.2 + 0.1).astype(np.float32)
        for key, shape in keras_import.expected_shapes().items()
    }
    with h5py.File(path, "w") as file:
        for key, array in weights.items():
            file[f"model_weights/{key}"] = array
    return weights


def test_mini_xception_goes_on_from_published_weights_gently(tmp_path: Path) -> None:
    file = tmp_path / "published.hdf5"
    weights = random_hdf5(file)
    recipe = load_recipe("mini-xception")
    network = recipe.network(7, Settings(checkpoint=str(file)))
    bias = weights["conv2d_7/conv2d_7_1/bias:0"]
    np.testing.assert_array_equal(network.head.bias.detach(), bias)
    train(recipe, tmp_path / "run", epochs=1, checkpoint=str(file))
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["emoscope_schedule"]["learning_rate"] == 1e-4
    train(recipe, tmp_path / "chosen", epochs=1, checkpoint=str(file), learning_rate=5e-4)
    last = torch.load(tmp_path / "chosen" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["emoscope_schedule"]["learning_rate"] == 5e-4


def test_mini_xception_names_the_file_that_it_cannot_read(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="h5py is not installed")
    recipe = load_recipe("mini-xception")
    missing, other = tmp_path / "missing.hdf5", tmp_path / "other.hdf5"
    with pytest.raises(ModelError, match=r"missing\.hdf5: cannot be read \(No such file") as error:
        recipe.network(7, Settings(checkpoint=str(missing)))
    assert "--checkpoint" in str(error.value)
    other.write_bytes(b"something else")
    with pytest.raises(ModelIntegrityError, match=r"other\.hdf5: not a readable Keras \.hdf5"):
        recipe.network(7, Settings(checkpoint=str(other)))


@pytest.mark.parametrize("name", TRANSFERS)
def test_weights_that_cannot_be_had_are_one_line_with_advice(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(name)
    monkeypatch.setattr(type(recipe), "checkpoint", "emoscope-tests/no-such-model")
    with pytest.raises(ModelUnavailableError) as error:
        recipe.network(7, Settings())
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith("emoscope-tests/no-such-model: no pretrained weights")
    assert "--checkpoint" in text
    assert text.endswith("--from-scratch")


def test_vgg16_takes_a_file_or_a_folder(
    tmp_path: Path, checkpoint: Callable[[str], str | None]
) -> None:
    folder = checkpoint("vgg16")
    assert folder is not None
    recipe = load_recipe("vgg16")
    made = [
        recipe.network(7, Settings(checkpoint=chosen))
        for chosen in (folder, f"{folder}/model.safetensors")
    ]
    states = [network.features.state_dict() for network in made]
    assert all(network.pretrained for network in made)
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    with pytest.raises(ModelUnavailableError, match=r"no model\.safetensors there"):
        recipe.network(7, Settings(checkpoint=str(tmp_path)))
