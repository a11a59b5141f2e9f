from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")

from safetensors.torch import save_file  # noqa: E402

from emoscope.errors import ModelIntegrityError, ModelUnavailableError  # noqa: E402
from emoscope.training.nets import vgg16  # noqa: E402
from emoscope.training.nets.vgg16 import Vgg16, load_convolutions  # noqa: E402

# Where torchvision's VGG16 has its convolutions.
CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vgg16, "BLOCKS", tuple((4,) * len(block) for block in vgg16.BLOCKS))


def test_the_convolutions_are_those_of_vgg16() -> None:
    with torch.device("meta"):
        network = Vgg16(7)
    # As Keras prints for VGG16 without its top.
    assert sum(p.numel() for p in network.features.parameters()) == 14_714_688
    names = {name for name, _ in network.features.named_parameters()}
    assert names == {f"{n}.{kind}" for n in CONVOLUTIONS for kind in ("weight", "bias")}


@pytest.mark.usefixtures("narrow")
def test_small_crops_give_an_embedding_and_logits() -> None:
    network = Vgg16(5).eval()
    embedding = network.embed(torch.randint(0, 256, (3, 48, 48), dtype=torch.uint8))
    assert embedding.shape == (3, 256)
    assert network.answer(embedding).shape == (3, 5)


def arrays(network: Vgg16) -> dict[str, torch.Tensor]:
    """As timm keeps them: the convolutions, and what is above them."""
    made = {
        f"features.{name}": value.clone() for name, value in network.features.state_dict().items()
    }
    return made | {"head.fc.weight": torch.zeros(10, 4)}


@pytest.mark.usefixtures("narrow")
def test_pretrained_convolutions_are_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    there, network = Vgg16(7), Vgg16(7)
    save_file(arrays(there), tmp_path / "model.safetensors")
    assert not network.pretrained
    load_convolutions(network, str(tmp_path / "model.safetensors"))
    assert network.pretrained
    for name, value in there.features.state_dict().items():
        assert torch.equal(network.features.state_dict()[name], value)


@pytest.mark.usefixtures("narrow")
def test_other_files_are_refused(tmp_path: Path) -> None:
    network, file = Vgg16(7), tmp_path / "model.safetensors"
    with pytest.raises(ModelUnavailableError, match=r"model.safetensors: not a readable"):
        load_convolutions(network, str(file))
    file.write_bytes(b"\x80\x04pickled")
    with pytest.raises(ModelUnavailableError, match=r"--checkpoint, or start .* --from-scratch$"):
        load_convolutions(network, str(file))
    lacking = arrays(network)
    del lacking["features.28.bias"]
    save_file(lacking, file)
    with pytest.raises(ModelIntegrityError, match=r"it lacks features\.28\.bias"):
        load_convolutions(network, str(file))
    save_file(arrays(network) | {"features.5.weight": torch.zeros(4, 4, 5, 5)}, file)
    with pytest.raises(
        ModelIntegrityError, match=r"should be \(4, 4, 3, 3\), it is \(4, 4, 5, 5\)"
    ):
        load_convolutions(network, str(file))
    assert not network.pretrained


@pytest.mark.usefixtures("narrow")
def test_frozen_layers_do_not_learn_unless_they_are_random() -> None:
    network = Vgg16(7)

    def learning() -> set[int]:
        named = network.features.named_parameters()
        return {int(name.split(".")[0]) for name, p in named if p.requires_grad}

    network.learn_from(vgg16.BLOCK_5)
    assert learning() == set(CONVOLUTIONS)
    network.pretrained = True
    network.learn_from(vgg16.BLOCK_5)
    assert learning() == {24, 26, 28}
    network.learn_from(len(network.features))
    assert learning() == set()
    assert network.dense[0].weight.requires_grad
