"""The limit: decoder, detector and graph fed by hand, with nothing around them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from worker import Read, serve


def prepare() -> Read:
    import cv2
    import onnxruntime as ort

    from emoscope.face.yunet import YuNet
    from emoscope.models import catalog, store

    options = ort.SessionOptions()
    threads = int(os.environ.get("BENCHMARK_THREADS", 0)) or len(os.sched_getaffinity(0))
    options.intra_op_num_threads = threads
    spec = catalog.find("emoscope-face")
    graph = ort.InferenceSession(str(store.path_of(spec.name)), options)
    size = graph.get_inputs()[0].shape[1]
    detector = YuNet(store.path_of("yunet"), 0.6, 0.3, threads)

    def read(path: str) -> object:
        data = np.frombuffer(Path(path).read_bytes(), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
        height, width = image.shape[:2]
        scale = min(640 / max(height, width), 1.0)
        small = image
        while max(small.shape[:2]) >= 1280:
            small = cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2))
        small = cv2.resize(small, (round(width * scale), round(height * scale)))
        boxes = [np.array(box) / scale for box, _ in detector.detect(small)]
        if not boxes:
            return {"faces": 0}
        crops = np.empty((len(boxes), size, size), np.uint8)
        for row, (x1, y1, x2, y2) in enumerate(boxes):
            side = 1.1 * ((x2 - x1) * (y2 - y1)) ** 0.5
            left, top = (x1 + x2) / 2 - side / 2, (y1 + y2) / 2 - side / 2
            first, begin = max(int(top), 0), max(int(left), 0)
            face = image[first : int(top + side) + 1, begin : int(left + side) + 1]
            grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
            crops[row] = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
        graph.run(None, {"crops": crops})
        return {"faces": len(boxes)}

    return read


if __name__ == "__main__":
    serve(prepare)
