from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("lightning", reason="lightning is not installed")

from emoscope.errors import ModelError  # noqa: E402
from emoscope.training.loop import Schedule, fit, precision_of  # noqa: E402
from emoscope.training.recipe import Settings  # noqa: E402

CPU = Settings(accelerator="cpu")
AVERAGED = Schedule(epochs=3, batch_size=16, average=0.9, autocast=False)
STOPPING = Schedule(epochs=4, batch_size=16, patience=2, autocast=False)


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


class Lesson:
    """Tells whether the first of four numbers is positive."""

    def __init__(self, killed_at: tuple[int, int] | None = None, right: bool = True) -> None:
        self.killed_at, self.right = killed_at, right
        self.begun: list[tuple[int, int]] = []

    def steps(self, batch_size: int) -> int:
        return 64 // batch_size

    def batches(self, epoch: int, batch_size: int, seed: int) -> Iterator[dict[str, torch.Tensor]]:
        generator = torch.Generator().manual_seed(seed * 1000 + epoch)
        for step in range(self.steps(batch_size)):
            if self.killed_at == (epoch, step):
                raise KilledError
            yield self._batch(batch_size, generator)

    def held_batches(self) -> Iterator[dict[str, torch.Tensor]]:
        generator = torch.Generator().manual_seed(99)
        for _ in range(2):
            yield self._batch(32, generator)

    def loss(self, net: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        wrong = batch["label"] if self.right else 1 - batch["label"]
        return torch.nn.functional.cross_entropy(net(batch["x"]), wrong)

    def logits(self, net: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        answer: torch.Tensor = net(batch["x"])
        return answer

    def begin_epoch(self, net: torch.nn.Module, epoch: int, epochs: int) -> None:
        self.begun.append((epoch, epochs))

    @staticmethod
    def _batch(size: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
        x = torch.randn(size, 4, generator=generator)
        return {"x": x, "label": (x[:, 0] > 0).long()}


def weights(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in net.state_dict().values()])


def curves(run: Path) -> list[dict[str, str]]:
    with (run / "curves.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize("schedule", [AVERAGED, STOPPING], ids=["averaged", "stopping"])
@pytest.mark.parametrize("killed_at", [(0, 2), (1, 0), (2, 3)])
def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(
    tmp_path: Path, schedule: Schedule, killed_at: tuple[int, int]
) -> None:
    whole = fit(network(), Lesson(), schedule, tmp_path / "whole", CPU)
    with pytest.raises(KilledError):
        fit(network(), Lesson(killed_at), schedule, tmp_path / "cut", CPU)
    torch.manual_seed(99)  # another process
    resumed = fit(network(), Lesson(), schedule, tmp_path / "cut", CPU)
    assert torch.equal(weights(whole), weights(resumed))
    assert curves(tmp_path / "whole") == curves(tmp_path / "cut")


def test_one_seed_gives_one_network_and_another_seed_another(tmp_path: Path) -> None:
    made = [
        weights(fit(network(), Lesson(), replace(AVERAGED, seed=seed), tmp_path / str(n), CPU))
        for n, seed in enumerate((5, 5, 6))
    ]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = fit(network(), Lesson(), AVERAGED, tmp_path, CPU)
    lesson = Lesson()
    second = fit(network(), lesson, AVERAGED, tmp_path, CPU)
    assert torch.equal(weights(first), weights(second))
    assert not lesson.begun


def test_it_learns_and_says_how_far_it_is(tmp_path: Path) -> None:
    schedule = replace(STOPPING, epochs=30, learning_rate=0.02, patience=30)
    lesson = Lesson()
    net = fit(network(), lesson, schedule, tmp_path, CPU)
    rows = curves(tmp_path)
    assert [int(row["epoch"]) for row in rows] == list(range(1, 31))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert lesson.begun == [(epoch, 30) for epoch in range(30)]
    assert list((tmp_path / "tensorboard").glob("events*"))
    batch = next(lesson.held_batches())
    assert not net.training
    assert (net(batch["x"]).argmax(1) == batch["label"]).float().mean() > 0.9


def test_it_stops_when_the_held_part_gets_worse_and_keeps_the_best(tmp_path: Path) -> None:
    # What it learns is wrong, so that the first epoch is the best on the part held back.
    schedule = replace(STOPPING, epochs=50, learning_rate=0.02, cosine=False, warmup=0.0)
    net = fit(network(), Lesson(right=False), schedule, tmp_path, CPU)
    rows = curves(tmp_path)
    assert len(rows) == 1 + 2
    held = list(Lesson().held_batches())
    x, label = (torch.cat([batch[key] for batch in held]) for key in ("x", "label"))
    loss = float(torch.nn.functional.cross_entropy(net(x), label))
    assert loss == pytest.approx(float(rows[0]["held_loss"]), abs=1e-6)


def test_another_schedule_is_not_resumed(tmp_path: Path) -> None:
    fit(network(), Lesson(), AVERAGED, tmp_path, CPU)
    with pytest.raises(ModelError, match="another schedule \\(epochs 3\\)"):
        fit(network(), Lesson(), replace(AVERAGED, epochs=4), tmp_path, CPU)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match="not a checkpoint"):
        fit(network(), Lesson(), AVERAGED, tmp_path, CPU)


def test_a_loss_that_is_no_number_says_what_to_do(tmp_path: Path) -> None:
    class Broken(Lesson):
        def loss(self, net: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            return super().loss(net, batch) * float("nan")

    with pytest.raises(ModelError, match="--learning-rate"):
        fit(network(), Broken(), AVERAGED, tmp_path, CPU)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(accelerator="abacus"),
        Settings(accelerator="cpu", precision="3-true"),
        Settings(accelerator="cpu", strategy="hope"),
    ],
)
def test_a_device_that_is_not_there_is_one_line(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(ModelError, match="cannot train with accelerator") as error:
        fit(network(), Lesson(), AVERAGED, tmp_path, settings)
    assert "\n" not in str(error.value)


def test_settings_override_the_recipes_schedule() -> None:
    made = STOPPING.with_settings(Settings(epochs=9, learning_rate=0.5, seed=4))
    assert made == replace(STOPPING, epochs=9, learning_rate=0.5, seed=4)


def test_the_rate_rises_then_falls_along_a_cosine() -> None:
    schedule = Schedule(epochs=1, warmup=0.1)
    rates = [schedule.rate_at(progress / 1000) for progress in range(1001)]
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) == 100
    assert all(a >= b for a, b in itertools.pairwise(rates[100:]))
    assert rates[-1] == pytest.approx(0.0, abs=1e-9)
    assert rates[550] == pytest.approx(0.5, abs=1e-3)


def test_precision_is_what_was_asked_for() -> None:
    assert precision_of("32-true", "cpu", autocast=True) == "32-true"
    assert precision_of("auto", "cpu", autocast=False) == "32-true"


@pytest.mark.parametrize(("units", "wanted"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bfloat16_is_taken_where_there_are_matrix_units(
    monkeypatch: pytest.MonkeyPatch, units: bool, wanted: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: units)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)  # of no use alone
    assert precision_of("auto", "cpu", autocast=True) == wanted
