"""The window and its readings, kept as files."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.export.files import atomic_path
from emoscope.live.state import LiveState


def save_snapshot(
    image_rgb: NDArray[np.uint8], state: LiveState, folder: Path, taken: datetime
) -> Path:
    """Write ``emoscope-DATE-TIME.png`` and the same with ``.json``; each whole or not at all.

    Args:
        image_rgb: the window, (height, width, 3) uint8.
        state: what was read; its boxes are pixels of the camera's picture, not mirrored.
        folder: where to.
        taken: local time, for the name.

    Returns:
        The picture's path; an older file is never overwritten.

    Raises:
        OSError: it cannot be written.
    """
    stem = f"emoscope-{taken:%Y%m%d-%H%M%S}"
    path, count = folder / f"{stem}.png", 1
    while path.exists():
        count += 1
        path = folder / f"{stem}-{count}.png"
    document = {"taken": taken.isoformat(timespec="seconds"), **state.to_dict()}
    text = json.dumps(document, ensure_ascii=False, indent=2)
    with atomic_path(path.with_suffix(".json")) as part:
        part.write_text(text + "\n", encoding="utf-8", newline="\n")
    # Little compression: the picture on the screen waits for it.
    packed = cv2.imencode(".png", image_rgb[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    with atomic_path(path) as part:
        part.write_bytes(packed.tobytes())
    return path
