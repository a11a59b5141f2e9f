"""What a session has asked to be read: one file after the other, on a thread of its own.

Each session has one :class:`Desk`, so that one person's film delays nobody else, and nobody has
two films read at once. When the session ends its desk goes, and with it what was still to be read.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from emoscope.apps.dashboard.reading import Reader, Reading, read
from emoscope.errors import AnalysisCancelledError, EmoscopeError, MediaError

_log = logging.getLogger(__name__)
_numbers = count(1)

MakeReader = Callable[[], Reader]


@dataclass(eq=False)
class Item:
    """One file on the desk.

    Attributes:
        name: as the user called it.
        data: its content, until it was read.
        make_reader: gives what reads it, with the settings of when it was added.
        keep: called with the result; history, where it is switched on.
        number: differs from that of every other item.
        state: where it stands.
        share: how much is done, within [0, 1].
        problem: why it could not be read, or not be kept, in one line.
        reading: what was read.
    """

    name: str
    data: bytes
    make_reader: MakeReader
    keep: Callable[[Reading], None] | None = None
    number: int = field(default_factory=lambda: next(_numbers))
    state: Literal["waiting", "reading", "done", "failed"] = "waiting"
    share: float = 0.0
    problem: str = ""
    reading: Reading | None = None
    removed: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is still to be read, or being read."""
        return self.state in ("waiting", "reading")


class Desk:
    """The files of one session, in the order in which they came."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._left = threading.Event()
        weakref.finalize(self, self._left.set)

    @property
    def items(self) -> tuple[Item, ...]:
        """All files, read or not."""
        with self._changed:
            return tuple(self._items)

    @property
    def is_busy(self) -> bool:
        """Whether something is being read or waits for it."""
        return any(item.is_open for item in self.items)

    def add(self, item: Item) -> Item:
        """Put a file on the desk; it is read as soon as those before it are."""
        with self._changed:
            self._items.append(item)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=_work,
                    args=(weakref.ref(self), self._left, self._changed),
                    name="emoscope-desk",
                    daemon=True,
                )
                self._thread.start()
        return item

    def remove(self, item: Item) -> None:
        """Take a file off; its reading stops."""
        with self._changed:
            item.removed = True
            self._items = [one for one in self._items if one is not item]
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Until nothing is left to read; False where that took longer."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not any(item.is_open for item in self._items), timeout_s
            )

    def next(self) -> Item | None:
        """The first file that waits, now being read; None ends the thread."""
        with self._changed:
            for item in self._items:
                if item.state == "waiting":
                    item.state = "reading"
                    return item
            self._thread = None
            return None


def _work(desk: weakref.ref[Desk], left: threading.Event, changed: threading.Condition) -> None:
    """Read until nothing waits. Holds no reference to the desk while it reads."""
    while not left.is_set():
        alive = desk()
        item = alive.next() if alive is not None else None
        del alive
        if item is None:
            return
        _read_item(item, left)
        with changed:
            changed.notify_all()


def _read_item(item: Item, left: threading.Event) -> None:
    def progress(share: float) -> None:
        item.share = share

    try:
        item.reading = read(
            item.name,
            item.data,
            item.make_reader(),
            progress,
            lambda: item.removed or left.is_set(),
        )
        _keep(item, item.reading)
        item.state = "done"
    except AnalysisCancelledError:
        item.state = "failed"
        item.problem = "stopped"
    except MediaError as error:
        item.state, item.problem = "failed", error.problem
    except EmoscopeError as error:
        item.state, item.problem = "failed", str(error)
    except Exception:  # noqa: BLE001
        # One strange file must not end the thread that reads the others.
        _log.exception("reading an upload")
        item.state, item.problem = "failed", "something went wrong; the log says what"
    finally:
        item.data = b""


def _keep(item: Item, reading: Reading) -> None:
    """Keep the result where that was asked for; a history that fails does not cost the result."""
    if item.keep is None:
        return
    try:
        item.keep(reading)
    except EmoscopeError as error:
        item.problem = f"not kept in the history: {error}"
