from __future__ import annotations

import gc
import threading
from pathlib import Path

import pytest

from emoscope.apps.dashboard.desk import Desk, Item
from emoscope.apps.dashboard.reading import Reader, Reading
from emoscope.errors import HistoryError, MediaLimitError, ModelUnavailableError

from .conftest import MediaReader

WITHIN_S = 30.0


def _item(reader: Reader, data: bytes, name: str = "a.png") -> Item:
    return Item(name, data, lambda: reader)


def test_files_are_read_in_the_order_in_which_they_came(
    media_reader: MediaReader, picture: bytes
) -> None:
    desk = Desk()
    items = [desk.add(_item(media_reader, picture, f"{n}.png")) for n in range(3)]
    assert desk.wait(WITHIN_S)
    assert media_reader.names == ["0.png", "1.png", "2.png"]
    assert [item.state for item in items] == ["done"] * 3
    assert not desk.is_busy
    assert all(item.data == b"" for item in items), "an upload is not held once it is read"


def test_a_desk_that_fell_idle_reads_on(media_reader: MediaReader, picture: bytes) -> None:
    desk = Desk()
    for _ in range(2):
        desk.add(_item(media_reader, picture))
        assert desk.wait(WITHIN_S)
    assert [item.state for item in desk.items] == ["done", "done"]


def test_a_file_that_cannot_be_read_says_why_and_the_next_is_read(
    media_reader: MediaReader, picture: bytes
) -> None:
    desk = Desk()
    bad = desk.add(_item(media_reader, b"no picture at all", "bad.png"))
    good = desk.add(_item(media_reader, picture))
    assert desk.wait(WITHIN_S)
    assert (bad.state, good.state) == ("failed", "done")
    assert bad.problem
    assert "\n" not in bad.problem
    assert "emoscope-" not in bad.problem, "no path of ours"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MediaLimitError("a.png", "too large"), "too large"),
        (ModelUnavailableError("not here; fetch it"), "not here; fetch it"),
        (RuntimeError("secret detail"), "something went wrong; the log says what"),
    ],
)
def test_errors_are_one_line(
    error: Exception, said: str, picture: bytes, media_reader: MediaReader
) -> None:
    def fail() -> None:
        raise error

    media_reader.before = fail
    desk = Desk()
    item = desk.add(_item(media_reader, picture))
    assert desk.wait(WITHIN_S)
    assert (item.state, item.problem) == ("failed", said)


def test_a_file_that_is_taken_off_stops_and_leaves_nothing(
    media_reader: MediaReader,
    picture: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    begun, go = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go.wait(WITHIN_S)

    media_reader.before = hold
    desk = Desk()
    item = desk.add(_item(media_reader, picture))
    assert begun.wait(WITHIN_S)
    assert list(tmp_path.iterdir())
    desk.remove(item)
    assert desk.items == ()
    media_reader.before = None
    after = desk.add(_item(media_reader, picture))
    go.set()
    assert desk.wait(WITHIN_S)
    assert (item.state, after.state) == ("failed", "done")
    assert list(tmp_path.iterdir()) == []


def test_when_the_session_ends_what_waits_is_not_read(
    media_reader: MediaReader, picture: bytes
) -> None:
    begun, go = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go.wait(WITHIN_S)

    media_reader.before = hold
    desk = Desk()
    first = desk.add(_item(media_reader, picture))
    second = desk.add(_item(media_reader, picture))
    assert begun.wait(WITHIN_S)
    worker = next(t for t in threading.enumerate() if t.name == "emoscope-desk")
    del desk
    gc.collect()
    go.set()
    worker.join(WITHIN_S)
    assert not worker.is_alive()
    assert first.state == "failed"
    assert second.state == "waiting"
    assert media_reader.names == ["a.png"]


def test_two_desks_do_not_wait_for_each_other(picture: bytes) -> None:
    begun, go = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go.wait(WITHIN_S)

    slow, quick = Desk(), Desk()
    held = slow.add(_item(MediaReader(before=hold), picture))
    assert begun.wait(WITHIN_S)
    other = quick.add(_item(MediaReader(), picture))
    assert quick.wait(WITHIN_S)
    assert (other.state, held.state) == ("done", "reading")
    go.set()
    assert slow.wait(WITHIN_S)


def test_what_is_kept_is_the_result(media_reader: MediaReader, picture: bytes) -> None:
    kept: list[Reading] = []
    desk = Desk()
    desk.add(Item("a.png", picture, lambda: media_reader, keep=kept.append))
    assert desk.wait(WITHIN_S)
    assert [one.analysis.source for one in kept] == ["a.png"]


def test_a_history_that_fails_does_not_cost_the_result(
    media_reader: MediaReader, picture: bytes
) -> None:
    def fail(reading: Reading) -> None:
        raise HistoryError("the disk is full")

    desk = Desk()
    item = desk.add(Item("a.png", picture, lambda: media_reader, keep=fail))
    assert desk.wait(WITHIN_S)
    assert (item.state, item.problem) == ("done", "not kept in the history: the disk is full")
