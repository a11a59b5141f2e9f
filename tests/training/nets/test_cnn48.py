from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.training.nets.cnn48 import PUBLISHED_WIDTHS, Cnn48  # noqa: E402


def test_the_published_width_has_the_published_number_of_parameters() -> None:
    network = Cnn48(7, PUBLISHED_WIDTHS)
    trainable = sum(p.numel() for p in network.parameters())
    statistics = sum(b.numel() for b in network.buffers() if b.ndim)
    assert (trainable, statistics) == (4_474_759, 3_968)


def test_crops_of_any_dtype_give_an_embedding_and_logits() -> None:
    network = Cnn48(5).eval()
    crops = torch.randint(0, 256, (3, 48, 48), dtype=torch.uint8)
    embedding = network.embed(crops)
    assert embedding.shape == (3, 512)
    assert network.answer(embedding).shape == (3, 5)
    torch.testing.assert_close(network.embed(crops.float()), embedding)


def test_dropout_is_for_learning_only() -> None:
    torch.manual_seed(0)
    network, crops = Cnn48(7), torch.rand(4, 48, 48) * 255
    embedding = network.eval().embed(crops)
    assert torch.equal(network.answer(embedding), network.answer(embedding))
    network.train()
    assert not torch.equal(network.answer(embedding), network.answer(embedding))
