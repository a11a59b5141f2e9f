"""A corpus at a glance, as one picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError, MediaError
from emoscope.export.files import atomic_path
from emoscope.training.datasets import catalog, speech
from emoscope.training.datasets.corpora import Clip, FaceCorpus
from emoscope.training.datasets.load import load
from emoscope.training.datasets.show.faces import draw_faces
from emoscope.training.datasets.show.voices import choose, draw_voices
from emoscope.training.evaluate.figures import Progress

__all__ = ["show"]


def show(
    data_dir: Path, path: Path, corpus: str | None = None, progress: Progress | None = None
) -> None:
    """Draw a sheet of a corpus: of faces a contact sheet, of voices waveforms and spectrograms.

    Args:
        data_dir: the corpus' folder.
        path: the picture to write, ``.png``.
        corpus: its name; None: found out from the layout.
        progress: called with files read and files in all.

    Raises:
        DatasetError: no corpus is laid out so, nothing in it can be read, or the picture cannot
            be written.
    """
    name = corpus or catalog.detect(data_dir)
    encoded = cv2.imencode(".png", _sheet(name, data_dir, progress)[:, :, ::-1])[1]
    try:
        with atomic_path(path) as part:
            part.write_bytes(encoded.tobytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written: {error.strerror or error}") from error


def _sheet(name: str, data_dir: Path, progress: Progress | None) -> NDArray[np.uint8]:
    if name in speech.NAMINGS:  # only what is shown is decoded
        clips = speech.list_clips(name, data_dir)
        cells = choose(clips)
        return draw_voices(clips, cells, _waveforms(list(cells.values())))
    items = load(name, data_dir, progress)
    if isinstance(items, FaceCorpus):
        return draw_faces(items)
    cells = choose(items.clips)
    waveforms = dict(zip(items.clips, items.waveforms, strict=True))
    return draw_voices(items.clips, cells, {clip: waveforms[clip] for clip in cells.values()})


def _waveforms(clips: list[Clip]) -> dict[Clip, NDArray[np.float32]]:
    found = {}
    for clip in clips:
        try:
            waveform = speech.read_waveform(clip.path)
        except MediaError:
            continue
        if waveform.size:
            found[clip] = waveform
    return found
