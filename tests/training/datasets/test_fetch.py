"""Fetching: resumed, checked, unpacked safely, and one line where that fails."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import socket
import threading
import zipfile
from collections import namedtuple
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope.errors import DatasetError
from emoscope.training.datasets import catalog, download, unpack
from emoscope.training.datasets.catalog import CORPORA, Corpus, RemoteFile
from emoscope.training.datasets.fetch import fetch

CLIP = np.random.default_rng(0).bytes(1_500_000)  # does not shrink, as sound does not


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


ARCHIVE = zipped({"Actor_01/a.wav": CLIP, "Actor_02/b.wav": b"two", "__MACOSX/._a.wav": b"x"})
OTHER = zipped({"Actor_01/a.wav": CLIP[::-1], "Actor_02/b.wav": b"one more than before"})


class Server(ThreadingHTTPServer):
    """Serves ``content`` as it is told to, and writes down the ranges it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = ARCHIVE
        self.etag: str | None = '"one"'
        self.ranges = True  # knows them
        self.if_range = True  # and minds the condition
        self.breaks_after: int | None = None
        self.states_length = True
        self.status = 200
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/corpus.zip"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients here hang up on purpose."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        served, wanted = self.server, self.headers.get("Range")
        served.asked.append(wanted)
        if served.status != 200:
            self.send_error(served.status)
            return
        start = self._start(wanted)
        if start > len(served.content):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = served.content[start:]
        self.send_response(206 if start else 200)
        if start:
            end = len(served.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        if served.etag:
            self.send_header("ETag", served.etag)
        if served.states_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: served.breaks_after])

    def _start(self, wanted: str | None) -> int:
        condition = self.headers.get("If-Range")
        if not wanted or not self.server.ranges:
            return 0
        if self.server.if_range and condition not in (None, self.server.etag):
            return 0
        found = re.fullmatch(r"bytes=(\d+)-", wanted)
        assert found is not None
        return int(found[1])

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("EMOSCOPE_OFFLINE")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def publish(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the catalog know a corpus ``sample`` whose archive the server has."""

    def build(**changes: Any) -> None:
        facts: dict[str, Any] = {"size_bytes": len(server.content), "url": server.url, **changes}
        facts.setdefault("digest", f"md5:{hashlib.md5(server.content).hexdigest()}")
        tess = CORPORA["tess"]
        sample = Corpus(
            "sample", "voice", "Sample", "nobody", "free", tess.labels, tess.layout,
            (RemoteFile("corpus.zip", **facts),),
        )  # fmt: skip
        monkeypatch.setattr(catalog, "CORPORA", {"sample": sample, "tess": tess})

    return build


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


WHOLE = ["sample", "sample/Actor_01", "sample/Actor_01/a.wav", "sample/Actor_02",
         "sample/Actor_02/b.wav"]  # fmt: skip
KEPT = ["corpus.zip.part", "corpus.zip.part.json"]


def assert_whole(folder: Path) -> None:
    assert names(folder) == WHOLE
    assert (folder / "sample/Actor_01/a.wav").read_bytes() == CLIP


CHUNK = 64 * 1024
AFTER = 9 * CHUNK


def broken(server: Server, folder: Path, after: int = AFTER) -> None:
    """A first attempt that the server ends early."""
    server.breaks_after = after
    with pytest.raises(DatasetError, match=r"broke off.*0.6 MB are kept: run the same command"):
        fetch("sample", folder)
    server.breaks_after = None
    assert names(folder) == KEPT
    assert (folder / KEPT[0]).read_bytes() == server.content[:after]


def test_a_corpus_comes_checked_and_unpacked(server: Server, publish: Any, tmp_path: Path) -> None:
    publish()
    told: list[tuple[str, int, int | None]] = []
    found = fetch("sample", tmp_path / "new" / "data", lambda *step: told.append(step))
    assert_whole(tmp_path / "new" / "data")
    (archive,) = found.archives
    assert archive.sha256 == hashlib.sha256(ARCHIVE).hexdigest()
    assert archive.checked == f"md5:{hashlib.md5(ARCHIVE).hexdigest()}"
    assert (found.files, archive.size_bytes) == (2, len(ARCHIVE))
    assert told[-1] == ("unpacking sample", len(CLIP) + 3, len(CLIP) + 3)
    assert ("fetching corpus.zip", len(ARCHIVE), len(ARCHIVE)) in told
    again = fetch("sample", tmp_path / "new" / "data")
    assert (again.archives, len(server.asked)) == ((), 1)


def test_without_a_published_digest_nothing_is_claimed(publish: Any, tmp_path: Path) -> None:
    publish(digest="", size_bytes=None)
    (archive,) = fetch("sample", tmp_path).archives
    assert (archive.checked, archive.sha256) == ("", hashlib.sha256(ARCHIVE).hexdigest())


# --- going on ---


def test_a_broken_transfer_goes_on_where_it_ended(
    server: Server, publish: Any, tmp_path: Path
) -> None:
    publish()
    broken(server, tmp_path)
    fetch("sample", tmp_path)
    assert server.asked == [None, f"bytes={AFTER}-"]
    assert_whole(tmp_path)


def test_an_interruption_goes_on_where_it_ended(
    server: Server, publish: Any, tmp_path: Path
) -> None:
    publish()

    def interrupt(doing: str, done: int, total: int | None) -> None:
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("sample", tmp_path, interrupt)
    assert names(tmp_path) == KEPT
    had = (tmp_path / KEPT[0]).stat().st_size
    assert 500_000 < had < len(ARCHIVE)
    fetch("sample", tmp_path)
    assert server.asked[1:] == [f"bytes={had}-"]
    assert_whole(tmp_path)


def test_a_part_that_was_whole_is_only_checked(
    server: Server, publish: Any, tmp_path: Path
) -> None:
    publish()
    broken(server, tmp_path)
    (tmp_path / KEPT[0]).write_bytes(ARCHIVE)
    fetch("sample", tmp_path)
    assert len(server.asked) == 1
    assert_whole(tmp_path)


@pytest.mark.parametrize(
    ("change", "requests"),
    [
        ({"ranges": False}, 2),  # answers with the whole file
        ({"etag": '"two"'}, 2),  # says by itself that it is another file
        ({"etag": '"two"', "if_range": False}, 3),  # sends a range of another file
    ],
)
def test_it_starts_again_where_it_cannot_go_on(
    server: Server, publish: Any, tmp_path: Path, change: dict[str, Any], requests: int
) -> None:
    publish()
    broken(server, tmp_path)
    vars(server).update(change)
    server.content = OTHER
    publish()
    fetch("sample", tmp_path)
    assert len(server.asked) == requests
    assert (tmp_path / "sample/Actor_01/a.wav").read_bytes() == CLIP[::-1]


def test_without_a_version_the_length_tells_another_file(
    server: Server, publish: Any, tmp_path: Path
) -> None:
    server.etag = None
    publish()
    broken(server, tmp_path)
    server.content = OTHER
    publish()
    fetch("sample", tmp_path)
    assert len(server.asked) == 3
    assert (tmp_path / "sample/Actor_01/a.wav").read_bytes() == CLIP[::-1]
    shutil.rmtree(tmp_path / "sample")
    broken(server, tmp_path)
    fetch("sample", tmp_path)
    assert server.asked[-1] == f"bytes={AFTER}-"


def test_a_part_of_another_address_or_longer_than_the_file_is_not_gone_on_with(
    server: Server, publish: Any, tmp_path: Path
) -> None:
    publish()
    broken(server, tmp_path)
    with (tmp_path / KEPT[0]).open("ab") as part:
        part.write(b"x" * len(ARCHIVE))
    fetch("sample", tmp_path)
    assert len(server.asked) == 3  # 416, then from the start
    assert_whole(tmp_path)
    shutil.rmtree(tmp_path / "sample")
    broken(server, tmp_path)
    publish(url=f"{server.url}?other")
    fetch("sample", tmp_path)
    assert server.asked[-1] is None
    assert_whole(tmp_path)


def test_a_damaged_memory_of_the_part_starts_again(
    server: Server, publish: Any, tmp_path: Path
) -> None:
    publish()
    broken(server, tmp_path)
    (tmp_path / KEPT[1]).write_text('{"url": 3')
    fetch("sample", tmp_path)
    assert server.asked == [None, None]
    assert_whole(tmp_path)


# --- what is not the published file ---


def test_a_wrong_digest_leaves_nothing(server: Server, publish: Any, tmp_path: Path) -> None:
    for digest in ("md5:" + "0" * 32, "sha256:" + "0" * 64):
        publish(digest=digest)
        with pytest.raises(DatasetError, match="not the published file: expected") as caught:
            fetch("sample", tmp_path)
        assert digest.partition(":")[2] in str(caught.value)
        assert names(tmp_path) == []


def test_a_wrong_length_is_told_before_the_transfer(
    server: Server, publish: Any, tmp_path: Path
) -> None:
    publish(size_bytes=7)
    with pytest.raises(DatasetError, match=f"expected 7 bytes, the server has {len(ARCHIVE)}"):
        fetch("sample", tmp_path)
    assert names(tmp_path) == []


def test_a_file_without_end_is_ended(server: Server, publish: Any, tmp_path: Path) -> None:
    server.states_length = False
    publish(size_bytes=len(ARCHIVE) - 1)
    with pytest.raises(DatasetError, match="not the published file: longer than"):
        fetch("sample", tmp_path)
    assert names(tmp_path) == []


def test_a_file_of_unstated_length_that_ends_early_is_not_whole(
    server: Server, publish: Any, tmp_path: Path
) -> None:
    server.states_length = False
    publish()
    broken(server, tmp_path)


# --- no way there ---


def test_an_error_of_the_server_and_no_server(server: Server, publish: Any, tmp_path: Path) -> None:
    publish()
    server.status = 404
    with pytest.raises(DatasetError, match=f"the server answered 404 for {server.url}; try again"):
        fetch("sample", tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    publish(url=f"http://127.0.0.1:{port}/x.zip")
    with pytest.raises(DatasetError, match="cannot reach http://127"):
        fetch("sample", tmp_path)
    assert names(tmp_path) == []


def test_a_server_that_fails_while_there_is_a_part_keeps_it(
    server: Server, publish: Any, tmp_path: Path
) -> None:
    publish()
    broken(server, tmp_path)
    server.status = 503
    with pytest.raises(DatasetError, match=r"answered 503 .*0\.6 MB are kept"):
        fetch("sample", tmp_path)
    assert names(tmp_path) == KEPT


def test_offline_is_respected(
    server: Server, publish: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    monkeypatch.setenv("EMOSCOPE_OFFLINE", "1")
    with pytest.raises(DatasetError, match=f"EMOSCOPE_OFFLINE.*bring corpus.zip from {server.url}"):
        fetch("sample", tmp_path)
    assert server.asked == []


# --- no room ---


def test_a_full_disk_is_seen_before_and_while_writing(
    server: Server, publish: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    usage = namedtuple("usage", "free")
    with monkeypatch.context() as patch:
        patch.setattr(download.shutil, "disk_usage", lambda folder: usage(1_000_000))
        with pytest.raises(DatasetError, match=r"too full: 1.5 MB are needed, 1.0 MB are free"):
            fetch("sample", tmp_path)
    chunks = download._chunks

    def full(response: Any) -> Iterator[bytes]:
        yield next(chunks(response))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(download, "_chunks", full)
        with pytest.raises(DatasetError, match=r"No space left.*0.1 MB are kept"):
            fetch("sample", tmp_path)
    fetch("sample", tmp_path)
    assert server.asked[-1] == f"bytes={CHUNK}-"
    assert_whole(tmp_path)


def test_no_room_to_unpack_keeps_the_archive_and_needs_no_second_transfer(
    server: Server, publish: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(unpack, "_write", full)
        with pytest.raises(DatasetError, match=r"No space left.*what was fetched is kept"):
            fetch("sample", tmp_path)
    assert names(tmp_path) == ["corpus.zip"]
    fetch("sample", tmp_path)
    assert len(server.asked) == 1
    assert_whole(tmp_path)


def test_a_place_that_is_taken(publish: Any, tmp_path: Path) -> None:
    publish()
    (tmp_path / "sample").write_text("in the way")
    with pytest.raises(DatasetError, match="sample: in the way"):
        fetch("sample", tmp_path)
    with pytest.raises(DatasetError, match="sample: cannot be made"):
        fetch("sample", tmp_path / "sample")


def test_what_cannot_be_fetched_says_how(publish: Any, tmp_path: Path) -> None:
    publish()
    with pytest.raises(DatasetError, match="accept the terms"):
        fetch("tess", tmp_path)
    with pytest.raises(DatasetError, match="no corpus 'nothing'"):
        fetch("nothing", tmp_path)


def test_every_file_of_the_catalog_can_be_asked_for() -> None:
    for corpus in CORPORA.values():
        assert bool(corpus.files) != bool(corpus.steps)
        for file in corpus.files:
            assert file.url.startswith(("https://", "http://"))
            assert file.name.endswith(".zip")
            assert re.fullmatch(r"(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})?", file.digest)
