"""The mean face of each emotion, computed from many training pictures of FER2013.

FER2013's pictures (48 x 48, grey) are enlarged, brought to one place by their landmarks (YuNet:
eyes, nose, corners of the mouth) and averaged. A mean of pictures that match only at five points
is a blur, so each picture is then moved by dense optical flow onto the mean so far, and the mean
is taken again; the mean of all the movements is taken back out, so that the result keeps the
average shape of the face and not that of the first guess (Guimond, Meunier and Thirion, 2000).
Every picture enters as it is and mirrored.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

# Folder of the FER2013 label -> column of the FER+ votes (ten people looked at each picture).
VOTE_COLUMNS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprise": "surprise",
    "neutral": "neutral",
}

# Votes that a picture needs to be averaged. Taggers seldom agree on fear and disgust: of the
# pictures with eight votes 78 and 14 are there, and most of that fear hides behind hands.
LEAST_VOTES = dict.fromkeys(VOTE_COLUMNS, 8) | {"fear": 6, "disgust": 3}

HEIGHT, WIDTH = 288, 256
ENLARGE = 4
_BORDER = 40
# Where the eyes and the tip of the nose go, in pixels of the mean face: the right eye of the
# person (left in the picture), the left eye, the nose.
_EYES_AND_NOSE = np.array([[90.0, 122.0], [166.0, 122.0], [128.0, 166.0]])
_MORE_ROUNDS = 2
LEAST_PEOPLE = 50
OVAL_CENTRE = ((WIDTH - 1) / 2, 150.0)
OVAL_RADII = (84.0, 108.0)


@dataclass(frozen=True)
class MeanFace:
    """A mean face.

    Attributes:
        grey: ``(HEIGHT, WIDTH)`` float32 within [0, 1].
        people: how many pictures were averaged, not counting the mirrored ones.
    """

    grey: Image
    people: int


def agreed_pictures(fer2013: Path, label: str, at_most: int) -> list[Path]:
    """Training pictures of a label with at least :data:`LEAST_VOTES` votes for it.

    Of more than ``at_most`` a sample is drawn, always the same one.
    """
    agreed: list[Path] = []
    with (fer2013 / "fer2013new.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            path = fer2013 / "train" / label / row["Image name"]
            enough = int(row[VOTE_COLUMNS[label]]) >= LEAST_VOTES[label]
            if row["Usage"] == "Training" and enough and path.is_file():
                agreed.append(path)
    agreed.sort(key=lambda path: path.name)
    order = np.random.default_rng(2013).permutation(len(agreed))
    return [agreed[place] for place in order[:at_most]]


def mean_face(fer2013: Path, label: str, yunet: Path, at_most: int = 300) -> MeanFace:
    """The mean face of a label, of at most so many of its :func:`agreed_pictures`.

    Raises:
        ValueError: fewer than 50 faces are left; the mean would show individuals.
    """
    detector = cv2.FaceDetectorYN.create(str(yunet), "", (1, 1), 0.6, 0.3, 50)
    faces: list[Image] = []
    masks: list[Image] = []
    seen: list[NDArray[np.float32]] = []
    for path in agreed_pictures(fer2013, label, at_most):
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        placed = None if _seen_before(picture, seen) else _placed(picture, detector)
        if placed is not None:
            face, mask = placed
            faces += [face, face[:, ::-1]]
            masks += [mask, mask[:, ::-1]]
    mean = _registered_average(faces, masks, _average(faces, masks))
    faces, masks = _typical(faces, masks, mean)
    people = len(faces) // 2
    if people < LEAST_PEOPLE:
        raise ValueError(f"{label}: {people} faces; a mean of so few may show a person")
    for _ in range(_MORE_ROUNDS):
        mean = _registered_average(faces, masks, mean)
    return MeanFace(_toned(mean), people)


def _typical(
    faces: list[Image], masks: list[Image], mean: Image
) -> tuple[list[Image], list[Image]]:
    """Without the quarter that is least like the mean: hands before the face, writing, drawings."""
    inside = oval(0.9, 1.1)
    away = []
    for face in faces[::2]:
        moved = sample(face, smooth_flow(mean, face) * inside[..., np.newaxis])
        away.append(float(np.sum(inside * (moved - mean) ** 2)))
    kept = np.repeat(np.array(away) <= np.quantile(away, 0.75), 2)
    return (
        [face for face, keep in zip(faces, kept, strict=True) if keep],
        [mask for mask, keep in zip(masks, kept, strict=True) if keep],
    )


def _seen_before(picture: NDArray[np.uint8], seen: list[NDArray[np.float32]]) -> bool:
    """Whether (nearly) the same picture came before: FER2013 holds many twice, some mirrored."""
    small = cv2.resize(picture, (12, 12), interpolation=cv2.INTER_AREA).astype(np.float32)
    small = (small - small.mean()) / (small.std() + 1e-6)
    if any(float(np.mean((small - other) ** 2)) < 0.08 for other in seen):
        return True
    seen += [small, small[:, ::-1]]
    return False


def _placed(picture: NDArray[np.uint8], detector: Any) -> tuple[Image, Image] | None:
    """The face moved to its place with even contrast, and where the picture reaches."""
    large = cv2.resize(picture, None, fx=ENLARGE, fy=ENLARGE, interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(large, *(_BORDER,) * 4, cv2.BORDER_REPLICATE)
    detector.setInputSize(framed.shape[::-1])
    _, rows = detector.detect(cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR))
    if rows is None:
        return None
    points = rows[np.argmax(rows[:, 14]), 4:14].reshape(5, 2).astype(np.float64) - _BORDER
    if not _frontal(points):
        return None
    matrix = _similarity(points[:3], _EYES_AND_NOSE)
    size = (WIDTH, HEIGHT)
    face = cv2.warpAffine(
        large.astype(np.float32),
        matrix,
        size,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    mask = cv2.warpAffine(np.ones(large.shape, np.float32), matrix, size, flags=cv2.INTER_LINEAR)
    middle = face[80:230, 70:186]
    spread = float(middle.std())
    if spread < 8.0:
        return None
    return ((face - middle.mean()) / spread).astype(np.float32), mask


def _frontal(points: NDArray[np.float64]) -> bool:
    """Whether the nose stands between the eyes, and the mouth below it, as in a frontal face."""
    right, left, nose, mouth_right, mouth_left = points
    across = left - right
    distance = float(np.hypot(*across))
    if distance < 40:
        return False
    along = across / distance
    off_nose = float((nose - (left + right) / 2) @ along) / distance
    off_mouth = float(((mouth_left + mouth_right) / 2 - (left + right) / 2) @ along) / distance
    return abs(off_nose) < 0.13 and abs(off_mouth) < 0.13 and abs(along[1]) < 0.25


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ``(2, 3)`` turn, scale and shift that brings points closest to others."""
    rows = np.zeros((2 * len(source), 4))
    rows[0::2] = np.column_stack(
        [source[:, 0], -source[:, 1], np.ones(len(source)), 0 * source[:, 0]]
    )
    rows[1::2] = np.column_stack(
        [source[:, 1], source[:, 0], 0 * source[:, 0], np.ones(len(source))]
    )
    a, b, dx, dy = np.linalg.lstsq(rows, target.ravel(), rcond=None)[0]
    return np.array([[a, -b, dx], [b, a, dy]])


def _average(faces: list[Image], masks: list[Image]) -> Image:
    """At each pixel the mean of the middle half of the values, of the pictures that reach it.

    The middle half, so that hands, glasses and hats, which are seldom in the same place, fade out.
    """
    average = np.empty((HEIGHT, WIDTH), np.float32)
    for top in range(0, HEIGHT, 32):  # in strips, for memory
        rows = slice(top, top + 32)
        reached = np.stack([mask[rows] > 0.5 for mask in masks])
        few = reached.sum(axis=0) < 0.02 * len(faces)
        reached |= few
        values = np.where(reached, np.stack([face[rows] for face in faces]), np.inf)
        values.sort(axis=0)
        count = reached.sum(axis=0)
        low, high = count // 4, np.maximum(count - count // 4, count // 4 + 1)
        place = np.arange(len(faces))[:, np.newaxis, np.newaxis]
        middle = (place >= low) & (place < high)
        average[rows] = np.where(middle, values, 0).sum(axis=0) / (high - low)
    return (average + average[:, ::-1]) / 2


def _registered_average(faces: list[Image], masks: list[Image], mean: Image) -> Image:
    """The average after each face has moved onto ``mean``, brought back to the average shape."""
    # Hair, hands and hats match nothing: outside of the face nothing is moved, so they blur away.
    inside = oval(0.85, 1.25)[..., np.newaxis]
    drift = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    moved: list[Image] = []
    reach: list[Image] = []
    for face, mask in zip(faces, masks, strict=True):
        flow = smooth_flow(mean, face) * inside
        moved.append(sample(face, flow))
        reach.append(sample(mask, flow))
        drift += flow / len(faces)
    return sample(_average(moved, reach), -drift)


def smooth_flow(still: Image, moving: Image, smoothness: float = 6.0) -> Image:
    """``(h, w, 2)`` pixels: where in ``moving`` each pixel of ``still`` is found."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(1)
    pixels = [_byte(image) for image in (still, moving)]
    dense: Image = flow.calc(pixels[0], pixels[1], None)
    return cv2.GaussianBlur(dense, (0, 0), smoothness)


def oval(inner: float, outer: float) -> Image:
    """``(HEIGHT, WIDTH)``: 1 inside the oval of a face, falling to 0 from ``inner`` to ``outer``.

    Both are fractions of the oval's radii.
    """
    rows, columns = np.indices((HEIGHT, WIDTH), dtype=np.float32)
    centre_x, centre_y = OVAL_CENTRE
    radius_x, radius_y = OVAL_RADII
    radius = np.hypot((columns - centre_x) / radius_x, (rows - centre_y) / radius_y)
    fall = np.clip((outer - radius) / (outer - inner), 0, 1)
    return (fall * fall * (3 - 2 * fall)).astype(np.float32)


def sample(image: Image, flow: Image) -> Image:
    """The image taken at each pixel plus its flow."""
    rows, columns = np.indices(image.shape[:2], dtype=np.float32)
    return cv2.remap(
        image,
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _byte(image: Image) -> NDArray[np.uint8]:
    low, high = np.percentile(image, (1, 99))
    return np.clip(255 * (image - low) / (high - low), 0, 255).astype(np.uint8)


def _toned(mean: Image) -> Image:
    """A mean is flat and soft: detail is lifted a little and the tones fill the scale."""
    sharp = mean.copy()
    for radius, amount in ((6.0, 0.35), (2.2, 0.8)):
        sharp = sharp + amount * (sharp - cv2.GaussianBlur(sharp, (0, 0), radius))
    around = cv2.GaussianBlur(mean, (0, 0), 7.0)
    within = oval(0.84, 1.06)
    sharp = within * sharp + (1 - within) * around
    face = sharp[60:250, 60:196]
    low, high = np.percentile(face, (0.5, 99.5))
    return np.clip(0.06 + 0.86 * (sharp - low) / (high - low), 0, 1).astype(np.float32)
