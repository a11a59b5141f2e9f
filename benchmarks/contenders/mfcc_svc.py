"""librosa's MFCC and pitch into scikit-learn's SVC (fitted on noise: only its speed counts)."""

from __future__ import annotations

import numpy as np
from worker import Read, serve


def prepare() -> Read:
    import librosa
    from sklearn.svm import SVC

    rng = np.random.default_rng(0)
    machine = SVC(probability=True).fit(rng.standard_normal((400, 42)), np.arange(400) % 8)

    def read(path: str) -> object:
        waveform, rate = librosa.load(path, sr=16_000)
        step = 3 * rate
        for first in range(0, len(waveform), step):
            piece = waveform[first : first + step]
            mfcc = librosa.feature.mfcc(y=piece, sr=rate, n_mfcc=40).mean(axis=1)
            pitch = librosa.yin(piece, fmin=65, fmax=500, sr=rate)
            machine.predict_proba([[*mfcc, pitch.mean(), pitch.std()]])
        return {"seconds": len(waveform) / rate}

    return read


if __name__ == "__main__":
    serve(prepare)
