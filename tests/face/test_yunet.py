"""Held against OpenCV's own reading of the same file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from emoscope.errors import ModelIntegrityError
from emoscope.face.yunet import YuNet


@pytest.fixture
def yunet_file(shared_dir: Path) -> Path:
    return shared_dir / "models" / "yunet_n_640_640.onnx"


@pytest.mark.parametrize("longest", [640, 333, 160])
@pytest.mark.parametrize("name", ["portrait", "group", "selfie"])
def test_boxes_and_scores_are_opencvs(
    shared_dir: Path, yunet_file: Path, name: str, longest: int
) -> None:
    image = cv2.imread(str(shared_dir / "media" / f"{name}.jpg"))
    scale = longest / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = small.shape[:2]
    # A low score, so that weak and overlapping boxes are compared too.
    theirs = cv2.FaceDetectorYN.create(str(yunet_file), "", (width, height), 0.1, 0.3, 5000)
    rows = theirs.detect(small)[1]
    expected = [(x, y, x + w, y + h, s) for x, y, w, h, s in rows[:, [0, 1, 2, 3, 14]]]

    found = YuNet(yunet_file, 0.1, 0.3).detect(np.ascontiguousarray(small[:, :, ::-1]))

    assert len(found) >= 1
    assert np.allclose([[*box, score] for box, score in found], expected, atol=1e-3)


def test_a_picture_without_faces_has_none(yunet_file: Path) -> None:
    assert YuNet(yunet_file, 0.6, 0.3).detect(np.full((97, 131, 3), 127, np.uint8)) == []


def test_another_graph_is_refused(yunet_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "yunet.onnx"
    other.write_bytes(yunet_file.read_bytes().replace(b"\x08\x80\x05", b"\x08\x80\x06", 1))
    with pytest.raises(ModelIntegrityError, match="emoscope models fetch yunet"):
        YuNet(other, 0.6, 0.3)
