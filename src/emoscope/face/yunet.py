"""YuNet (Wu, Peng and Yu, 2023) under the runtime that reads the other models.

OpenCV runs the same file through ``FaceDetectorYN`` in two and a half times the time; a test holds
the answers of both together. Its decoding of the network's outputs is OpenCV's, too.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.errors import ModelIntegrityError
from emoscope.models.session import open_graph

STRIDES = (8, 16, 32)  # of the network's three maps, in pixels of its input
_OUTPUTS = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox") for stride in STRIDES]
_MOST = 5000  # boxes that overlap is looked at for, the surest

# The published graph says 640 by 640, though nothing in it needs that. These are its dimensions as
# they stand in the file, a number and what stands in its place: a name of the same length.
_FIXED = (
    (b"\x0a\x03\x08\x80\x05", (b"h", b"w")),  # 640: height, then width of the input
    (b"\x0a\x03\x08\x80\x32", (b"a",) * 6),  # 6400 places, of stride 8
    (b"\x0a\x03\x08\xc0\x0c", (b"b",) * 6),  # 1600, of stride 16
    (b"\x0a\x03\x08\x90\x03", (b"c",) * 6),  # 400, of stride 32
)


class YuNet:
    """The network and what its outputs mean.

    Args:
        path: ``yunet_n_640_640.onnx``.
        min_score: boxes below it are dropped.
        max_overlap: of two boxes that overlap by more (IoU), the surer one stays.
        threads: for one run; None: as many cores as this process may use.

    Raises:
        ModelError: the file cannot be read.
        ModelIntegrityError: it is another graph.
    """

    def __init__(
        self, path: Path, min_score: float, max_overlap: float, threads: int | None = None
    ) -> None:
        self._graph = open_graph(_of_any_size(path.read_bytes(), path), threads)
        self._min_score, self._max_overlap = min_score, max_overlap

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[tuple[tuple[float, ...], float]]:
        """Boxes ``(x1, y1, x2, y2)`` in pixels with their scores, the surest first.

        Args:
            image_rgb: ``(height, width, 3)`` uint8 of any size; it is padded in black to whole
                strides.
        """
        height, width = image_rgb.shape[:2]
        below, beside = -height % STRIDES[-1], -width % STRIDES[-1]
        if below or beside:
            image_rgb = np.asarray(
                cv2.copyMakeBorder(image_rgb, 0, below, 0, beside, cv2.BORDER_CONSTANT), np.uint8
            )
        # (1, 3, height, width) float32 of 0 to 255, blue first.
        blob = cv2.dnn.blobFromImage(image_rgb, swapRB=True)
        found = self._graph.run(_OUTPUTS, {"input": blob})
        boxes, scores = zip(
            *(
                self._decode(found[part], found[part + 3], found[part + 6], stride, blob.shape[3])
                for part, stride in enumerate(STRIDES)
            ),
            strict=True,
        )
        corner_size, score = np.concatenate(boxes), np.concatenate(scores)
        if not len(score):
            return []
        # OpenCV compares boxes in whole pixels.
        whole = corner_size.astype(np.int32).tolist()
        kept = cv2.dnn.NMSBoxes(
            whole, score.tolist(), self._min_score, self._max_overlap, top_k=_MOST
        )
        return [
            ((x, y, x + w, y + h), float(score[row]))
            for row in np.asarray(kept).reshape(-1)
            for x, y, w, h in [corner_size[row].tolist()]
        ]

    def _decode(
        self,
        face: NDArray[np.float32],
        there: NDArray[np.float32],
        box: NDArray[np.float32],
        stride: int,
        width: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """One map to boxes ``(n, 4)`` as x, y, width, height and scores ``(n,)``."""
        score = np.sqrt(np.clip(face, 0, 1) * np.clip(there, 0, 1)).reshape(-1)
        (places,) = np.nonzero(score >= self._min_score)
        row, column = np.divmod(places, width // stride)
        offset = box.reshape(-1, 4)[places]
        centre = (np.stack([column, row], axis=1) + offset[:, :2]) * stride
        size = np.exp(offset[:, 2:]) * stride
        decoded = np.concatenate([centre - size / 2, size], axis=1).astype(np.float32)
        return decoded, np.asarray(score[places], np.float32)


def _of_any_size(data: bytes, path: Path) -> bytes:
    """The graph with free sizes in place of 640 by 640."""
    for number, names in _FIXED:
        if data.count(number) != len(names):
            raise ModelIntegrityError(
                f"{path}: not the graph of YuNet that is known here; fetch it again with: "
                "emoscope models fetch yunet"
            )
        for name in names:
            data = data.replace(number, number[:2] + b"\x12\x01" + name, 1)
    return data
