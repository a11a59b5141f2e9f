"""Open a picture, a recording or a video and read it as frames and sound, in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from emoscope._closing import Closing
from emoscope.errors import CorruptMediaError, MediaLimitError, UnsupportedMediaError
from emoscope.media.demux import StreamFacts, probe, read_stream
from emoscope.media.frames import Frame, Sound
from emoscope.media.image import decode_picture
from emoscope.media.limits import Limits
from emoscope.media.picture_header import PictureHeader, read_header
from emoscope.media.sniff import HEAD_BYTES, Sniffed, sniff
from emoscope.media.source import as_file, open_file
from emoscope.results import Kind

_NO_LIMITS_GIVEN = Limits()


class Media(Closing):
    """An opened medium; a context manager. ``read`` may be called more than once.

    Attributes:
        source: the input as the user named it.
        kind: ``image``, ``audio`` or ``video``.
        duration_s: seconds, as the file claims; 0 for a picture, None where it does not say.
        size_px: ``(width, height)`` as shown, after rotation; None for a recording.
        has_sound: whether there is a sound track.
        frame_rate: frames per second on average, as the file claims; None without moving pictures.
    """

    def __init__(
        self,
        source: str,
        file: BinaryIO,
        found: Sniffed,
        limits: Limits,
        medium: PictureHeader | StreamFacts,
    ) -> None:
        self.source = source
        self._file = file
        self._found = found
        self._limits = limits
        self._medium = medium
        self.kind: Kind
        self.duration_s: float | None
        self.size_px: tuple[int, int] | None = medium.size_px
        self.has_sound = False
        self.frame_rate: float | None = None
        if isinstance(medium, PictureHeader):
            self.kind, self.duration_s = "image", 0.0
        else:
            self.kind, self.duration_s = medium.kind, medium.duration_s
            self.has_sound, self.frame_rate = medium.has_sound, medium.frame_rate

    def read(self, fps: float | None = None) -> Iterator[Frame | Sound]:
        """Decode from the start.

        Frames and chunks of sound come as they lie in the file, each kind in order of time: memory
        does not grow with length.

        Args:
            fps: at most so many frames per second, on a steady grid that the first frame starts;
                the others are skipped before they cost a conversion. None: all.

        Raises:
            CorruptMediaError: damaged or truncated; what came before was read well.
            MediaLimitError: more pixels or seconds than allowed come out of it.
            ValueError: ``fps`` is not positive, or the medium has been closed.
        """
        if self._file.closed:
            raise ValueError("the medium has been closed; open it again")
        if isinstance(self._medium, PictureHeader):
            return self._read_picture(self._medium)
        return read_stream(self._file, self._found, self._medium, self.source, self._limits, fps)

    def _read_picture(self, header: PictureHeader) -> Iterator[Frame]:
        self._file.seek(0)
        yield Frame(0.0, decode_picture(self._file.read(), self.source, header))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_media(source: str | Path, limits: Limits = _NO_LIMITS_GIVEN) -> Media:
    """Open a file and find out what it is, from its content alone.

    Args:
        source: path of a local file; addresses are refused, nothing is ever fetched.
        limits: how many pixels, seconds and bytes are accepted.

    Raises:
        MediaNotFoundError: no such file.
        UnsupportedMediaError: an address, a directory, a playlist, or nothing that can be read.
        CorruptMediaError: empty, truncated, damaged, or named like a medium but holding none.
        MediaLimitError: more pixels, seconds or bytes than allowed.
    """
    file, size = open_file(source, limits)
    return _opened(file, size, str(source), limits)


def open_data(data: bytes, name: str, limits: Limits = _NO_LIMITS_GIVEN) -> Media:
    """Open a file that is in memory; otherwise as :func:`open_media`.

    Args:
        data: the whole file.
        name: what to call it in errors.
        limits: how many pixels, seconds and bytes are accepted.
    """
    return _opened(as_file(data, name, limits), len(data), name, limits)


def _opened(file: BinaryIO, size: int, name: str, limits: Limits) -> Media:
    try:
        found = sniff(file.read(HEAD_BYTES), name)
        if found.family == "picture":
            return Media(name, file, found, limits, _picture(file, size, found, name, limits))
        return Media(name, file, found, limits, probe(file, found, name, limits))
    except BaseException:
        file.close()
        raise


def _picture(file: BinaryIO, size: int, found: Sniffed, name: str, limits: Limits) -> PictureHeader:
    if found.name == "HEIC":
        raise UnsupportedMediaError(name, "HEIC pictures are not read; save it as JPEG or PNG")
    # A picture is read whole: eight bytes per pixel is 16-bit RGBA without any compression.
    if size > limits.max_pixels * 8 + 2**24:
        raise MediaLimitError(
            name,
            f"{size:,} bytes are more than a picture of {limits.max_pixels:,} pixels needs; "
            "raise the pixel limit",
            limits.max_pixels,
        )
    file.seek(0)
    try:
        return read_header(file.read(), found.name, name, limits)
    except OSError as error:
        raise CorruptMediaError(name, f"cannot be read ({error.strerror}); copy it anew") from None
