"""The sound of a video at its own quality, decoded along with the pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from emoscope._closing import Closing
from emoscope.media.container import LIBAV_ERRORS, open_stream
from emoscope.media.sniff import HEAD_BYTES, sniff

AAC_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)

_GAP_S = 0.1
_PRE_ROLL_S = 0.5
_SILENCE_S = 1
_MOST_FAILURES = 25


class Soundtrack(Closing):
    """The sound track that the media room listens to, in stereo or mono at up to 48 kHz.

    Holes become silence and sound before the start is dropped, as the media room does it, so that
    sound and pictures stay together.

    Args:
        source: path of a video with sound.
    """

    def __init__(self, source: str | Path) -> None:
        self._file = open(source, "rb")  # noqa: PTH123, SIM115 - closed with the soundtrack
        try:
            found = sniff(self._file.read(HEAD_BYTES), str(source))
            self._container = open_stream(self._file, found.demuxer)
            track = _chosen(self._container)
            context = track.codec_context
            self.layout = "mono" if context.layout.nb_channels == 1 else "stereo"
            self.rate = context.sample_rate if context.sample_rate in AAC_RATES else AAC_RATES[0]
        except BaseException:
            self._file.close()
            raise
        self._start_s: float | None = None
        self._offset_s: float | None = None
        self._heard_s = 0.0
        self._made = 0
        self._skip = 0
        self._resampler: AudioResampler | None = None
        self._setup: tuple[str, str, int] | None = None
        self._frames = self._decoded(track)
        self._done = False

    def begin(self, start_s: float) -> None:
        """Say when the sound begins, as the media room has it; only the first call counts."""
        if self._start_s is None:
            self._start_s = self._heard_s = start_s
            self._made = round(start_s * self.rate)

    def until(self, time_s: float) -> Iterator[AudioFrame]:
        """Go on to a time: frames of planar floats, time stamped, without a break."""
        while self._start_s is not None and self._heard_s < time_s and not self._done:
            yield from self._next()

    def rest(self) -> Iterator[AudioFrame]:
        """Go on to the end."""
        yield from self.until(math.inf)

    def close(self) -> None:
        """Close the file."""
        self._container.close()
        self._file.close()

    def _decoded(self, track: Any) -> Iterator[AudioFrame]:
        packets, failed = self._container.demux([track]), 0
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames: list[Any] = list(packet.decode())
            except LIBAV_ERRORS:
                # The media room reads the same file: it says what is worth saying, and when to end.
                failed += 1
                if failed >= _MOST_FAILURES:
                    return
                continue
            failed = 0
            yield from frames

    def _next(self) -> Iterator[AudioFrame]:
        frame = next(self._frames, None)
        if frame is None:
            self._done = True
            yield from self._drained()
            return
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is not None and frame.time_base is not None:
            yield from self._aligned(float(stamp * frame.time_base))
        setup = (frame.format.name, frame.layout.name, frame.sample_rate)
        if setup != self._setup:
            yield from self._drained()
            self._resampler = AudioResampler("fltp", self.layout, self.rate)
            self._setup = setup
        self._heard_s += frame.samples / frame.sample_rate
        frame.pts = None
        assert self._resampler is not None
        yield from self._stamped(self._resampler.resample(frame))

    def _aligned(self, raw_s: float) -> Iterator[AudioFrame]:
        """Skip or fill, so that what comes next begins at the time stamp ``raw_s``."""
        if self._offset_s is None:
            if self._start_s:
                self._offset_s = self._start_s - raw_s
            else:
                # A codec's pre-roll lies before 0; any other first time stamp is the start.
                self._offset_s = 0.0 if -_PRE_ROLL_S < raw_s < 0 else -raw_s
            early_s = max(0.0, -(raw_s + self._offset_s))
            self._skip = round(early_s * self.rate)
            self._heard_s -= early_s
        missing_s = raw_s + self._offset_s - self._heard_s
        if missing_s <= _GAP_S:
            return
        yield from self._drained()
        target = round((raw_s + self._offset_s) * self.rate)
        channels = 1 if self.layout == "mono" else 2
        while self._made < target:
            count = min(target - self._made, _SILENCE_S * self.rate)
            yield self._frame(np.zeros((channels, count), dtype=np.float32))
        self._heard_s += missing_s

    def _drained(self) -> Iterator[AudioFrame]:
        resampler, self._resampler, self._setup = self._resampler, None, None
        if resampler is not None:
            yield from self._stamped(resampler.resample(None))

    def _stamped(self, frames: list[AudioFrame]) -> Iterator[AudioFrame]:
        for frame in frames:
            samples = np.asarray(frame.to_ndarray(), dtype=np.float32)
            dropped = min(self._skip, samples.shape[1])
            self._skip -= dropped
            if samples.shape[1] > dropped:
                yield self._frame(samples[:, dropped:])

    def _frame(self, samples: NDArray[np.float32]) -> AudioFrame:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", self.layout)
        frame.sample_rate = self.rate
        frame.time_base = Fraction(1, self.rate)
        frame.pts = self._made
        self._made += samples.shape[1]
        return frame


def _chosen(container: Any) -> Any:
    """The default track, else the first that can be decoded: the media room's choice."""
    known = [t for t in container.streams if t.type == "audio" and t.codec_context is not None]
    marked = [t for t in known if t.disposition & type(t.disposition).default]
    return (marked or known)[0]
