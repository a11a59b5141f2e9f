"""Finds faces: YuNet where its file is to be had, else the Haar cascade that OpenCV ships.

Both answer in pixels of the picture they were given and are deterministic. Neither says who a
face is.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.errors import ModelIntegrityError
from emoscope.face.yunet import YuNet
from emoscope.models import catalog, store
from emoscope.results import Box

DetectorChoice = Literal["auto", "yunet", "haar"]

# Longer side, in pixels, of what the detectors look at. Larger pictures are shrunk to it; smaller
# ones are enlarged to the least one, below which faces of FER2013's size are missed.
LONGEST = 640
SHORTEST_LONGEST = 160


@dataclass(frozen=True)
class Detection:
    """One face found in a picture.

    Attributes:
        box_xyxy: ``(x1, y1, x2, y2)`` in pixels of the picture, clipped to it.
        score: the detector's certainty within [0, 1].
    """

    box_xyxy: Box
    score: float

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.box_xyxy
        if not all(map(math.isfinite, self.box_xyxy)) or x2 <= x1 or y2 <= y1:
            raise ValueError(f"expected a box x1 < x2, y1 < y2, got {self.box_xyxy}")
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"expected a score within [0, 1], got {self.score}")


class FaceDetector(Protocol):
    """What the stream needs of a detector.

    Attributes:
        name: ``name@version``; the name chooses the crop rule.
    """

    name: str

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Detection]:
        """Faces in an RGB picture ``(height, width, 3)`` uint8, the surest first."""
        ...


class YuNetDetector:
    """YuNet (Wu, Peng and Yu, 2023): small faces, turned faces, dim light.

    Args:
        path: the file ``yunet_n_640_640.onnx``; None: the store's.
        min_score: boxes below it are dropped.
        max_overlap: of two boxes that overlap by more (IoU), the surer one stays.
        threads: for one picture; None: as many cores as this process may use.

    Raises:
        ModelUnavailableError: no path given and the store has no such file.
        ModelIntegrityError: the store's file is damaged.
    """

    name: str

    def __init__(
        self,
        path: Path | None = None,
        *,
        min_score: float = 0.6,
        max_overlap: float = 0.3,
        threads: int | None = None,
    ) -> None:
        file = store.path_of("yunet") if path is None else path
        self.name = catalog.find("yunet").at_version
        self._network = YuNet(file, min_score, max_overlap, threads)

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Detection]:
        """Faces, the surest first.

        Args:
            image_rgb: ``(height, width, 3)`` uint8.

        Raises:
            ValueError: another shape or dtype.
        """
        small = _for_detection(image_rgb)
        return _in_picture(self._network.detect(small), small, image_rgb)


class HaarDetector:
    """The frontal-face cascade that OpenCV 4 ships (Viola and Jones, 2001; Lienhart, 2002).

    It needs no file from elsewhere. It finds faces that look at the camera, and now and then
    something that is none; what a second cascade, trained apart, does not see often enough in the
    same place is dropped. Of boxes that share most of the smaller one, the surer one stays.

    The score is a logistic of the last stage's weight: it orders boxes, it is no probability.
    """

    name: str

    def __init__(self) -> None:
        self.name = f"haar@opencv-{cv2.__version__}"
        self._cascade = _cascade("haarcascade_frontalface_default.xml")
        self._second = _cascade("haarcascade_frontalface_alt2.xml")
        self._lock = threading.Lock()  # a cascade keeps its picture between two calls

    def detect(self, image_rgb: NDArray[np.uint8]) -> list[Detection]:
        """Faces, the surest first.

        Args:
            image_rgb: ``(height, width, 3)`` uint8.

        Raises:
            ValueError: another shape or dtype.
        """
        small = _for_detection(image_rgb)
        grey = np.asarray(cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)), dtype=np.uint8)
        if min(grey.shape) < _HAAR_WINDOW:
            return []
        least = max(_HAAR_WINDOW, round(_HAAR_LEAST_SIDE * max(grey.shape)))
        with self._lock:
            boxes, _, weights = self._cascade.detectMultiScale3(
                grey,
                scaleFactor=1.1,
                minNeighbors=_HAAR_NEIGHBOURS,
                minSize=(least, least),
                outputRejectLevels=True,
            )
            order = np.argsort(-np.asarray(weights, dtype=np.float64).reshape(-1), kind="stable")
            kept: list[tuple[int, int, int, int]] = []
            found: list[tuple[Box, float]] = []
            for index in order:
                x, y, width, height = (int(value) for value in boxes[index])
                box = (x, y, x + width, y + height)
                if any(_shared_part(box, other) > 0.5 for other in kept):
                    continue
                if self._agrees(grey, box):
                    kept.append(box)
                    found.append((box, _haar_score(float(weights[index]))))
        return _in_picture(found, small, image_rgb)

    def _agrees(self, grey: NDArray[np.uint8], box: tuple[int, int, int, int]) -> bool:
        """Whether the second cascade sees the face too, at about the same size."""
        x1, y1, x2, y2 = box
        margin = (x2 - x1) // 4
        patch = grey[max(y1 - margin, 0) : y2 + margin, max(x1 - margin, 0) : x2 + margin]
        scale = _SECOND_SIDE / (x2 - x1)
        size = tuple(max(round(side * scale), 1) for side in patch.shape[::-1])
        zoomed = cv2.resize(patch, size, interpolation=cv2.INTER_LINEAR)
        least, most = round(_SECOND_SIDE * 0.62), round(_SECOND_SIDE * 1.36)
        seen = self._second.detectMultiScale(
            zoomed, scaleFactor=1.1, minNeighbors=0, minSize=(least, least), maxSize=(most, most)
        )
        return len(seen) >= _SECOND_TIMES


# Set on a few photographs and films, where YuNet's boxes stood for the truth: the second cascade
# saw true faces 9 to 66 times; of the false ones it saw one 9 times and the others less.
_HAAR_WINDOW = 24
_HAAR_LEAST_SIDE = 0.04  # of the longer side
_HAAR_NEIGHBOURS = 3
_SECOND_SIDE = 96
_SECOND_TIMES = 9


def load_detector(choice: DetectorChoice = "auto", threads: int | None = None) -> FaceDetector:
    """The detector asked for.

    Args:
        choice: ``yunet``, ``haar``, or ``auto``: YuNet where its file is here or comes quickly,
            else Haar.
        threads: for one picture; None: as many cores as this process may use.

    Raises:
        ValueError: another choice.
        ModelUnavailableError: ``yunet`` is not on this machine; the message holds the command.
        ModelIntegrityError: ``yunet``'s file is damaged.
    """
    if choice == "yunet":
        return YuNetDetector(threads=threads)
    if choice == "haar":
        return HaarDetector()
    if choice != "auto":
        raise ValueError(f"detector must be auto, yunet or haar, got {choice!r}")
    path = store.try_fetch("yunet")
    return HaarDetector() if path is None else YuNetDetector(path, threads=threads)


def _cascade(file: str) -> Any:
    path = Path(cv2.__file__).parent / "data" / file  # what cv2.data.haarcascades says, typed
    # From text: OpenCV opens no path outside of the machine's code page.
    storage = cv2.FileStorage(
        path.read_text(encoding="utf-8"), cv2.FileStorage_READ | cv2.FileStorage_MEMORY
    )
    cascade = cv2.CascadeClassifier()
    if not cascade.read(storage.getFirstTopLevelNode()):
        raise ModelIntegrityError(f"{path}: not a cascade; reinstall opencv-python-headless")
    return cascade


def _haar_score(weight: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max((weight - 2.0) / 2.0, -30.0), 30.0)))


def _shared_part(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    """How much of the smaller box lies in the other."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))


def _for_detection(image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture at the size that detectors look at."""
    if image_rgb.dtype != np.uint8 or image_rgb.ndim != 3 or image_rgb.shape[2] != 3:
        raise ValueError(
            f"expected uint8 (height, width, 3), got {image_rgb.dtype} {image_rgb.shape}"
        )
    height, width = image_rgb.shape[:2]
    if not height or not width:
        raise ValueError(f"expected a picture with pixels, got shape {image_rgb.shape}")
    longest = max(height, width)
    target = min(max(longest, SHORTEST_LONGEST), LONGEST)
    image = np.ascontiguousarray(image_rgb)
    # By halves, each pixel the mean of four, then what is left between neighbours: the same boxes
    # as from the mean over every source pixel, in an eighth of its time.
    while max(image.shape[:2]) >= 2 * target:
        image = _resized(image, (image.shape[1] + 1) // 2, (image.shape[0] + 1) // 2)
    if max(image.shape[:2]) == target:
        return image
    return _resized(
        image,
        max(round(width * target / longest), 1),
        max(round(height * target / longest), 1),
    )


def _resized(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def _in_picture(
    found: Sequence[tuple[Sequence[float], float]],
    small: NDArray[np.uint8],
    image: NDArray[np.uint8],
) -> list[Detection]:
    """Boxes scaled back to the picture and clipped to it, the surest first."""
    height, width = image.shape[:2]
    across, down = width / small.shape[1], height / small.shape[0]
    detections = []
    for (left, top, right, bottom), score in found:
        x1, x2 = (min(max(float(x) * across, 0.0), float(width)) for x in (left, right))
        y1, y2 = (min(max(float(y) * down, 0.0), float(height)) for y in (top, bottom))
        if x2 > x1 and y2 > y1:
            detections.append(Detection((x1, y1, x2, y2), min(max(float(score), 0.0), 1.0)))
    return sorted(detections, key=lambda item: (-item.score, item.box_xyxy))
