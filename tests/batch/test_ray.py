"""The same work on a Ray cluster of this machine; one for all tests here, which takes a while."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emoscope.batch import run
from emoscope.errors import BatchError

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    ray.shutdown()


def rows(path: Path) -> list[str]:
    return sorted(map(str, pq.read_table(path).to_pylist()))


def test_a_cluster_gives_the_same_rows_keeps_errors_and_goes_on(
    files: Callable, settings: Callable, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    media = files(9, broken="damaged", killer="die", sleeper="hang")
    told = settings(timeout_s=5)
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    local = run([str(media)], here, told, workers=2)
    capfd.readouterr()
    summary = run([str(media)], there, told, workers=2, ray="local")
    assert summary.failed == local.failed == {"crashed": 1, "damaged": 1, "timed out": 1}
    assert rows(there) == rows(here)
    assert not ray.is_initialized()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert capfd.readouterr().err == ""
    (media / "0001.txt.jpg").write_text("read 6")
    (media / "new.jpg").write_text("read 6")
    again = run([str(media)], there, told, workers=1, ray="local", resume=True)
    assert (again.files, again.done, again.before) == (13, 10, 11)
    assert len(rows(there)) == 10 * 3 + 3


def test_a_running_cluster_is_used_and_left_running(
    files: Callable, settings: Callable, tmp_path: Path
) -> None:
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    summary = run([str(files(3))], tmp_path / "all.parquet", settings(), ray="auto")
    assert summary.done == 3
    assert ray.is_initialized()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "first.jpg").write_text("unknown")
    with pytest.raises(BatchError, match="no model is called"):
        run([str(tmp_path / "other")], tmp_path / "other.parquet", settings(), ray="auto")


def test_a_cluster_that_is_not_there_is_one_line(
    files: Callable, settings: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(BatchError, match="no Ray cluster can be reached"):
        run([str(files(1))], tmp_path / "all.parquet", settings(), ray="auto")
