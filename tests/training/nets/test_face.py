from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.nn import functional as F  # noqa: E402

from emoscope.training.nets.face import SIDE, FaceNet, SameConv  # noqa: E402

NARROW = (4, 6, 8, 8, 10)


def network() -> FaceNet:
    torch.manual_seed(0)
    return FaceNet(widths=NARROW)


def crops(n: int = 5, side: int = 48) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(n, 1, 6, 6, generator=generator) * 255
    return F.interpolate(coarse, (side, side), mode="bilinear")[:, 0]


@pytest.mark.parametrize("side", [6, 7, 12])
@pytest.mark.parametrize("groups", [1, 4])
def test_a_stride_is_the_same_while_learning_and_after(side: int, groups: int) -> None:
    torch.manual_seed(0)
    conv = SameConv(4, 4, stride=2, groups=groups)
    x = torch.randn(2, 4, side, side)
    learning = conv.train()(x)
    torch.testing.assert_close(conv.eval()(x), learning)
    assert learning.shape[2] == (side + 1) // 2


def test_padding_is_at_the_end_as_tensorflow_has_it() -> None:
    conv = SameConv(1, 1, stride=2)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 0, 0] = 1  # takes the value at the upper left of each window
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert conv(x)[0, 0].tolist() == [[0.0, 2.0], [8.0, 10.0]]


def test_crops_of_any_size_and_dtype_are_enlarged_alike() -> None:
    seen = FaceNet.prepare(crops().byte())
    assert seen.shape == (5, 1, SIDE, SIDE)
    assert seen.mean((1, 2, 3)).abs().max() < 1e-3
    torch.testing.assert_close(FaceNet.prepare(crops().byte().float()), seen)
    larger = F.interpolate(crops()[:, None], (SIDE, SIDE), mode="bilinear")[:, 0]
    torch.testing.assert_close(FaceNet.prepare(larger), FaceNet.prepare(crops()))


def test_exposure_is_no_cue_and_a_flat_crop_is_nothing() -> None:
    dim = FaceNet.prepare(crops() * 0.5)
    assert (dim - FaceNet.prepare(crops())).abs().max() < 0.1 * FaceNet.prepare(crops()).abs().max()
    assert FaceNet.prepare(torch.full((1, 48, 48), 90.0)).abs().max() < 1e-3


def test_settled_norms_change_no_answer_and_know_the_crops() -> None:
    net = network()
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.bias.data.uniform_(-0.5, 0.5)
            part.weight.data.uniform_(0.01, 0.03)
    before = net.eval().embed(crops())
    net.settle_norms(crops())
    torch.testing.assert_close(net.embed(crops()), before, rtol=1e-3, atol=1e-4)
    # Learning goes on from there: with the same crops, a batch's own statistics are those.
    torch.testing.assert_close(net.train().embed(crops()), before, rtol=1e-2, atol=1e-3)


def test_folded_norms_change_no_answer() -> None:
    net = network()
    net.settle_norms(crops(n=8))
    before = net.eval().embed(crops())
    net.fold_norms()
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in net.modules())
    torch.testing.assert_close(net.embed(crops()), before, rtol=1e-4, atol=1e-5)


def test_the_bottom_stays_as_it_is() -> None:
    net = network()
    net.train()
    net.freeze_bottom()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net(crops())[0].sum().backward()
    moved = {name for name, p in net.named_parameters() if p.grad is not None}
    assert not any(name.startswith(("stem.", "blocks.0.", "blocks.1.")) for name in moved)
    assert {"blocks.2.depthwise.weight", "label_head.weight"} <= moved
    now = net.state_dict()
    counted = {name for name in now if not torch.equal(now[name], before[name])}
    assert counted
    assert not any(name.startswith(("stem.", "blocks.0.", "blocks.1.")) for name in counted)


def test_what_knows_much_learns_slowly() -> None:
    net = network()
    assert {net.rate_of(name) for name, _ in net.named_parameters()} == {1.0}
    net.pretrained = True
    rates = [net.rate_of(name) for name in ("stem.0.weight", "blocks.0.norm1.bias")]
    rates += [net.rate_of(name) for name in ("blocks.3.pointwise.weight", "vote_head.bias")]
    assert rates == sorted(rates)
    assert len(set(rates)) == 4


def test_people_are_answered_and_the_label_is_beside_it() -> None:
    net = network().eval()
    net.label_temperature.fill_(0.5)
    labels, votes, embedding = net(crops())
    assert votes.shape == (5, 8)
    torch.testing.assert_close(net.answer(embedding), votes[:, :7])  # without contempt
    torch.testing.assert_close(net.label_answer(embedding), 2 * labels)


def test_the_labels_temperature_is_no_part_of_a_checkpoint() -> None:
    net = network()
    net.label_temperature.fill_(3.0)
    state = net.state_dict()
    assert "label_temperature" not in state
    fresh = FaceNet(widths=NARROW)
    fresh.load_state_dict(state)  # strict: as checkpoints of before have it
    assert fresh.label_temperature == 1.0
