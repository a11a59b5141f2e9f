"""One JSON document per file, in folders that mirror those of the files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from emoscope.batch.manifest import Manifest
from emoscope.batch.task import Outcome


class JsonResults:
    """Notes what came of each file; the workers write the documents, each whole or not at all.

    Args:
        folder: where they lie.
        manifest: what is there.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder, self._manifest = folder, manifest
        # What a run that died was writing.
        for name in manifest.began():
            for rest in (folder / name).parent.glob(".*.part.json"):
                with suppress(OSError):
                    rest.unlink()

    def add(self, outcome: Outcome) -> None:
        """Note what came of a file.

        Raises:
            BatchError: it cannot be noted.
        """
        if outcome.status not in ("done", "unchanged"):
            # The file may have held something else that could be read.
            name = self._manifest.output_of(outcome.number)
            if name is not None:
                with suppress(OSError):
                    (self._folder / name).unlink()
        self._manifest.record([outcome])

    def flush(self) -> None:
        """Nothing waits here."""

    def finish(self) -> None:
        """Everything is in its place."""
