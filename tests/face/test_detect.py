"""Both detectors: on real media where there is some, and on pictures that hold no face."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.errors import ModelUnavailableError
from emoscope.face import detect
from emoscope.face.crop import crop_rule
from emoscope.face.detect import Detection, FaceDetector, HaarDetector, YuNetDetector, load_detector
from emoscope.models import store


@pytest.fixture
def yunet_file(shared_dir: Path) -> Path:
    return shared_dir / "models" / "yunet_n_640_640.onnx"


@pytest.fixture(params=["yunet", "haar"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    if request.param == "haar":
        return HaarDetector()
    return YuNetDetector(request.getfixturevalue("yunet_file"))


def picture(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def holds(found: Detection, point: tuple[float, float]) -> bool:
    x1, y1, x2, y2 = found.box_xyxy
    return x1 < point[0] < x2 and y1 < point[1] < y2


# Between the eyes and the mouth of each face, read off the pictures by eye.
PORTRAIT = [(185, 200)]
GROUP = [(363, 405), (632, 478), (898, 428), (1248, 455), (1585, 440), (1065, 1150)]
SELFIE = [(38, 300), (150, 365), (258, 190), (420, 205), (565, 150), (555, 420)]


@pytest.mark.parametrize("size", [(640, 1), (640, 20), (20, 640), (300, 30), (48, 5)])
def test_thin_pictures_are_read_alike_whatever_came_before(
    shared_dir: Path, yunet_file: Path, size: tuple[int, int]
) -> None:
    portrait = picture(shared_dir / "media" / "portrait.jpg")
    thin = np.asarray(cv2.resize(portrait, size), dtype=np.uint8)
    detector = YuNetDetector(yunet_file, min_score=0.01)
    answers = []
    for width in (381, 160, 64, 230):
        detector.detect(np.asarray(cv2.resize(portrait, (width, 200)), dtype=np.uint8))
        answers.append(detector.detect(thin))
    assert answers == answers[:1] * 4


@pytest.mark.parametrize(
    ("file", "faces"), [("portrait.jpg", PORTRAIT), ("group.jpg", GROUP), ("selfie.jpg", SELFIE)]
)
def test_yunet_finds_every_face_once(
    shared_dir: Path, yunet_file: Path, file: str, faces: list[tuple[float, float]]
) -> None:
    found = YuNetDetector(yunet_file).detect(picture(shared_dir / "media" / file))
    assert [sum(holds(d, point) for d in found) for point in faces] == [1] * len(faces)
    assert len(found) == len(faces)


@pytest.mark.parametrize(
    ("file", "faces", "least"),
    [("portrait.jpg", PORTRAIT, 1), ("group.jpg", GROUP, 4), ("selfie.jpg", SELFIE, 3)],
)
def test_haar_finds_faces_and_nothing_else(
    shared_dir: Path, file: str, faces: list[tuple[float, float]], least: int
) -> None:
    found = HaarDetector().detect(picture(shared_dir / "media" / file))
    hits = [sum(holds(d, point) for d in found) for point in faces]
    assert max(hits) == 1
    assert sum(hits) == len(found) >= least


def test_detection_is_ordered_clipped_and_repeatable(
    shared_dir: Path, detector: FaceDetector
) -> None:
    image = picture(shared_dir / "media" / "selfie.jpg")
    found = detector.detect(image)
    assert found == detector.detect(image)
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)
    height, width = image.shape[:2]
    for x1, y1, x2, y2 in (d.box_xyxy for d in found):
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height


def test_boxes_are_in_the_pictures_own_pixels(shared_dir: Path, detector: FaceDetector) -> None:
    image = picture(shared_dir / "media" / "portrait.jpg")
    (small,) = detector.detect(image)
    for factor in (2, 5):
        size = (image.shape[1] * factor, image.shape[0] * factor)
        (large,) = detector.detect(np.asarray(cv2.resize(image, size), dtype=np.uint8))
        assert np.allclose(np.array(large.box_xyxy) / factor, small.box_xyxy, atol=15)


def test_memory_layout_does_not_matter(shared_dir: Path, detector: FaceDetector) -> None:
    bgr = cv2.imread(str(shared_dir / "media" / "portrait.jpg"))
    view = bgr[:, :, ::-1]
    assert detector.detect(view) == detector.detect(np.ascontiguousarray(view))
    assert len(detector.detect(np.asfortranarray(view))) == 1


def test_a_picture_of_fer2013s_size_is_enough_for_yunet(shared_dir: Path, yunet_file: Path) -> None:
    image = picture(shared_dir / "media" / "portrait.jpg")[60:310, 60:310]
    tiny = np.asarray(cv2.resize(image, (48, 48), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    assert len(YuNetDetector(yunet_file).detect(tiny)) == 1


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 500), (500, 1), (2, 3), (23, 23), (1, 20_000), (3000, 4000), (7, 9000)]
)
def test_no_face_in_pictures_of_any_shape(detector: FaceDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 127, dtype=np.uint8)) == []


def test_no_face_in_noise(detector: FaceDetector) -> None:
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    smooth = cv2.resize(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8), (640, 480))
    assert detector.detect(image) == []
    assert detector.detect(np.asarray(smooth, dtype=np.uint8)) == []


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((5, 5), dtype=np.uint8),
        np.zeros((5, 5, 4), dtype=np.uint8),
        np.zeros((5, 5, 3), dtype=np.float32),
        np.zeros((0, 5, 3), dtype=np.uint8),
    ],
)
def test_wrong_pictures_are_refused(detector: FaceDetector, image: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="got"):
        detector.detect(image)


def test_names_choose_a_crop_rule(detector: FaceDetector) -> None:
    name, version = detector.name.split("@")
    assert version
    assert crop_rule(detector.name) is crop_rule(name)


def test_the_haar_score_rises_with_the_weight() -> None:
    scores = [detect._haar_score(weight) for weight in (-1e9, -2.0, 0.0, 2.0, 8.0, 1e9)]
    assert scores == sorted(scores)
    assert scores[1] < scores[2] < scores[3] == 0.5 < scores[4]
    assert 0 <= scores[0] < scores[-1] <= 1


def test_a_detection_is_checked() -> None:
    with pytest.raises(ValueError, match="score"):
        Detection((0, 0, 1, 1), 1.5)
    with pytest.raises(ValueError, match="box"):
        Detection((0, 0, 0, 1), 0.5)


def test_auto_takes_haar_without_yunets_file() -> None:
    assert isinstance(load_detector("auto"), HaarDetector)
    assert isinstance(load_detector("haar"), HaarDetector)


def test_yunet_without_its_file_says_how_to_get_it() -> None:
    with pytest.raises(ModelUnavailableError, match="emoscope models fetch yunet"):
        load_detector("yunet")


def test_auto_takes_yunet_from_the_store(yunet_file: Path) -> None:
    store.fetch("yunet", from_file=yunet_file)
    for choice in ("auto", "yunet"):
        assert load_detector(choice).name == "yunet@2023-n-640"  # type: ignore[arg-type]


def test_another_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="auto, yunet or haar, got 'mtcnn'"):
        load_detector("mtcnn")  # type: ignore[arg-type]
