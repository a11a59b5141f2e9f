"""Where live frames and sound come from: interfaces that anyone may fill, and how to name one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from emoscope.errors import SourceError
from emoscope.live.pace import Pace
from emoscope.media import Frame, Sound


class CameraSource(Protocol):
    """Gives frames as they are taken.

    Whatever has these members is a camera: an RTSP stream, a screen, a generator. ``frames`` ends
    where the source ends. It raises :class:`emoscope.errors.SourceError` where a device went away
    and may come back; it is then called again after a while.
    """

    name: str

    def frames(self) -> Iterator[Frame]:
        """Frames with rising times, in seconds on any clock."""

    def close(self) -> None:
        """Release the device and end ``frames``; from any thread, more than once."""


class MicrophoneSource(Protocol):
    """Gives sound as it is heard; otherwise as :class:`CameraSource`."""

    name: str

    def sounds(self) -> Iterator[Sound]:
        """Short stretches, each beginning where the one before ended."""

    def close(self) -> None:
        """Release the device and end ``sounds``; from any thread, more than once."""


def camera(spec: str, *, realtime: bool = True) -> CameraSource | None:
    """A camera by name: a number, a file, a folder of pictures; None for ``off``.

    Args:
        spec: ``0`` is the first device; addresses are refused.
        realtime: files and folders are given at the pace at which they were taken; False: as fast
            as they are asked for.

    Raises:
        SourceError: no such device, or an address.
        MediaError: no such file, or one that cannot be read.
    """
    from emoscope.live.cameras import DeviceCamera, FileCamera, FolderCamera

    if spec == "off":
        return None
    if spec.isdecimal() and not Path(spec).exists():
        return DeviceCamera(int(spec))
    _refuse_addresses(spec, "CameraSource")
    if Path(spec).is_dir():
        return FolderCamera(spec, Pace(realtime))
    return FileCamera(spec, Pace(realtime))


def microphone(spec: str, *, realtime: bool = True) -> MicrophoneSource | None:
    """A microphone by name: ``default``, a device's name or number, a file; None for ``off``.

    Args:
        spec: what is a file is read; anything else that does not look like one names a device.
        realtime: files are given at the pace of the recording; False: as fast as they are asked
            for.

    Raises:
        SourceError: no such device, or an address.
        MediaError: no such file, or one that cannot be read.
        MissingExtraError: a device without the ``live`` extra.
    """
    from emoscope.live.microphones import DeviceMicrophone, FileMicrophone

    if spec == "off":
        return None
    if spec == "default":
        return DeviceMicrophone(None)
    _refuse_addresses(spec, "MicrophoneSource")
    path = Path(spec)
    if path.exists() or path.suffix or path.parent != Path():
        return FileMicrophone(spec, Pace(realtime))
    return DeviceMicrophone(int(spec) if spec.isdecimal() else spec)


def _refuse_addresses(spec: str, interface: str) -> None:
    if "://" in spec:
        raise SourceError(
            spec,
            "an address; emoscope opens none by itself: give a device or a file, or write a "
            f"{interface} in Python (docs/live-protocol.md)",
        )
