from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from emoscope.apps.live.snapshot import save_snapshot
from emoscope.live.state import LiveState

WHEN = datetime(2026, 11, 21, 14, 5, 12)


def test_a_picture_and_its_document(tmp_path: Path, make_state: Callable[..., LiveState]) -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, :, 0] = 250
    path = save_snapshot(image, make_state(), tmp_path, WHEN)
    assert path == tmp_path / "emoscope-20261121-140512.png"
    np.testing.assert_array_equal(cv2.imread(str(path))[:, :, ::-1], image)
    document = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert document["taken"] == "2026-11-21T14:05:12"
    assert document["faces"][0]["label"] == "happy"
    assert sorted(tmp_path.iterdir()) == [path.with_suffix(".json"), path]


def test_two_in_one_second_stay_apart(tmp_path: Path, make_state: Callable[..., LiveState]) -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    names = [save_snapshot(image, make_state(), tmp_path, WHEN).name for _ in range(3)]
    assert len(set(names)) == 3
    assert len(list(tmp_path.iterdir())) == 6


def test_a_folder_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, make_state: Callable[..., LiveState]
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        save_snapshot(np.zeros((4, 6, 3), np.uint8), make_state(), tmp_path / "file", WHEN)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
