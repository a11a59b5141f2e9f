"""Decoding in a process that may die: the same results, and every death costs one medium."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope.errors import (
    AnalysisCancelledError,
    CorruptMediaError,
    MediaLimitError,
    MediaNotFoundError,
    UnsupportedMediaError,
)
from emoscope.export.formats import Format
from emoscope.guard.pool import DecodePool
from emoscope.guard.process import DecodeProcess
from emoscope.media import Limits

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


def busy_pid(pool: DecodePool) -> int:
    """The process that decodes now; the tests have one."""
    (process,) = pool._busy
    return process.pid


def read_all(
    pool: DecodePool, path: Path | bytes, meanwhile: Callable[[int], None], **options: Any
) -> None:
    """Decode a medium; what happens meanwhile is told the number of the process."""
    with pool.open(path, **options) as media:
        meanwhile(busy_pid(pool))
        for _ in media.read(10.0):
            pass


def test_results_are_those_of_the_analyzer(make_guard, analyzer, picture, film, make_wav, tmp_path):
    speech = np.concatenate([np.zeros(8000), 0.4 * np.sin(np.arange(24_000) / 20), np.zeros(8000)])
    sound = make_wav(tmp_path / "sound.wav", speech)
    guard = make_guard()
    for medium in (picture, film, sound):
        assert guard.analyze(medium) == analyzer.analyze(medium)
    assert guard.pool.restarts == 0


@pytest.mark.slow
def test_results_are_those_of_the_analyzer_on_real_media(make_guard, analyzer, shared_dir):
    guard = make_guard(limits=Limits())
    for medium in sorted((shared_dir / "media").iterdir()):
        assert guard.analyze(medium) == analyzer.analyze(medium)


def test_a_name_stands_for_the_path(make_guard, picture, tmp_path):
    guard = make_guard()
    assert guard.analyze(picture, name="holiday.png").source == "holiday.png"
    with pytest.raises(MediaNotFoundError, match=r"^holiday.png: ") as caught:
        guard.analyze(tmp_path / "none", name="holiday.png")
    assert str(tmp_path) not in str(caught.value)


def test_progress_is_told(make_guard, film):
    seen: list[tuple[float, float | None]] = []
    make_guard().analyze(film, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == pytest.approx(2.0, abs=0.2)
    assert seen[-1][1] == pytest.approx(2.0, abs=0.1)


def test_typed_errors_cross_over_and_cost_no_process(
    make_guard, make_picture, picture, limits, tmp_path
):
    guard = make_guard()
    text = tmp_path / "text.txt"
    text.write_text("words")
    empty = tmp_path / "empty.png"
    empty.touch()
    large = make_picture(tmp_path / "large.png", 2001, 1000)
    with pytest.raises(UnsupportedMediaError):
        guard.analyze(text)
    with pytest.raises(CorruptMediaError, match="empty"):
        guard.analyze(empty)
    with pytest.raises(MediaLimitError, match="pixels") as caught:
        guard.analyze(large)
    assert caught.value.limit == limits.max_pixels
    guard.analyze(picture)
    assert guard.pool.restarts == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux keeps memory limits")
def test_memory_is_limited(make_guard, make_picture, picture, tmp_path):
    guard = make_guard(memory_bytes=48 << 20, limits=Limits())
    bomb = make_picture(tmp_path / "bomb.png", 6000, 6000)
    assert bomb.stat().st_size < 4 << 20
    with pytest.raises((MediaLimitError, CorruptMediaError)):
        guard.analyze(bomb)
    guard.analyze(picture)


@posix
@pytest.mark.parametrize("how", ["SIGSEGV", "SIGKILL", "SIGABRT"])
def test_a_crash_costs_one_medium(make_guard, film, how):
    guard = make_guard()
    with pytest.raises(CorruptMediaError, match=f"crashed on it \\({how}\\)"):
        read_all(guard.pool, film, lambda pid: os.kill(pid, getattr(signal, how)))
    assert guard.pool.restarts == 1
    guard.analyze(film)
    assert guard.pool.restarts == 1


@posix
def test_one_that_hangs_is_ended(make_guard, film):
    guard = make_guard(timeout_s=0.5)
    guard.pool.start()
    with pytest.raises(MediaLimitError, match=r"longer than 0\.5 s"):
        read_all(guard.pool, film, lambda pid: os.kill(pid, signal.SIGSTOP))


def test_our_own_time_does_not_count(make_guard, film):
    guard = make_guard(timeout_s=5.0)
    with guard.pool.open(film) as media:
        process = next(iter(guard.pool._busy))
        process.look_after(now=1e12)  # nobody waits for it
        assert list(media.read(10.0))
        assert media.waited_s < 5.0


@posix
def test_what_is_wanted_no_more_ends_at_once(make_guard, film):
    guard = make_guard()
    cancel = threading.Event()

    def stop(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(0.1, cancel.set).start()

    with pytest.raises(AnalysisCancelledError):
        read_all(guard.pool, film, stop, cancelled=cancel.is_set)
    guard.analyze(film)


def test_cancelled_before_its_turn(make_guard, film):
    guard = make_guard()
    with guard.pool.open(film), pytest.raises(AnalysisCancelledError):
        guard.analyze(film, cancelled=lambda: True)


def test_an_abandoned_reading_is_replaced(make_guard, film, picture):
    guard = make_guard()
    with guard.pool.open(film) as media:
        next(iter(media.read(10.0)))
    assert guard.pool.restarts == 1
    assert guard.analyze(picture).kind == "image"


def test_facts_alone_cost_no_process(make_guard, film):
    guard = make_guard()
    for _ in range(3):
        with guard.pool.open(film) as media:
            assert media.kind == "video"
            assert media.size_px == (160, 120)
            assert media.has_sound
    assert guard.pool.restarts == 0


def test_facts_of_a_picture_cost_no_process(make_guard, picture, tmp_path):
    """Its pixels come with them, or what is wrong with them."""
    broken = tmp_path / "broken.png"
    data = picture.read_bytes()
    middle = len(data) // 2
    broken.write_bytes(data[:middle] + b"\0" * 20 + data[middle + 20 :])
    guard = make_guard()
    for _ in range(2):
        for medium in (picture, broken):
            with guard.pool.open(medium) as media:
                assert media.kind == "image"
                assert media.size_px == (160, 120)
    with guard.pool.open(broken) as media, pytest.raises(CorruptMediaError, match="damaged"):
        list(media.read())
    assert guard.pool.restarts == 0


def test_what_is_in_memory_is_read_like_a_file(make_guard, analyzer, picture, film):
    guard = make_guard()
    for medium in (picture, film):
        with guard.pool.open(medium.read_bytes(), name=str(medium)) as media:
            assert analyzer.analyze_media(media) == analyzer.analyze(medium)
    with pytest.raises(UnsupportedMediaError, match=r"^a\.png: holds text"):
        read_all(guard.pool, b"no picture", lambda pid: None, name="a.png")
    with pytest.raises(CorruptMediaError, match="empty"):
        read_all(guard.pool, b"", lambda pid: None)
    assert guard.pool.restarts == 0


@posix
def test_one_that_does_not_take_what_it_is_given_is_ended(make_guard, picture):
    guard = make_guard(timeout_s=0.5)
    guard.analyze(picture)
    (idle,) = guard.pool._free
    os.kill(idle.pid, signal.SIGSTOP)
    with pytest.raises(MediaLimitError, match=r"longer than 0\.5 s"):
        read_all(guard.pool, b"\0" * 4_000_000, lambda pid: None)
    assert guard.analyze(picture).kind == "image"


def test_a_child_that_died_idle_is_replaced_unseen(make_guard, picture):
    guard = make_guard()
    guard.analyze(picture)
    (idle,) = guard.pool._free
    idle.end("closed")
    idle._process.wait()
    guard.analyze(picture)
    assert guard.pool.restarts == 1


def test_several_at_a_time(make_guard, film, analyzer):
    guard = make_guard(children=2)
    found = []
    threads = [threading.Thread(target=lambda: found.append(guard.analyze(film))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [analyzer.analyze(film)] * 6


def test_closing_ends_what_runs(make_guard, film):
    guard = make_guard()
    with pytest.raises(AnalysisCancelledError):
        read_all(guard.pool, film, lambda pid: guard.close())
    with pytest.raises(AnalysisCancelledError, match="shut down"):
        guard.analyze(film)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_child_is_confined_and_sees_no_keys(monkeypatch):
    monkeypatch.setenv("EMOSCOPE_SECRET", "hush")
    process = DecodeProcess(256 << 20)
    try:
        process.wait_ready()
        folder = Path(f"/proc/{process.pid}")
        assert b"hush" not in (folder / "environ").read_bytes()
        limits = (folder / "limits").read_text()
        rows = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
        assert rows["Max core file size"] == ["0", "0"]
        assert rows["Max open files"] == ["64", "64"]
        assert rows["Max file size"][0] == "0"
        soft, hard = rows["Max address space"]
        assert soft == hard
        assert int(soft) < 3 << 30
        assert "onnxruntime" not in (folder / "maps").read_text()
        assert len(list((folder / "fd").iterdir())) < 12
    finally:
        process.close()


def test_the_child_ends_with_its_parent(tmp_path):
    process = DecodeProcess(256 << 20)
    process.wait_ready()
    process._requests.close()  # as when the parent is killed
    assert process._process.wait(10) == 0
    process.close()


def test_annotated_media_are_drawn_apart(make_guard, analyzer, film, tmp_path):
    guard = make_guard()
    analysis = guard.analyze(film)
    out = tmp_path / "out.mp4"
    steps: list[float] = []
    guard.pool.annotate(
        film,
        analysis,
        out,
        out_bytes=1 << 24,
        name="film.mp4",
        progress=lambda done, total: steps.append(done),
    )
    assert analyzer.analyze(out).duration_s == pytest.approx(2.0, abs=0.2)
    assert steps
    assert Format.ANNOTATED.applies_to(analysis)
    with pytest.raises(OSError, match="too large"):
        guard.pool.annotate(film, analysis, tmp_path / "b.mp4", out_bytes=100, name="film.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "out.mp4"]
    guard.analyze(film)
    assert guard.pool.restarts == 0
