from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from emoscope.training.loop import Schedule, fit  # noqa: E402

STEPS = 4


class KilledError(Exception):
    """Stands for the process being killed."""


def network() -> torch.nn.Module:
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8),
        torch.nn.BatchNorm1d(8),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(8, 2),
    )


def batches(epoch: int) -> Iterator[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(epoch)
    for _ in range(STEPS):
        x = torch.randn(16, 4, generator=generator)
        yield {"x": x, "y": (x[:, 0] > 0).long()}


def loss_of(net: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(net(batch["x"]), batch["y"])


def weights(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in net.state_dict().values()])


def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    schedule = Schedule(epochs=2)
    whole = fit(network(), batches, STEPS, loss_of, schedule, tmp_path / "whole")

    def killed(epoch: int) -> Iterator[dict[str, torch.Tensor]]:
        for step, batch in enumerate(batches(epoch)):
            if epoch == 1 and step == 2:
                raise KilledError
            yield batch

    with pytest.raises(KilledError):
        fit(network(), killed, STEPS, loss_of, schedule, tmp_path / "cut")
    torch.manual_seed(99)  # another process
    resumed = fit(network(), batches, STEPS, loss_of, schedule, tmp_path / "cut")
    assert torch.equal(weights(whole), weights(resumed))
    assert not torch.equal(weights(whole), weights(network()))
    curves = [json.loads(line) for line in (tmp_path / "cut/curves.jsonl").open()]
    assert [record["epoch"] for record in curves] == [1, 2]


def test_a_finished_run_only_gives_its_average(tmp_path: Path) -> None:
    schedule = Schedule(epochs=1)
    done = fit(network(), batches, STEPS, loss_of, schedule, tmp_path)

    def never(epoch: int) -> Iterator[dict[str, torch.Tensor]]:
        raise AssertionError("a finished run must not learn")

    again = fit(network(), never, STEPS, loss_of, schedule, tmp_path)
    assert torch.equal(weights(done), weights(again))
    assert not again.training


def test_another_schedule_is_refused(tmp_path: Path) -> None:
    fit(network(), batches, STEPS, loss_of, Schedule(epochs=1), tmp_path)
    with pytest.raises(ValueError, match="another schedule"):
        fit(network(), batches, STEPS, loss_of, Schedule(epochs=2), tmp_path)


def test_it_learns_and_measures_the_average(tmp_path: Path) -> None:
    seen: list[dict[str, float]] = []

    def measure(net: torch.nn.Module) -> dict[str, float]:
        assert not net.training
        batch = next(batches(1000))
        return {"right": float((net(batch["x"]).argmax(1) == batch["y"]).float().mean())}

    schedule = Schedule(epochs=25, learning_rate=0.03)
    fit(network(), batches, STEPS, loss_of, schedule, tmp_path, measure=measure, report=seen.append)
    assert seen[-1]["loss"] < 0.8 * seen[0]["loss"]
    assert seen[-1]["right"] >= 0.75


def test_the_rate_rises_and_falls() -> None:
    schedule = Schedule(epochs=1, learning_rate=1.0, warmup=0.1)
    assert schedule.rate_at(0.05) == pytest.approx(0.5)
    assert schedule.rate_at(0.1) == pytest.approx(1.0)
    assert schedule.rate_at(0.55) == pytest.approx(0.5)
    assert schedule.rate_at(1.0) == pytest.approx(0.0)
    assert schedule.rate_at(0.0) > 0
