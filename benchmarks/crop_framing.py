"""How each detector's boxes lie on FER2013's pictures, and how well the crop rule undoes that.

    python benchmarks/crop_framing.py --data DIR [--faces 1500] [--held-out 600] [--model NAME]

DIR holds ``train/<label>/*.png`` and ``validation/<label>/*.png`` of FER2013 (48×48 grey). Each
picture is enlarged by a random factor and put at a random place on a canvas whose border goes on
from the picture's edge, blurred, so that a detector can draw a whole box. From the boxes on
``train`` come the medians behind ``emoscope.face.crop.RULES``; on ``validation`` the rule as it
stands in the code is applied, and its region compared with where the picture really lies. With
``--model``, the share of right answers on the regions so cut stands beside that on the originals,
by the model's output for FER2013's labels where it has one.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.face.crop import crop_faces, crop_rule
from emoscope.face.detect import FaceDetector, load_detector

SIDES = (80.0, 224.0)  # pixels, the enlarged picture's side, log-uniform


def canvases(
    folder: Path, count: int, seed: int
) -> Iterator[tuple[Path, NDArray[np.uint8], NDArray[np.uint8], float, float, float]]:
    """(path, picture, canvas RGB, left, top, side): the picture lies there on the canvas."""
    paths = sorted(folder.glob("*/*.png"))
    rng = np.random.default_rng(seed)
    for index in rng.permutation(len(paths))[:count]:
        picture = np.asarray(cv2.imread(str(paths[index]), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
        side = math.exp(rng.uniform(math.log(SIDES[0]), math.log(SIDES[1])))
        pixels = round(side * 1.8)
        left, top = rng.uniform(0.2, 0.6, 2) * side
        # From the picture's pixel centres to the canvas': 48 pixels span `side`.
        zoom = side / 48
        move = np.array(
            [
                [zoom, 0, left + zoom / 2 - 0.5],
                [0, zoom, top + zoom / 2 - 0.5],
            ]
        )
        sharp = cv2.warpAffine(
            picture,
            move,
            (pixels, pixels),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        canvas = cv2.GaussianBlur(sharp, (0, 0), side / 12)
        a, b, c, d = round(left), round(top), round(left + side), round(top + side)
        canvas[b:d, a:c] = sharp[b:d, a:c]
        rgb = np.asarray(cv2.cvtColor(canvas, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
        yield paths[index], picture, rgb, left, top, side


def measure(detector: FaceDetector, folder: Path, count: int) -> None:
    rows = []
    for _, _, canvas, left, top, side in canvases(folder, count, seed=1):
        found = detector.detect(canvas)
        if found:
            x1, y1, x2, y2 = found[0].box_xyxy
            width, height = (x2 - x1) / side, (y2 - y1) / side
            x, y = ((x1 + x2) / 2 - left) / side, ((y1 + y2) / 2 - top) / side
            unit = math.sqrt(width * height)
            rows.append((x, y, width, height, unit, (0.5 - x) / unit, (0.5 - y) / unit, 1 / unit))
    table = np.array(rows)
    print(f"\n{detector.name}, train: a face found on {len(rows)} of {count} pictures")
    names = ["centre x", "centre y", "width", "height", "unit", "right", "down", "side"]
    print("| in picture sides | 5% | 25% | median | 75% | 95% | spread of log |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, column in zip(names, table.T, strict=True):
        quantiles = np.quantile(column, [0.05, 0.25, 0.5, 0.75, 0.95])
        spread = (
            f"{np.diff(np.quantile(np.log(column), [0.25, 0.75]))[0]:.3f}"
            if (column > 0).all()
            else ""
        )
        print(f"| {name} | " + " | ".join(f"{q:.3f}" for q in quantiles) + f" | {spread} |")


def check(detector: FaceDetector, folder: Path, count: int, recogniser: Any) -> None:
    rule = crop_rule(detector.name)
    ious, ratios, offsets, differences = [], [], [], []
    right: list[tuple[bool, bool]] = []
    for path, picture, canvas, left, top, side in canvases(folder, count, seed=2):
        found = detector.detect(canvas)
        if not found:
            continue
        box = found[0].box_xyxy
        x1, y1, x2, y2 = rule.region(box)
        across = min(x2, left + side) - max(x1, left)
        down = min(y2, top + side) - max(y1, top)
        shared = max(across, 0) * max(down, 0)
        ious.append(shared / (side**2 + (x2 - x1) ** 2 - shared))
        ratios.append((x2 - x1) / side)
        offsets.append((((x1 + x2) / 2 - left) / side - 0.5, ((y1 + y2) / 2 - top) / side - 0.5))
        crop = crop_faces(canvas, [box], detector.name, 48)[0]
        differences.append(np.abs(crop.astype(float) - picture).mean())
        if recogniser is not None:
            size = recogniser.crop_size
            whole = crop_faces(canvas, [box], detector.name, size)
            original = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
            answered = recogniser.read_all(np.concatenate([whole, original[np.newaxis]]))
            probs = answered.get("fer2013_probs", answered["probs"])
            answers = [recogniser.labels.names[i] == path.parent.name for i in probs.argmax(1)]
            right.append((answers[0], answers[1]))
    print(f"\n{detector.name}, validation: a face found on {len(ious)} of {count} pictures")
    print("| region against the picture | 5% | 25% | median | 75% | 95% |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, values in (
        ("IoU", ious),
        ("side ratio", ratios),
        ("offset right, sides", [o[0] for o in offsets]),
        ("offset down, sides", [o[1] for o in offsets]),
        ("grey levels, mean difference", differences),
    ):
        quantiles = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
        print(f"| {name} | " + " | ".join(f"{q:.3f}" for q in quantiles) + " |")
    if right:
        cut, whole_right = np.mean(right, axis=0)
        print(f"{recogniser.name}: right on {cut:.3f} of the crops, {whole_right:.3f} of originals")


def main() -> None:
    parser = argparse.ArgumentParser(description="Where detectors' boxes lie on FER2013.")
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--faces", type=int, default=1500, help="pictures of train to measure on")
    parser.add_argument("--held-out", type=int, default=600, help="pictures of validation")
    parser.add_argument("--detector", choices=["yunet", "haar"], action="append")
    parser.add_argument("--model", help="a face model to count right answers with")
    options = parser.parse_args()
    recogniser = None
    if options.model:
        from emoscope.face.recognise import FaceRecogniser

        recogniser = FaceRecogniser(options.model)
    for choice in options.detector or ["yunet", "haar"]:
        detector = load_detector(choice)
        if options.faces:
            measure(detector, options.data / "train", options.faces)
        if options.held_out:
            check(detector, options.data / "validation", options.held_out, recogniser)


if __name__ == "__main__":
    main()
