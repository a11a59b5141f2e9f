"""Limits that the system puts on the decoding process; nothing where it knows none."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

try:
    import resource
except ImportError:  # Windows: what remains is the parent's clock
    resource = None  # type: ignore[assignment]

_DESCRIPTORS = 64


def confine(memory_bytes: int) -> None:
    """Limit this process: memory, descriptors, no core files, no files written.

    Args:
        memory_bytes: address space beyond what is taken already.
    """
    _limit("RLIMIT_CORE", 0, hard=True)
    _limit("RLIMIT_NOFILE", _DESCRIPTORS, hard=True)
    _limit("RLIMIT_AS", _taken_bytes() + memory_bytes, hard=True)
    allow_files(0)


def allow_files(size_bytes: int) -> None:
    """How large a file this process may write from now on."""
    _limit("RLIMIT_FSIZE", size_bytes)


def allow_seconds(seconds: float) -> None:
    """How much processor time this process may take from now on, all threads together.

    The parent's clock comes first; this ends a child that was left behind.
    """
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit("RLIMIT_CPU", math.ceil(used.ru_utime + used.ru_stime + seconds) + 1)


def _limit(name: str, value: int, *, hard: bool = False) -> None:
    if resource is None or not hasattr(resource, name):
        return
    kind = getattr(resource, name)
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        value = min(value, most)
    with contextlib.suppress(ValueError, OSError):  # a system that does not keep this one
        resource.setrlimit(kind, (value, value if hard else most))


def _taken_bytes() -> int:
    """Address space of this process; a guess where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError):
        return 1 << 30
    return pages * os.sysconf("SC_PAGE_SIZE")
