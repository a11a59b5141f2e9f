"""``emoscope live``: what it needs, what it says, what it leaves."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emoscope.errors import SourceError
from emoscope.live import sources

Run = Callable[..., object]


@pytest.fixture
def film(make_video: Callable[..., Path], tmp_path: Path) -> Path:
    """A short film without a face, with sound that is no speech."""
    return make_video(tmp_path / "film.mp4", 1.0, sound=np.zeros(16_000, np.float32))


@pytest.fixture
def no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has neither camera nor microphone."""

    def missing(name: str) -> Callable[..., object]:
        def open_device(spec: str) -> object:
            raise SourceError(f"{name} {spec}", "cannot be opened; give a file or 'off'")

        return open_device

    monkeypatch.setattr(sources, "camera", missing("camera"))
    monkeypatch.setattr(sources, "microphone", missing("microphone"))


def test_files_are_read_to_their_end_with_a_line_each(run: Run, film: Path) -> None:
    ran = run("live", "--no-window", "--camera", film, "--microphone", film)
    assert ran.status == 0
    assert "face none" in ran.out
    assert "voice silent" in ran.out
    assert ran.err == f"emoscope: {film}: it ended\n"


def test_it_ends_when_the_time_is_up(run: Run, film: Path) -> None:
    ran = run("live", "--no-window", "--camera", film, "--microphone", "off", "--seconds", "0.3")
    assert ran.status == 0
    assert ran.err == ""


def test_a_log_has_a_row_per_moment(run: Run, film: Path, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "talk.csv"
    ran = run("live", "--no-window", "--camera", film, "--microphone", film, "--log", log)
    assert ran.status == 0
    with log.open(encoding="utf-8", newline="") as file:
        times = [float(row["time_s"]) for row in csv.DictReader(file)]
    assert times
    assert times == sorted(times)


def test_what_was_read_is_kept_where_that_was_asked_for(
    run: Run, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sqlalchemy")
    from emoscope.history import VARIABLE, History

    kept = tmp_path / "history.db"
    monkeypatch.setenv(VARIABLE, str(kept))
    quiet = ("live", "--no-window", "--camera", film, "--microphone", "off")
    assert run(*quiet).status == 0
    assert not kept.exists()
    ran = run(*quiet, "--history")
    assert ran.status == 0
    assert "kept in your history as number 1" in ran.err
    with History.open() as history:
        assert history.show(1).frames_read > 0


@pytest.mark.usefixtures("no_devices")
def test_a_machine_without_devices_gets_a_line_for_each(run: Run) -> None:
    ran = run("live", "--no-window")
    assert ran.status == 1
    assert ran.err.splitlines() == [
        "emoscope: camera 0: cannot be opened; give a file or 'off'",
        "emoscope: microphone default: cannot be opened; give a file or 'off'",
    ]


@pytest.mark.usefixtures("no_devices")
@pytest.mark.parametrize("option", ["--camera", "--microphone"])
def test_a_device_that_was_named_must_be_there(run: Run, option: str) -> None:
    ran = run("live", "--no-window", option, "7")
    assert ran.status == 1
    (line,) = ran.err.splitlines()
    assert line.endswith("7: cannot be opened; give a file or 'off'")


def test_only_one_usual_device_may_be_missing(
    run: Run, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(spec: str) -> object:
        raise SourceError("microphone", "cannot be opened")

    monkeypatch.setattr(sources, "microphone", missing)
    ran = run("live", "--no-window", "--camera", film)
    assert ran.status == 0
    assert "emoscope: microphone: cannot be opened" in ran.err.splitlines()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--camera", "off", "--microphone", "off"),
        ("--smooth", "-1"),
        ("--detect-every", "0"),
        ("--voice", "never"),
        ("--seconds", "0"),
        ("--min-confidence", "2"),
        ("--log", "table.xlsx", "--camera", "off"),
    ],
)
def test_wrong_usage_is_status_2(run: Run, wrong: tuple[str, ...], tmp_path: Path) -> None:
    ran = run("live", "--no-window", *wrong)
    assert ran.status == 2
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("name", ["missing.mp4", "rtsp://127.0.0.1/stream"])
def test_a_source_that_cannot_be_read_is_one_line(run: Run, name: str) -> None:
    ran = run("live", "--no-window", "--camera", name, "--microphone", "off")
    assert ran.status == 1
    (line,) = ran.err.splitlines()
    assert line.startswith(f"emoscope: {name}: ")


def test_a_log_that_cannot_be_written_is_one_line(run: Run, film: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log = tmp_path / "file" / "log.csv"
    ran = run("live", "--no-window", "--camera", film, "--microphone", "off", "--log", log)
    assert ran.status == 1
    (line,) = ran.err.splitlines()
    assert line.startswith(f"emoscope: {log}: cannot write there")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others always have a display")
def test_without_a_display_it_suggests_no_window(
    run: Run, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pygame")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    ran = run("live", "--camera", film, "--microphone", "off")
    assert ran.status == 1
    (line,) = ran.err.splitlines()
    assert "--no-window" in line


def test_without_pygame_it_says_how_to_install_it(
    run: Run, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    ran = run("live", "--camera", film, "--microphone", "off")
    assert ran.status == 1
    assert ran.err == (
        "emoscope: pygame is not installed; install it with: pip install 'emoscope[live]'\n"
    )
