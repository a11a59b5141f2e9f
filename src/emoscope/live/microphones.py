"""Microphones: a device, or a recording or a video's sound that stands in for one."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope._optional import require
from emoscope.errors import SourceError, UnsupportedMediaError
from emoscope.live.pace import Pace
from emoscope.media import SAMPLE_RATE, Sound, open_media

BLOCK_S = 0.05
"""Sound is given in stretches of so many seconds."""
SILENT_AFTER_S = 2.0
"""A device that gives nothing for so long went away."""
_WAITING_BLOCKS = 200


class FileMicrophone:
    """A recording, or the sound of a video, at its own pace.

    Args:
        path: a local file.
        pace: holds it back.

    Raises:
        MediaError: it cannot be read, or has no sound.
    """

    def __init__(self, path: str | Path, pace: Pace | None = None) -> None:
        self.name = str(path)
        self._pace = pace or Pace()
        with open_media(path) as media:
            if not media.has_sound:
                raise UnsupportedMediaError(
                    self.name, "has no sound; give a recording, or --microphone off"
                )

    def sounds(self) -> Iterator[Sound]:
        with open_media(self.name) as media:
            # The frames of a video are skipped; one a minute costs next to nothing.
            parts = (item for item in media.read(1 / 60) if isinstance(item, Sound))
            for block in _blocks(parts):
                # A device gives a block when it is full.
                self._pace.until(block.end_s)
                if self._pace.stopped:
                    return
                yield block

    def close(self) -> None:
        self._pace.stop()


class IterableMicrophone:
    """Sound that is made elsewhere: a list, or a generator of one's own.

    Args:
        sounds: each begins where the one before ended.
        name: for messages.
        pace: holds them back to their times; None: they come at a pace of their own.
    """

    def __init__(
        self, sounds: Iterable[Sound], name: str = "sound", pace: Pace | None = None
    ) -> None:
        self.name = name
        self._sounds = sounds
        self._pace = pace or Pace(realtime=False)

    def sounds(self) -> Iterator[Sound]:
        for sound in self._sounds:
            self._pace.until(sound.end_s)
            if self._pace.stopped:
                return
            yield sound

    def close(self) -> None:
        self._pace.stop()


class DeviceMicrophone:
    """A microphone of this machine, through PortAudio.

    Args:
        device: a name or a part of it, a number, or None for the machine's default.

    Raises:
        MissingExtraError: the ``live`` extra is not installed.
        SourceError: there is no such microphone, or PortAudio itself is missing.
    """

    def __init__(self, device: str | int | None = None) -> None:
        self.name = "microphone" if device is None else f"microphone {device}"
        self._device = device
        try:
            self._sounddevice: Any = require("sounddevice", extra="live")
        except OSError:
            raise SourceError(
                self.name, "PortAudio is missing; install it (libportaudio2), or give a file"
            ) from None
        self._closed = threading.Event()
        self._rate = self._usable_rate()

    def sounds(self) -> Iterator[Sound]:
        blocks: queue.Queue[NDArray[np.float32]] = queue.Queue(_WAITING_BLOCKS)

        def take(data: NDArray[np.float32], frames: int, time: Any, status: Any) -> None:
            with contextlib.suppress(queue.Full):  # nobody listens
                blocks.put_nowait(data[:, 0].copy())

        to_16k = _Resampler(self._rate)
        try:
            with self._sounddevice.InputStream(
                device=self._device,
                channels=1,
                samplerate=self._rate,
                blocksize=round(BLOCK_S * self._rate),
                dtype="float32",
                callback=take,
            ):
                samples = 0
                while not self._closed.is_set():
                    waveform = to_16k(self._next(blocks))
                    if waveform.size:
                        yield Sound(samples / SAMPLE_RATE, waveform)
                        samples += len(waveform)
        except self._sounddevice.PortAudioError as error:
            raise self._gone(str(error)) from None

    def close(self) -> None:
        self._closed.set()

    def _next(self, blocks: queue.Queue[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The next block; an empty one where the microphone was closed meanwhile."""
        for _ in range(round(SILENT_AFTER_S / BLOCK_S)):
            try:
                return blocks.get(timeout=BLOCK_S)
            except queue.Empty:
                if self._closed.is_set():
                    return np.zeros(0, np.float32)
        raise SourceError(self.name, "gives no sound any more; plug it in again")

    def _usable_rate(self) -> int:
        """16 kHz, or where the device does not have it its own rate."""
        try:
            facts = self._sounddevice.query_devices(self._device, "input")
        except (ValueError, self._sounddevice.PortAudioError) as error:
            raise self._gone(str(error)) from None
        try:
            self._sounddevice.check_input_settings(
                device=self._device, channels=1, dtype="float32", samplerate=SAMPLE_RATE
            )
        except self._sounddevice.PortAudioError:
            return int(facts["default_samplerate"])
        return SAMPLE_RATE

    def _gone(self, reason: str) -> SourceError:
        first = " ".join(reason.split()).rstrip(".")
        return SourceError(
            self.name,
            f"cannot be opened ({first}); plug one in, or give another name, a file or 'off'",
        )


class _Resampler:
    """Any rate to 16 kHz, block by block without seams."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: Any = None
        if rate != SAMPLE_RATE:
            from av.audio.resampler import AudioResampler

            self._resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def __call__(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._resampler is None or not block.size:
            return block
        from av.audio.frame import AudioFrame

        frame = AudioFrame.from_ndarray(block[None], format="flt", layout="mono")
        frame.sample_rate = self._rate
        parts = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _blocks(sounds: Iterable[Sound]) -> Iterator[Sound]:
    """The same sound in stretches of :data:`BLOCK_S` at most."""
    size = round(BLOCK_S * SAMPLE_RATE)
    for sound in sounds:
        for start in range(0, len(sound.waveform), size):
            yield Sound(sound.time_s + start / SAMPLE_RATE, sound.waveform[start : start + size])
