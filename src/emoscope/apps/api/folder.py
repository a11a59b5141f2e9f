"""Where uploads lie while they are read: a folder of this service that does not outlive it."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import stat
import tempfile
import threading
import time
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: leftovers of a killed service stay until they are cleaned up
    fcntl = None  # type: ignore[assignment]

_PREFIX = "emoscope-service-"
_FRESH_S = 60.0


class UploadFolder:
    """A folder for one service, removed when it is closed.

    A service that was killed could not remove its own; the next one on this machine does.
    """

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._path: Path | None = None
        self._in_use: IO[bytes] | None = None

    def new_path(self, suffix: str = "") -> Path:
        """A path that nobody else has."""
        with self._making:
            if self._path is None:
                self._path = Path(tempfile.mkdtemp(prefix=_PREFIX))
                self._in_use = _locked(self._path)
                _sweep(self._path)
            return self._path / f"{secrets.token_hex(16)}{suffix}"

    def close(self) -> None:
        """Remove the folder with everything in it."""
        with self._making:
            if self._path is not None:
                shutil.rmtree(self._path, ignore_errors=True)
            if self._in_use is not None:
                self._in_use.close()
            self._path = self._in_use = None


def _sweep(own: Path) -> None:
    """Remove what services left behind that run no more."""
    for folder in own.parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            mine = stat.S_ISDIR(found.st_mode) and found.st_uid == own.stat().st_uid
            # A fresh one may be about to be locked.
            if folder == own or not mine or time.time() - found.st_mtime < _FRESH_S:
                continue
            lock = _locked(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                lock.close()


def _locked(folder: Path) -> IO[bytes] | None:
    """An open file that says that the folder is in use; None where another process says so."""
    if fcntl is None:
        return None
    lock = (folder / "in-use").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock
