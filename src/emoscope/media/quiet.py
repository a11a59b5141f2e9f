"""Decoders written in C print to the terminal; here they don't."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

import cv2

_lock = threading.Lock()
# The warnings of libjpeg (jerror.h, JWRN) and the lines of libpng.
_NOISE = re.compile(
    rb"^(Corrupt JPEG data|Premature end of|Inconsistent progression|Warning: unknown JFIF"
    rb"|Unknown Adobe color|Invalid SOS param|Arithmetic table|Must downscale|Application transf"
    rb"|libpng (error|warning))"
)


_nobody_listens = False


def stay_quiet() -> None:
    """Say that this process's standard error goes nowhere: nothing need be caught any more."""
    global _nobody_listens
    _nobody_listens = True
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@contextlib.contextmanager
def quiet_decoders() -> Iterator[None]:
    """Keep OpenCV, libjpeg and libpng from writing to standard error.

    libjpeg and libpng write to the file descriptor itself, so it is led into a file meanwhile.
    Lines of others, of a progress bar in another thread for instance, are written afterwards.
    """
    if _nobody_listens:
        yield
        return
    with _lock, _opencv_silent():
        try:
            sys.stderr.flush()
            saved = os.dup(2)
        except (OSError, ValueError, AttributeError):
            # No standard error at all, as in a windowed program: nothing to keep clean.
            yield
            return
        with _somewhere() as caught:
            os.dup2(caught.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(saved, 2)
                os.close(saved)
                _replay(caught.fileno())


def _somewhere() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "r+b")  # noqa: PTH123 - a disk that cannot be written to


@contextlib.contextmanager
def _opencv_silent() -> Iterator[None]:
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _replay(descriptor: int) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, 1 << 20)
    kept = b"".join(line for line in text.splitlines(keepends=True) if not _NOISE.match(line))
    if kept:
        with contextlib.suppress(OSError):
            os.write(2, kept)
