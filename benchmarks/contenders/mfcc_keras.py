"""What RAVDESS tutorials do: librosa's mean MFCC into a small Keras network (weights do not matter
for its speed; they are random)."""

from __future__ import annotations

import numpy as np
from worker import Read, serve


def prepare() -> Read:
    import librosa
    from tensorflow import keras

    network = keras.Sequential(
        [
            keras.layers.Input((40, 1)),
            keras.layers.Conv1D(64, 5, padding="same", activation="relu"),
            keras.layers.MaxPooling1D(4),
            keras.layers.Conv1D(128, 5, padding="same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(8, activation="softmax"),
        ]
    )

    def read(path: str) -> object:
        waveform, rate = librosa.load(path, sr=22_050)
        step = 3 * rate
        for first in range(0, len(waveform), step):
            piece = waveform[first : first + step]
            mfcc = librosa.feature.mfcc(y=piece, sr=rate, n_mfcc=40).mean(axis=1)
            network.predict(mfcc[None, :, None].astype(np.float32), verbose=0)
        return {"seconds": len(waveform) / rate}

    return read


if __name__ == "__main__":
    serve(prepare)
