"""Cameras: a device, or a video, a picture or a folder of pictures that stands in for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from emoscope.errors import MediaError, SourceError, UnsupportedMediaError
from emoscope.live.pace import Pace
from emoscope.media import Frame, Limits, open_media
from emoscope.media.quiet import quiet_decoders

STILL_FPS = 10.0
"""A picture is shown so often a second."""
FOLDER_FPS = 2.0
"""So many pictures of a folder are shown a second."""
# A real camera does not wait for who is slow: later frames are left out, save one now and then.
_LATE_S = 0.1
_AT_LEAST_EVERY_S = 0.5
_DEVICE_SIZE = (1280, 720)


class FileCamera:
    """A video, at its own pace, or a picture that is shown for as long as one looks.

    Args:
        path: a local file.
        pace: holds it back.

    Raises:
        MediaError: it cannot be read, or has no picture.
    """

    def __init__(self, path: str | Path, pace: Pace | None = None) -> None:
        self.name = str(path)
        self._pace = pace or Pace()
        with open_media(path) as media:
            if media.size_px is None:
                raise UnsupportedMediaError(
                    self.name, "has no picture; give a video or a picture, or --camera off"
                )

    def frames(self) -> Iterator[Frame]:
        with open_media(self.name) as media:
            shown_s = -_AT_LEAST_EVERY_S
            for frame in media.read():
                if not isinstance(frame, Frame):
                    continue
                if media.kind == "image":
                    yield from _still(frame, self._pace)
                    return
                late_s = self._pace.until(frame.time_s)
                if self._pace.stopped:
                    return
                if late_s > _LATE_S and frame.time_s - shown_s < _AT_LEAST_EVERY_S:
                    continue
                shown_s = frame.time_s
                yield frame

    def close(self) -> None:
        self._pace.stop()


class FolderCamera:
    """The pictures of a folder, by name, :data:`FOLDER_FPS` a second; others are left out.

    Raises:
        UnsupportedMediaError: the folder holds no picture.
    """

    def __init__(self, path: str | Path, pace: Pace | None = None) -> None:
        self.name = str(path)
        self._pace = pace or Pace()
        if next(self._pictures(), None) is None:
            raise UnsupportedMediaError(self.name, "a folder without pictures; give another one")

    def frames(self) -> Iterator[Frame]:
        for number, frame in enumerate(self._pictures()):
            self._pace.until(number / FOLDER_FPS)
            if self._pace.stopped:
                return
            yield Frame(number / FOLDER_FPS, frame.image_rgb)

    def close(self) -> None:
        self._pace.stop()

    def _pictures(self) -> Iterator[Frame]:
        for path in sorted(Path(self.name).iterdir()):
            try:
                with open_media(path, Limits(max_duration_s=1.0)) as media:
                    if media.kind == "image":
                        yield from (item for item in media.read() if isinstance(item, Frame))
            except MediaError:
                continue


class IterableCamera:
    """Frames that are made elsewhere: a list, or a generator of one's own.

    Args:
        frames: with rising times.
        name: for messages.
        pace: holds them back to their times; None: they come at a pace of their own.
    """

    def __init__(
        self, frames: Iterable[Frame], name: str = "frames", pace: Pace | None = None
    ) -> None:
        self.name = name
        self._frames = frames
        self._pace = pace or Pace(realtime=False)

    def frames(self) -> Iterator[Frame]:
        for frame in self._frames:
            self._pace.until(frame.time_s)
            if self._pace.stopped:
                return
            yield frame

    def close(self) -> None:
        self._pace.stop()


class DeviceCamera:
    """A camera of this machine, through OpenCV.

    Args:
        number: 0 is the first.
        open_device: gives what has ``read``, ``set``, ``isOpened`` and ``release``.
        clock: stamps the frames.

    Raises:
        SourceError: there is no such camera, or another program uses it.
    """

    def __init__(
        self,
        number: int,
        open_device: Callable[[int], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"camera {number}"
        self._number = number
        self._open_device = open_device or cv2.VideoCapture
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        self._device: Any = self._opened()

    def frames(self) -> Iterator[Frame]:
        with self._lock:
            if self._closed:
                return
            # In the reader's hands from here on: who reads it releases it.
            device, self._device = self._device, None
        if device is None:
            device = self._opened()
        began = self._clock()
        try:
            while not self._closed:
                there, image_bgr = device.read()
                if self._closed:
                    return
                if not there or image_bgr is None:
                    raise SourceError(self.name, "gives no picture any more; plug it in again")
                time_s = self._clock() - began
                image = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB)
                yield Frame(time_s, np.asarray(image, dtype=np.uint8))
        finally:
            device.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            device, self._device = self._device, None
        if device is not None:
            device.release()

    def _opened(self) -> Any:
        with quiet_decoders():
            device = self._open_device(self._number)
            if not device.isOpened():
                device.release()
                raise SourceError(
                    self.name,
                    "cannot be opened; plug one in, close what else uses it, or give another "
                    "number, a file or 'off'",
                )
        width, height = _DEVICE_SIZE
        device.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not one that waited
        return device


def _still(frame: Frame, pace: Pace) -> Iterator[Frame]:
    for number in count():
        pace.until(number / STILL_FPS)
        if pace.stopped:
            return
        yield Frame(number / STILL_FPS, frame.image_rgb)
