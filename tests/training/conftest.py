"""Tiny corpora, made as the real ones are laid out."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from emoscope.labels import SHARED

_COLUMNS = (
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    *("unknown", "NF"),
)


@pytest.fixture(scope="session")
def make_fer() -> Callable[..., Path]:
    """Builder ``(folder, {split: [(label, grey or picture)]}, votes={row: {column: count}})``.

    Rows are numbered through all splits; the tiny face model reads grey 255 * (i + 0.5) / 7 as
    label i.
    """

    def build(
        folder: Path,
        splits: dict[str, list[tuple[str, object]]],
        votes: dict[int, dict[str, int]] | None = None,
    ) -> Path:
        row = 0
        for split, pictures in splits.items():
            for label, content in pictures:
                picture = np.full((48, 48), content, np.uint8) if np.ndim(content) == 0 else content
                path = folder / split / label / f"fer{row:07d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), picture)
                row += 1
        if votes is not None:
            with (folder / "fer2013new.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["Usage", "Image name", *_COLUMNS])
                for number in range(row):
                    counts = votes.get(number, {})
                    name = f"fer{number:07d}.png"
                    writer.writerow(["x", name, *(counts.get(c, 0) for c in _COLUMNS)])
        return folder

    return build


@pytest.fixture(scope="session")
def grey_of() -> Callable[[str], int]:
    """The grey that the tiny face model reads as a label of the shared seven."""
    return lambda label: round(255 * (SHARED.index(label) + 0.5) / len(SHARED))


@pytest.fixture(scope="session")
def make_ravdess(make_wav: Callable[..., Path]) -> Callable[..., Path]:
    """Builder ``(folder, {(actor, code): waveform})``: one clip each, codes 1 to 8."""

    def build(folder: Path, clips: dict[tuple[int, int], np.ndarray]) -> Path:
        for (actor, code), waveform in clips.items():
            path = folder / f"Actor_{actor:02d}" / f"03-01-{code:02d}-01-01-01-{actor:02d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            make_wav(path, waveform)
        return folder

    return build
