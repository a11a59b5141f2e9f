"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from emoscope.results import Analysis


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``path`` if all goes well and is gone if not.

    It lies in the same folder, which is made where it is missing, and has the same suffix.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_json(analysis: Analysis, path: Path) -> None:
    """Write the result as one indented JSON document in UTF-8.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps(analysis.to_dict(), ensure_ascii=False, indent=2)
    with atomic_path(path) as part:
        # A file name that is no text becomes \\udc80 and the like, which JSON reads back.
        part.write_text(text + "\n", encoding="utf-8", errors="backslashreplace", newline="\n")
