"""What a face model keeps of its accuracy when faces are framed, lit or kept badly.

    python benchmarks/robustness.py --data DIR [--model NAME] [--pictures 3579] [--detector yunet]

DIR holds ``validation/<label>/*.png`` of FER2013 (48×48 grey). Each picture is enlarged four times
(cubic), perturbed at that size, and cut and shrunk as crops are in use. What lies outside of the
picture is its edge repeated, as in use. "Moderate" levels stand in :data:`MODERATE`, twice as hard
ones in :data:`HARD`; both signs of a shift, a turn, a scale or an exposure are rows of their own,
and every picture is read at every level. The mean drop is over the moderate rows. With
``--detector``, pictures are put on a canvas and cut where that detector sees a face.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from crop_framing import canvases
from numpy.typing import NDArray

from emoscope.face.crop import crop_faces, crop_regions
from emoscope.face.detect import load_detector
from emoscope.face.recognise import FaceRecogniser
from emoscope.training.datasets import fer2013
from emoscope.training.datasets.ferplus import vote_winner

Picture = NDArray[np.uint8]
Change = Callable[[Picture, np.random.Generator], Picture]
ZOOM = 4
SIDE = 48 * ZOOM


def moved(right: float = 0, down: float = 0, scale: float = 1, degrees: float = 0) -> Change:
    """The frame lies elsewhere: shifts in sides, ``scale`` times as wide, turned."""

    def change(picture: Picture, rng: np.random.Generator) -> Picture:
        half = SIDE / 2
        turn = cv2.getRotationMatrix2D((half - 0.5, half - 0.5), degrees, 1 / scale)
        turn = turn - np.array([[0, 0, right], [0, 0, down]]) * SIDE / scale
        out = cv2.warpAffine(picture, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(out, np.uint8)

    return change


def blurred(sigma: float) -> Change:
    """Out of focus, ``sigma`` in pixels of a 48×48 crop."""
    return lambda picture, rng: np.asarray(
        cv2.GaussianBlur(picture, (0, 0), sigma * ZOOM), np.uint8
    )


def jpeg(quality: int) -> Change:
    """Kept as JPEG at the size of a 96×96 face."""

    def change(picture: Picture, rng: np.random.Generator) -> Picture:
        face = cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, quality])
        found = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        return np.asarray(found, dtype=np.uint8)

    return change


def exposed(stops: float) -> Change:
    """Brighter or darker by so many stops of light, of which grey levels are the 2.2nd root."""
    gain = 2.0 ** (stops / 2.2)
    return lambda picture, rng: np.clip(picture * gain, 0, 255).astype(np.uint8)


def noisy(deviation: float) -> Change:
    """Grain, its deviation in grey levels of a 48×48 crop."""

    def change(picture: Picture, rng: np.random.Generator) -> Picture:
        crop = cv2.resize(picture, (48, 48), interpolation=cv2.INTER_AREA)
        grain = rng.normal(0, deviation, crop.shape)
        return np.clip(crop + grain, 0, 255).astype(np.uint8)

    return change


def small(side: int) -> Change:
    """A face of few pixels."""
    return lambda picture, rng: np.asarray(
        cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8
    )


MODERATE: dict[str, Change] = {
    "shifted right by 8% of the side": moved(right=0.08),
    "shifted left by 8%": moved(right=-0.08),
    "shifted down by 8%": moved(down=0.08),
    "shifted up by 8%": moved(down=-0.08),
    "frame 0.85 times as wide": moved(scale=0.85),
    "frame 1.2 times as wide": moved(scale=1.2),
    "turned by 10°": moved(degrees=10),
    "turned by −10°": moved(degrees=-10),
    "blurred, sigma 0.75 px": blurred(0.75),
    "JPEG of 96 px, quality 30": jpeg(30),
    "exposed a stop brighter": exposed(1),
    "exposed a stop darker": exposed(-1),
    "noise of 8 levels": noisy(8),
    "face of 24 px": small(24),
}
HARD: dict[str, Change] = {
    "shifted by 16% right and down": moved(right=0.16, down=0.16),
    "frame 0.7 times as wide": moved(scale=0.7),
    "frame 1.4 times as wide": moved(scale=1.4),
    "turned by 20°": moved(degrees=20),
    "blurred, sigma 1.5 px": blurred(1.5),
    "JPEG of 96 px, quality 10": jpeg(10),
    "exposed two stops brighter": exposed(2),
    "exposed two stops darker": exposed(-2),
    "noise of 16 levels": noisy(16),
    "face of 16 px": small(16),
}


class Judge:
    """Counts right answers by FER2013's labels and by FER+'s majority.

    Each by the output that is meant for it, where the model keeps one for FER2013's labels.
    """

    def __init__(self, model: str, data: Path, pictures: int) -> None:
        self.recogniser = FaceRecogniser(model, threads=1)
        corpus = fer2013.load(data, "validation")
        if pictures < len(corpus):
            chosen = np.random.default_rng(0).permutation(len(corpus))[:pictures]
            corpus = corpus.take(np.sort(chosen))
        self.labels = corpus.labels
        winner, votes = vote_winner(corpus)
        self.winner = np.where(votes > corpus.tagged / 2, winner, -1)
        self.large = [
            np.asarray(cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)
            for crop in corpus.crops
        ]

    def right(self, change: Change | None) -> tuple[float, float]:
        """Accuracy by both, in percent."""
        rng = np.random.default_rng(1)
        by_label, default = [], []
        for start in range(0, len(self.large), 256):
            crops = []
            for picture in self.large[start : start + 256]:
                seen = picture if change is None else change(picture, rng)
                whole = (0.0, 0.0, float(seen.shape[1]), float(seen.shape[0]))
                crops.append(crop_regions(seen, [whole], self.recogniser.crop_size)[0])
            found = self.recogniser.read_all(np.stack(crops))
            by_label.append(found.get("fer2013_probs", found["probs"]))
            default.append(found["probs"])
        to_shared = self.recogniser.labels.to_shared
        label = to_shared(np.concatenate(by_label)).argmax(1)
        shown = to_shared(np.concatenate(default)).argmax(1)
        sure = self.winner >= 0
        return (
            100 * float((label == self.labels).mean()),
            100 * float((shown[sure] == self.winner[sure]).mean()) if sure.any() else float("nan"),
        )


def table(judge: Judge, changes: dict[str, Change], plain: tuple[float, float]) -> None:
    """Rows with both accuracies and what is lost, and their mean."""
    drops = []
    for name, change in changes.items():
        now = judge.right(change)
        drops.append(np.subtract(plain, now))
        print(
            f"| {name} | {now[0]:.1f} | {drops[-1][0]:+.1f} | {now[1]:.1f} | {drops[-1][1]:+.1f} |"
        )
    mean = np.mean(drops, axis=0)
    print(f"| mean drop | | {mean[0]:+.1f} | | {mean[1]:+.1f} |")


def detected(judge: Judge, name: str, folder: Path, count: int) -> None:
    """Pictures on canvases, cut where a detector sees a face, beside the same pictures whole."""
    detector, recogniser = load_detector(name), judge.recogniser
    right, seen = np.zeros(2), 0
    for path, picture, canvas, *_ in canvases(folder, count, seed=3):
        boxes = detector.detect(canvas)
        if boxes:
            cut = crop_faces(canvas, [boxes[0].box_xyxy], detector.name, recogniser.crop_size)
            whole = crop_regions(picture, [(0.0, 0.0, 48.0, 48.0)], recogniser.crop_size)
            found = recogniser.read_all(np.concatenate([cut, whole]))
            best = found.get("fer2013_probs", found["probs"]).argmax(1)
            right += [recogniser.labels.names[index] == path.parent.name for index in best]
            seen += 1
    cut_share, whole_share = 100 * right / max(seen, 1)
    print(
        f"\n{detector.name}: a face found on {seen} of {count} pictures; right on "
        f"{cut_share:.1f}% of its crops, {whole_share:.1f}% of the same pictures as they are"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="What bad framing, light and files cost.")
    parser.add_argument("--data", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--model", default="emoscope-face")
    parser.add_argument("--pictures", type=int, default=3579, help="of validation, at random")
    parser.add_argument("--detector", choices=["yunet", "haar"], action="append")
    options = parser.parse_args()
    judge = Judge(options.model, options.data, options.pictures)
    plain = judge.right(None)
    print(f"{judge.recogniser.name}, {len(judge.labels)} pictures")
    print("| perturbed | FER2013 labels % | drop | FER+ majority % | drop |")
    print("| --- | --- | --- | --- | --- |")
    print(f"| not at all | {plain[0]:.1f} | | {plain[1]:.1f} | |")
    table(judge, MODERATE, plain)
    print("| *hard* | | | | |")
    table(judge, HARD, plain)
    for name in options.detector or []:
        detected(judge, name, options.data / "validation", min(options.pictures, 800))


if __name__ == "__main__":
    main()
