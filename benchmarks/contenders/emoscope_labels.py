"""emoscope's face model on the same pictures, by its output for FER2013's labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from worker import Read, serve


def prepare() -> Read:
    import cv2

    from emoscope.face.recognise import FaceRecogniser

    model = FaceRecogniser()

    def read(folder: str) -> object:
        paths = sorted(Path(folder).glob("*/*.png"))
        crops = np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths])
        right = 0
        for first in range(0, len(crops), 128):
            probs = model.read_fer2013(crops[first : first + 128])
            for path, row in zip(paths[first : first + 128], probs, strict=True):
                right += model.labels.names[int(row.argmax())] == path.parent.name
        return {"right": int(right), "n": len(paths)}

    return read


if __name__ == "__main__":
    serve(prepare)
