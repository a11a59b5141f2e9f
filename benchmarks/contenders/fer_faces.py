"""The ``fer`` package as its README shows it; its bundled mini-XCEPTION under TensorFlow."""

from __future__ import annotations

import os

from worker import Read, serve


def prepare() -> Read:
    import cv2

    try:
        from fer.fer import FER
    except ImportError:
        from fer import FER

    detector = FER(mtcnn=os.environ["BENCHMARK_CHOICE"] == "mtcnn")

    def read(path: str) -> object:
        found = detector.detect_emotions(cv2.imread(path))
        tops = [max(face["emotions"], key=face["emotions"].get) for face in found]
        return {"faces": len(found), "labels": tops[:8]}

    return read


if __name__ == "__main__":
    serve(prepare)
