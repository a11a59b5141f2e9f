"""The limit for voices: samples decoded in one go, the graph fed with five seconds at a time."""

from __future__ import annotations

import os

import numpy as np
from worker import Read, serve

SECONDS = 5


def prepare() -> Read:
    import av
    import onnxruntime as ort

    from emoscope.models import store

    options = ort.SessionOptions()
    threads = int(os.environ.get("BENCHMARK_THREADS", 0)) or len(os.sched_getaffinity(0))
    options.intra_op_num_threads = threads
    graph = ort.InferenceSession(str(store.path_of("emoscope-voice")), options)

    def read(path: str) -> object:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
        parts = []
        with av.open(path) as container:
            for frame in container.decode(audio=0):
                frame.pts = None
                parts += [one.to_ndarray().reshape(-1) for one in resampler.resample(frame)]
        parts += [one.to_ndarray().reshape(-1) for one in resampler.resample(None)]
        waveform = np.concatenate(parts)
        step = SECONDS * 16_000
        for first in range(0, len(waveform), step):
            piece = waveform[None, first : first + step]
            graph.run(None, {"waveform": piece, "lengths": np.array([piece.shape[1]], np.int64)})
        return {"seconds": len(waveform) / 16_000}

    return read


if __name__ == "__main__":
    serve(prepare)
