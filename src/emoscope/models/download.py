"""One download over HTTP: bounded in size and, where asked, in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import BinaryIO

from emoscope.errors import ModelUnavailableError

CONNECT_S = 5.0
READ_S = 15.0  # silence after which a connection counts as dead
_CHUNK = 64 * 1024

Progress = Callable[[int, int], None]  # (bytes so far, bytes in all)


class _StoppedError(Exception):
    """The rest of the download is not wanted."""


class _Sink:
    """What pooch writes to: counts, reports, and stops what is too long or no longer wanted."""

    def __init__(self, file: BinaryIO, size_bytes: int, progress: Progress | None) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._progress = progress
        self._done = 0
        self.stopped = threading.Event()

    def write(self, chunk: bytes) -> int:
        # More than the catalog states can only be the wrong file, perhaps an endless one; the
        # surplus chunk is kept, so that the check of the digest that follows tells the story.
        if self.stopped.is_set() or self._done > self._size_bytes:
            raise _StoppedError
        self._file.write(chunk)
        self._done += len(chunk)
        if self._progress is not None:
            self._progress(min(self._done, self._size_bytes), self._size_bytes)
        return len(chunk)

    def flush(self) -> None:
        """Nothing to do: the file is flushed when it is closed."""


def download(
    url: str,
    file: BinaryIO,
    size_bytes: int,
    *,
    progress: Progress | None = None,
    within_s: float | None = None,
) -> None:
    """Write what ``url`` serves to ``file``; one attempt.

    The content is not checked here beyond its length: at most one chunk more than ``size_bytes``
    is written.

    Args:
        url: http or https.
        file: open for writing.
        size_bytes: expected size.
        progress: called with the bytes so far and ``size_bytes``.
        within_s: give up after so many seconds in all, even where the system's name look-up
            hangs; None: only a dead connection ends the attempt.

    Raises:
        ModelUnavailableError: no connection, an HTTP error, a broken or too slow transfer.
        OSError: ``file`` cannot be written.
    """
    sink = _Sink(file, size_bytes, progress)
    if within_s is None:
        _transfer(url, sink, CONNECT_S, READ_S)
        return
    failures: list[BaseException] = []

    def work() -> None:
        try:
            _transfer(url, sink, within_s, within_s)
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            failures.append(error)

    thread = threading.Thread(target=work, name="emoscope-download", daemon=True)
    thread.start()
    try:
        thread.join(within_s)
        if thread.is_alive():
            raise ModelUnavailableError(f"no complete answer within {within_s:g} s from {url}")
    finally:
        sink.stopped.set()
    if failures:
        raise failures[0]


def _transfer(url: str, sink: _Sink, connect_s: float, read_s: float) -> None:
    import pooch
    import requests

    get = pooch.HTTPDownloader(chunk_size=_CHUNK, timeout=(connect_s, read_s))
    try:
        get(url, sink, None)
    except _StoppedError:
        return
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise ModelUnavailableError(f"the server answered {status} for {url}") from error
    except requests.Timeout as error:
        raise ModelUnavailableError(f"no answer in time from {url}") from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise ModelUnavailableError(f"the connection broke off during {url}") from error
    except requests.RequestException as error:
        raise ModelUnavailableError(f"cannot reach {url}") from error
