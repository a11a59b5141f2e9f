"""What a corpus holds that a figure measured on it would hide."""

from __future__ import annotations

from pathlib import Path

from emoscope.training.datasets import catalog
from emoscope.training.datasets.audit.faces import audit_faces
from emoscope.training.datasets.audit.result import Audit, Finding
from emoscope.training.datasets.audit.voices import audit_voices
from emoscope.training.datasets.corpora import FaceCorpus
from emoscope.training.datasets.load import load
from emoscope.training.evaluate.figures import Progress

__all__ = ["Audit", "Finding", "audit"]


def audit(data_dir: Path, corpus: str | None = None, progress: Progress | None = None) -> Audit:
    """Read a corpus and look for what a figure measured on it would hide.

    Args:
        data_dir: its folder.
        corpus: its name; None: found out from the layout.
        progress: called with steps done and steps in all: files read, then pictures compared.

    Raises:
        DatasetError: no corpus is laid out so, or nothing in it can be read.
    """
    items = load(corpus or catalog.detect(data_dir), data_dir, progress)
    if isinstance(items, FaceCorpus):
        return audit_faces(items, data_dir, progress)
    return audit_voices(items, data_dir)
