from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.training.optimise import averaging, parameter_groups  # noqa: E402


class Slow(torch.nn.Module):
    """Its first layer learns at a tenth of the rate."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)

    def rate_of(self, name: str) -> float:
        return 0.1 if name.startswith("low") else 1.0


def test_norms_and_biases_do_not_decay() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    heavy, plain = parameter_groups(network, 0.5)
    assert [tuple(p.shape) for p in heavy["params"]] == [(3, 2)]
    assert "weight_decay" not in heavy
    assert plain["weight_decay"] == 0
    assert len(plain["params"]) == 3
    assert heavy["lr"] == plain["lr"] == 0.5


def test_a_network_says_what_learns_slowly() -> None:
    network = Slow()
    groups = parameter_groups(network, 0.5)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert len(rates) == len(list(network.parameters()))
    for name, parameter in network.named_parameters():
        assert rates[id(parameter)] == pytest.approx(0.05 if name.startswith("low") else 0.5)


def test_an_average_forgets_its_start_and_counts_as_it_is() -> None:
    update = averaging(0.9)
    average, steps = torch.zeros(1), torch.tensor(0)
    for seen in range(200):
        update([average], [torch.full((1,), 4.0)], torch.tensor(seen))
        update([steps], [torch.tensor(seen)], torch.tensor(seen))  # torch sorts them by type
    assert average.item() == pytest.approx(4.0, abs=1e-3)
    assert steps.item() == 199
