from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emoscope.errors import (
    ModelError,
    ModelIntegrityError,
    ModelUnavailableError,
    UnknownModelError,
)
from emoscope.models import store
from emoscope.models.catalog import ModelSpec

Publish = Callable[..., ModelSpec]


def cached() -> Path:
    return store.cache_dir() / "sample" / "sample.onnx"


def leftovers() -> list[str]:
    return [p.name for p in store.cache_dir().rglob("*") if p.is_file()]


# --- where ---


def test_the_cache_moves_with_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMOSCOPE_CACHE", str(tmp_path / "here"))
    assert store.cache_dir() == tmp_path / "here"
    monkeypatch.delenv("EMOSCOPE_CACHE")
    assert store.cache_dir().name == "emoscope"
    assert store.cache_dir().is_absolute()


@pytest.mark.parametrize(
    ("value", "offline"), [("1", True), ("yes", True), ("0", False), ("", False), ("False", False)]
)
def test_offline_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, offline: bool
) -> None:
    monkeypatch.setenv("EMOSCOPE_OFFLINE", value)
    assert store.is_offline() is offline


@pytest.mark.parametrize(
    "function",
    [store.path_of, store.fetch, store.try_fetch, store.verify, store.is_available],
)
def test_unknown_names(function: Callable[[str], Any]) -> None:
    with pytest.raises(UnknownModelError, match="known are"):
        function("nothing")


# --- downloads ---


def test_a_download_is_checked_stored_and_reused(
    server: Any, publish: Publish, content: bytes
) -> None:
    publish(server.address("good"))
    seen: list[tuple[int, int]] = []
    assert not store.is_available("sample")
    path = store.fetch("sample", progress=lambda done, total: seen.append((done, total)))
    assert path == cached()
    assert path.read_bytes() == content
    assert leftovers() == ["sample.onnx"]
    done = [pair[0] for pair in seen]
    assert done == sorted(done)
    assert len(done) > 1
    assert seen[-1] == (len(content), len(content))
    assert store.is_available("sample")
    assert store.path_of("sample") == store.fetch("sample") == store.try_fetch("sample") == path
    assert server.requests == 1


def test_path_of_fetches_only_when_asked(server: Any, publish: Publish) -> None:
    publish(server.address("good"))
    with pytest.raises(ModelUnavailableError, match=r"fetch it with: emoscope models fetch sample"):
        store.path_of("sample")
    assert server.requests == 0
    assert store.path_of("sample", fetch=True) == cached()


@pytest.mark.parametrize(
    ("behaviour", "error", "message"),
    [
        ("wrong", ModelIntegrityError, "wrong: not the published sample.onnx: expected 262144"),
        ("endless", ModelIntegrityError, "endless: not the published sample.onnx"),
        ("missing", ModelUnavailableError, "the server answered 404"),
        ("truncated", ModelUnavailableError, "the connection broke off"),
    ],
)
def test_bad_downloads_leave_nothing(
    server: Any, publish: Publish, behaviour: str, error: type[Exception], message: str
) -> None:
    publish(server.address(behaviour))
    with pytest.raises(error, match=message) as caught:
        store.fetch("sample")
    assert "\n" not in str(caught.value)
    assert leftovers() == []
    assert not store.is_available("sample")
    assert server.requests == 1  # no second attempt


def refused_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/x"


def test_connection_refused(server: Any, publish: Publish) -> None:
    publish(refused_address())
    with pytest.raises(ModelUnavailableError, match=r"cannot reach http://127.*--from FILE"):
        store.fetch("sample")
    assert leftovers() == []


def test_an_interruption_leaves_nothing(server: Any, publish: Publish) -> None:
    publish(server.address("good"))

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.fetch("sample", progress=interrupt)
    assert leftovers() == []


def test_a_failed_repair_keeps_the_old_file(server: Any, publish: Publish) -> None:
    publish(server.address("truncated"))
    cached().parent.mkdir(parents=True)
    cached().write_bytes(b"old")
    with pytest.raises(ModelUnavailableError):
        store.fetch("sample")
    assert cached().read_bytes() == b"old"


def test_two_processes_at_once(server: Any, publish: Publish, content: bytes) -> None:
    spec = publish(server.address("together"))  # the server answers when both have asked
    program = (
        "import sys\n"
        "from emoscope.models import catalog, store\n"
        "fields = dict(pair.split('=', 1) for pair in sys.argv[1:])\n"
        "spec = catalog.ModelSpec(name='sample', role='detector', title='t', version='1',\n"
        "    file='sample.onnx', packaged=False, licence='l', source='s', url=fields['url'],\n"
        "    sha256=fields['sha256'], size_bytes=int(fields['size_bytes']))\n"
        "catalog.catalog = lambda: {'sample': spec}\n"
        "print(store.fetch('sample'))\n"
    )
    arguments = [f"{key}={getattr(spec, key)}" for key in ("url", "sha256", "size_bytes")]
    source = str(Path(store.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": source}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in running]
    assert ended == [(f"{cached()}\n", "", 0)] * 2
    assert server.requests == 2
    assert cached().read_bytes() == content
    assert leftovers() == ["sample.onnx"]


def test_parts_of_killed_processes_are_swept_after_a_day(server: Any, publish: Publish) -> None:
    publish(server.address("good"))
    folder = cached().parent
    folder.mkdir(parents=True)
    old, young = folder / ".sample.onnx.1-aa.part", folder / ".sample.onnx.2-bb.part"
    for part in (old, young):
        part.touch()
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    store.fetch("sample")
    assert (old.exists(), young.exists()) == (False, True)


# --- a cache that was changed ---


@pytest.mark.parametrize("damage", ["changed", "cut", "emptied"])
def test_the_digest_is_checked_on_every_load(
    server: Any, publish: Publish, content: bytes, damage: str
) -> None:
    publish(server.address("good"))
    path = store.fetch("sample")
    assert store.path_of("sample") == path
    damaged = {"changed": b"\x01" + content[1:], "cut": content[:-1], "emptied": b""}[damage]
    path.write_bytes(damaged)
    with pytest.raises(ModelIntegrityError) as caught:
        store.path_of("sample", fetch=True)
    assert str(path) in str(caught.value)
    assert "repair it with: emoscope models fetch sample" in str(caught.value)
    assert store.verify("sample").state == "damaged"
    assert store.fetch("sample").read_bytes() == content
    assert store.path_of("sample") == path


def test_a_file_laid_into_the_cache_by_hand_is_found_and_checked(
    publish: Publish, content: bytes
) -> None:
    publish("http://127.0.0.1:9/x")
    laid = store.cache_dir() / "sample.onnx"
    laid.write_bytes(content)
    assert store.path_of("sample") == laid
    laid.write_bytes(content + b"!")
    with pytest.raises(ModelIntegrityError, match="damaged or changed"):
        store.path_of("sample")


# --- offline, and files brought along ---


def test_offline_touches_no_network_and_names_both_ways(
    server: Any, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server.address("good"))
    monkeypatch.setenv("EMOSCOPE_OFFLINE", "1")
    for attempt in (store.path_of, store.fetch):
        with pytest.raises(ModelUnavailableError) as caught:
            attempt("sample")
        assert "EMOSCOPE_OFFLINE" in str(caught.value)
        assert "emoscope models fetch sample --from FILE" in str(caught.value)
    assert store.try_fetch("sample") is None
    assert store.verify("sample").state == "absent"
    assert server.requests == 0
    assert leftovers() == []


def test_from_file(publish: Publish, content: bytes, tmp_path: Path) -> None:
    publish("http://127.0.0.1:9/x")  # offline, as every test is
    brought = tmp_path / "brought.bin"
    brought.write_bytes(content)
    assert store.fetch("sample", from_file=brought) == cached()
    assert store.path_of("sample").read_bytes() == content
    assert brought.exists()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: None, ModelError, "there is no such file"),
        (lambda p: p.mkdir(), ModelError, "a folder, where the file sample.onnx is needed"),
        (lambda p: p.write_bytes(b"x"), ModelIntegrityError, "expected 262144 bytes, got 1"),
        (lambda p: p.write_bytes(b"x" * 262144), ModelIntegrityError, "with SHA-256 .*, got 2621"),
    ],
)
def test_from_a_wrong_file(
    publish: Publish,
    tmp_path: Path,
    make: Callable[[Path], Any],
    error: type[Exception],
    message: str,
) -> None:
    publish("http://127.0.0.1:9/x")
    make(tmp_path / "brought")
    with pytest.raises(error, match=message) as caught:
        store.fetch("sample", from_file=tmp_path / "brought")
    assert str(tmp_path / "brought") in str(caught.value)
    assert leftovers() == []


def test_the_disk_is_full(
    publish: Publish, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("http://127.0.0.1:9/x")
    brought = tmp_path / "brought"
    brought.write_bytes(content)

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store.shutil, "copyfileobj", full)
    with pytest.raises(
        ModelError, match=r"cannot write to the cache: No space left.*EMOSCOPE_CACHE"
    ):
        store.fetch("sample", from_file=brought)
    assert leftovers() == []


def test_a_cache_that_cannot_be_made(
    server: Any, publish: Publish, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(server.address("good"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("EMOSCOPE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match="cannot write to the cache"):
        store.fetch("sample")
    assert store.try_fetch("sample") is None
    assert server.requests == 0


def test_a_cache_that_may_not_be_entered(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish("http://127.0.0.1:9/x")

    def denied(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(ModelError, match="cannot look there: Permission denied"):
        store.path_of("sample")
    assert store.verify("sample").state == "damaged"


# --- the quick attempt ---


def test_try_fetch_gets_what_comes_quickly(server: Any, publish: Publish) -> None:
    publish(server.address("good"))
    assert store.try_fetch("sample", within_s=20) == cached()
    assert leftovers() == ["sample.onnx"]


def test_try_fetch_gives_up_in_time_and_remembers(server: Any, publish: Publish) -> None:
    publish(server.address("stalled"))
    begun = time.monotonic()
    assert store.try_fetch("sample", within_s=0.3) is None
    assert time.monotonic() - begun < 3
    assert leftovers() == [".unreachable"]
    assert store.try_fetch("sample") is None
    assert server.requests == 1  # the second call left the network alone
    stamp = cached().parent / ".unreachable"
    long_ago = time.time() - store.UNREACHABLE_FOR_S - 10
    os.utime(stamp, (long_ago, long_ago))
    publish(server.address("good"))
    assert store.try_fetch("sample", within_s=20) == cached()
    assert leftovers() == ["sample.onnx"]


def test_a_stamp_from_the_future_does_not_hold(server: Any, publish: Publish) -> None:
    publish(server.address("good"))
    stamp = cached().parent / ".unreachable"
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    os.utime(stamp, (time.time() + 1e6,) * 2)
    assert store.try_fetch("sample", within_s=20) == cached()


def test_an_explicit_fetch_ignores_and_ends_the_memory(server: Any, publish: Publish) -> None:
    publish(refused_address())
    assert store.try_fetch("sample", within_s=20) is None
    assert leftovers() == [".unreachable"]
    publish(server.address("good"))
    assert store.try_fetch("sample", within_s=20) is None
    assert store.fetch("sample") == cached()
    assert leftovers() == ["sample.onnx"]


def test_try_fetch_repairs_a_damaged_file(
    server: Any, publish: Publish, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    publish(server.address("good"))
    cached().parent.mkdir(parents=True)
    cached().write_bytes(b"damaged")
    path = store.try_fetch("sample", within_s=20)
    assert path is not None
    assert path.read_bytes() == content
    assert "damaged or changed" in caplog.text
