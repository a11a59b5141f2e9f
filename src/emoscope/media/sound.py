"""Any decoded sound to chunks of 16 kHz mono."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from emoscope.media.frames import SAMPLE_RATE, Sound

CHUNK_SAMPLES = SAMPLE_RATE // 2
"""Samples per chunk; only the last of a medium may be shorter."""

_GAP_S = 0.1
"""A jump in the time stamps by more than this is a hole in the recording, not rounding."""

_GATHERED_S = 0.25

_RATES = range(1_000, 1_000_001)


class SoundChunks:
    """Turns decoded audio frames into evenly sized chunks without a break.

    libswresample mixes all channels to one with its standard matrix, normalised so that full
    scale stays full scale, and resamples with its default filter. Holes in the time stamps become
    silence, so that sound and pictures stay together; overlaps are played through.
    """

    def __init__(self) -> None:
        self._resampler: AudioResampler | None = None
        self._gathered = AudioFifo()
        self._setup: tuple[str, str, int] | None = None
        self._pending: list[NDArray[np.float32]] = []
        self._held = 0
        self._start_s: float | None = None
        self._skip = 0
        self._made = 0
        self._heard_s = 0.0

    @property
    def end_s(self) -> float:
        """Where the sound pushed so far ends, 0 before any."""
        return (self._start_s or 0.0) + self._heard_s

    def push(self, frame: AudioFrame, time_s: float | None) -> Iterator[Sound]:
        """Add a decoded frame.

        Args:
            frame: as libav gives it.
            time_s: when it begins, None where it does not say: right after the one before. Sound
                before 0 is dropped.

        Raises:
            ValueError: a sample rate that no recording has.
        """
        if frame.sample_rate not in _RATES:
            raise ValueError(f"a sample rate of {frame.sample_rate} Hz")
        if self._start_s is None:
            self._start_s = max(time_s or 0.0, 0.0)
            self._skip = round(max(-(time_s or 0.0), 0.0) * SAMPLE_RATE)
            self._heard_s = min(time_s or 0.0, 0.0)
        elif time_s is not None and time_s > self.end_s + _GAP_S:
            yield from self._fill(time_s)
        setup = (frame.format.name, frame.layout.name, frame.sample_rate)
        if setup != self._setup:
            yield from self._drain()
            self._resampler = AudioResampler(format="s32", layout="mono", rate=SAMPLE_RATE)
            self._setup = setup
        self._heard_s += frame.samples / frame.sample_rate
        # Times are counted here; libav would choke on time stamps that jump.
        frame.pts = None
        # Codecs give some 20 ms at a time; the resampler costs as much for ten times that.
        self._gathered.write(frame)
        if self._gathered.samples >= frame.sample_rate * _GATHERED_S:
            yield from self._resample()

    def flush(self) -> Iterator[Sound]:
        """Give what is left, at the end of the medium."""
        yield from self._drain()
        if self._held:
            yield self._cut(self._held)

    def _resample(self) -> Iterator[Sound]:
        assert self._resampler is not None
        frame = self._gathered.read()
        if frame is not None:
            yield from self._collect(self._resampler.resample(frame))

    def _drain(self) -> Iterator[Sound]:
        if self._resampler is not None:
            yield from self._resample()
        self._gathered = AudioFifo()
        resampler, self._resampler, self._setup = self._resampler, None, None
        if resampler is not None:
            yield from self._collect(resampler.resample(None))

    def _fill(self, until_s: float) -> Iterator[Sound]:
        yield from self._drain()
        start_s = self._start_s or 0.0
        missing = round((until_s - start_s) * SAMPLE_RATE) - self._made - self._held
        while missing > 0:
            step = min(missing, CHUNK_SAMPLES)
            yield from self._add(np.zeros(step, dtype=np.float32))
            missing -= step
        self._heard_s = until_s - start_s

    def _collect(self, frames: list[AudioFrame]) -> Iterator[Sound]:
        for frame in frames:
            samples = frame.to_ndarray().reshape(-1)
            yield from self._add(samples.astype(np.float32) * np.float32(2.0**-31))

    def _add(self, samples: NDArray[np.float32]) -> Iterator[Sound]:
        if self._skip:
            dropped = min(self._skip, len(samples))
            self._skip -= dropped
            samples = samples[dropped:]
        if len(samples):
            self._pending.append(samples)
            self._held += len(samples)
        while self._held >= CHUNK_SAMPLES:
            yield self._cut(CHUNK_SAMPLES)

    def _cut(self, count: int) -> Sound:
        joined = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        rest = joined[count:]
        self._pending = [rest] if len(rest) else []
        self._held = len(rest)
        time_s = (self._start_s or 0.0) + self._made / SAMPLE_RATE
        self._made += count
        return Sound(time_s, np.ascontiguousarray(joined[:count]))
