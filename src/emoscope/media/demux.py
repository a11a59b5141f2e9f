"""Recordings and videos through libav: what they hold, then their frames and sound."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, TypeVar

from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from emoscope.errors import (
    CorruptMediaError,
    MediaError,
    MediaLimitError,
    UnsupportedMediaError,
)
from emoscope.media.container import LIBAV_ERRORS, open_stream
from emoscope.media.extent import declared_bytes
from emoscope.media.frames import Frame, Sound
from emoscope.media.limits import Limits
from emoscope.media.moving import FrameGrid, RgbConverter, frame_orientation
from emoscope.media.orientation import shown_size
from emoscope.media.picture_header import check_pixels
from emoscope.media.sniff import HEAD_BYTES, Sniffed
from emoscope.media.sound import SoundChunks

_T = TypeVar("_T")

_PROBE_PACKETS = 400
_BROKEN_IN_A_ROW = 25
_XING = (b"Xing", b"Info", b"VBRI")
_PRE_ROLL_S = 0.5
# Codecs pad and drop a little at both ends.
_SLACK_S = 0.15


@dataclass(frozen=True)
class StreamFacts:
    """What a recording or video says of itself.

    Attributes:
        kind: ``audio`` or ``video``.
        duration_s: seconds, None where the file does not say.
        size_px: width and height as shown, None without moving pictures.
        has_sound: whether there is sound that can be decoded.
        frame_rate: frames per second on average, None where unknown.
        promised_s: the length that must come out of an intact file, None where nothing is sure.
    """

    kind: Literal["audio", "video"]
    duration_s: float | None
    size_px: tuple[int, int] | None
    has_sound: bool
    frame_rate: float | None
    promised_s: float | None


@dataclass
class _Tracks:
    video: Any
    sound: Any
    origin_s: float

    @property
    def chosen(self) -> list[Any]:
        return [track for track in (self.video, self.sound) if track is not None]

    def time_of(self, frame: VideoFrame | AudioFrame) -> float | None:
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is None or frame.time_base is None:
            return None
        # The fraction's own product costs more than decoding a packet of sound.
        base = frame.time_base
        return float(stamp * base.numerator / base.denominator) - self.origin_s


def probe(file: BinaryIO, found: Sniffed, source: str, limits: Limits) -> StreamFacts:
    """Find out what a stream holds; decodes up to the first video frame.

    Raises:
        CorruptMediaError: cannot be opened, or holds nothing.
        UnsupportedMediaError: a codec that this build does not decode.
        MediaLimitError: longer or larger than allowed.
    """
    with _opened(file, found, source) as container:
        tracks = _choose(container, found, source, limits)
        duration_s, promised_s = _lengths(container, tracks, file, found)
        if duration_s is not None and duration_s > limits.max_duration_s:
            raise _too_long(source, duration_s, limits)
        if tracks.video is None:
            return StreamFacts("audio", duration_s, None, True, None, promised_s)
        rate = tracks.video.average_rate or tracks.video.guessed_rate
        return StreamFacts(
            "video",
            duration_s,
            _shown_size(container, tracks, source, limits),
            tracks.sound is not None,
            float(rate) if rate else None,
            promised_s,
        )


def read_stream(
    file: BinaryIO,
    found: Sniffed,
    facts: StreamFacts,
    source: str,
    limits: Limits,
    fps: float | None,
) -> Iterator[Frame | Sound]:
    """Decode a recording or video from the start; see ``Media.read``."""
    return _Reading(found, facts, source, limits, FrameGrid(fps)).run(file)


class _Reading:
    """One pass through a medium."""

    def __init__(
        self, found: Sniffed, facts: StreamFacts, source: str, limits: Limits, grid: FrameGrid
    ) -> None:
        self._found = found
        self._facts = facts
        self._source = source
        self._limits = limits
        self._grid = grid
        self._rgb = RgbConverter()
        self._chunks = SoundChunks()
        self._video_s = 0.0
        self._video_end_s = 0.0
        self._broken_in_a_row = 0
        self._decoded = 0

    @property
    def _reached_s(self) -> float:
        return max(self._video_end_s, self._chunks.end_s)

    def run(self, file: BinaryIO) -> Iterator[Frame | Sound]:
        with _opened(file, self._found, self._source) as container:
            tracks = _choose(container, self._found, self._source, self._limits)
            packets = container.demux(tracks.chosen)
            while (packet := self._guard(lambda: next(packets, None))) is not None:
                for decoded in self._decode(packet):
                    if isinstance(decoded, VideoFrame):
                        yield from self._picture(decoded, tracks)
                    elif isinstance(decoded, AudioFrame):
                        yield from self._sound(decoded, tracks)
            yield from self._guard(lambda: list(self._chunks.flush()))
        self._check_complete()

    def _decode(self, packet: Packet[Any]) -> list[Any]:
        try:
            frames: list[Any] = list(packet.decode())
        except LIBAV_ERRORS as error:
            # One bad packet is a click or a smear; a row of them is the end of the medium.
            self._broken_in_a_row += 1
            if self._broken_in_a_row >= _BROKEN_IN_A_ROW:
                raise self._broke_off() from error
            return []
        if frames:
            self._broken_in_a_row = 0
            self._decoded += len(frames)
        return frames

    def _picture(self, frame: VideoFrame, tracks: _Tracks) -> Iterator[Frame]:
        step_s = 1 / (self._facts.frame_rate or 25.0)
        time_s = tracks.time_of(frame)
        if time_s is None:
            time_s = self._video_end_s
        self._video_s = time_s = max(time_s, self._video_s, 0.0)
        self._video_end_s = time_s + step_s
        self._check_time(time_s)
        check_pixels(frame.width, frame.height, self._source, self._limits)
        if self._grid.takes(time_s):
            yield Frame(time_s, self._guard(lambda: self._rgb.convert(frame)))

    def _sound(self, frame: AudioFrame, tracks: _Tracks) -> Iterator[Sound]:
        sounds = self._chunks.push(frame, tracks.time_of(frame))
        while (sound := self._guard(lambda: next(sounds, None))) is not None:
            self._check_time(sound.end_s)
            yield sound

    def _guard(self, step: Callable[[], _T]) -> _T:
        try:
            return step()
        except LIBAV_ERRORS as error:
            raise self._broke_off() from error

    def _check_time(self, time_s: float) -> None:
        if time_s > self._limits.max_duration_s:
            raise _too_long(self._source, time_s, self._limits)

    def _check_complete(self) -> None:
        if self._decoded == 0:
            raise CorruptMediaError(
                self._source,
                f"nothing in it can be decoded as {self._found.name}; get an intact copy",
            )
        promised_s = self._facts.promised_s
        if promised_s is not None and self._reached_s < promised_s - _SLACK_S:
            raise self._broke_off()

    def _broke_off(self) -> MediaError:
        promised_s = self._facts.duration_s
        of = f" of {promised_s:.1f} s" if promised_s and promised_s > self._reached_s else ""
        return CorruptMediaError(
            self._source,
            f"damaged or truncated {self._found.name}: it breaks off at {self._reached_s:.1f} s"
            f"{of}; get a complete copy of the file",
        )


@contextmanager
def _opened(file: BinaryIO, found: Sniffed, source: str) -> Iterator[InputContainer]:
    try:
        container = open_stream(file, found.demuxer)
    except LIBAV_ERRORS as error:
        raise CorruptMediaError(
            source,
            f"damaged or truncated {found.name}: it cannot be opened; get a complete copy",
        ) from error
    try:
        with container:
            yield container
    finally:
        # A frame that is tied to itself (see RgbConverter) keeps its decoder's pictures, megabytes;
        # of its own accord the collector may come only after dozens of films.
        gc.collect(1)


def _choose(container: InputContainer, found: Sniffed, source: str, limits: Limits) -> _Tracks:
    videos = [stream for stream in container.streams if _is_moving(stream)]
    sounds = [stream for stream in container.streams if stream.type == "audio"]
    for wanted, what in ((videos, "pictures"), (sounds, "sound")):
        if wanted and all(stream.codec_context is None for stream in wanted):
            raise UnsupportedMediaError(
                source,
                f"its {what} are in a codec that is not known here; convert it to MP4 or WAV",
            )
    if not videos and not sounds:
        raise CorruptMediaError(
            source, f"no sound and no moving pictures in this {found.name}; get an intact copy"
        )
    video, sound = _first(videos), _first(sounds)
    if video is not None:
        check_pixels(video.codec_context.width, video.codec_context.height, source, limits)
        video.thread_type = "AUTO"
        # Decoders refuse before they allocate; buffers are a little larger than the picture.
        most = 2 * limits.max_pixels + 2**16
        video.codec_context.options = {"max_pixels": str(min(most, 2**31 - 1))}
    starts = [
        float(track.start_time * track.time_base)
        for track in (video, sound)
        if track is not None and track.start_time is not None and track.time_base is not None
    ]
    origin_s = min(starts, default=0.0)
    # A codec's pre-roll has negative time stamps and is dropped; it is not where the medium starts.
    return _Tracks(video, sound, 0.0 if -_PRE_ROLL_S < origin_s < 0 else origin_s)


def _is_moving(stream: Stream) -> bool:
    """Whether a stream is a video and not the cover of an album or a preview."""
    if stream.type != "video":
        return False
    flags = stream.disposition
    return not (flags & type(flags).attached_pic or flags & type(flags).timed_thumbnails)


def _first(streams: list[Any]) -> Any:
    known = [stream for stream in streams if stream.codec_context is not None]
    marked = [stream for stream in known if stream.disposition & type(stream.disposition).default]
    return next(iter(marked or known), None)


def _lengths(
    container: InputContainer, tracks: _Tracks, file: BinaryIO, found: Sniffed
) -> tuple[float | None, float | None]:
    """The length that the file claims, and the one that an intact file must reach."""
    ends = [
        float((track.duration + (track.start_time or 0)) * track.time_base) - tracks.origin_s
        for track in tracks.chosen
        if track.duration is not None and track.time_base is not None
    ]
    if not ends and container.duration is not None:
        # Matroska: the time stamp at the end, not the length.
        ends = [container.duration / 1e6 - max(tracks.origin_s, 0.0)]
    claimed_s = max(ends, default=0.0)
    if not claimed_s > 0:
        return None, None
    return claimed_s, _promised(claimed_s, file, found)


def _promised(claimed_s: float, file: BinaryIO, found: Sniffed) -> float | None:
    if found.demuxer == "flac":
        return claimed_s
    if found.demuxer == "mp3":
        # Without this header the length is a guess from the bit rate.
        file.seek(0)
        head = file.read(HEAD_BYTES)
        return claimed_s if any(mark in head for mark in _XING) else None
    declared, size = declared_bytes(file, found.demuxer), file.seek(0, 2)
    if declared is None or declared <= size:
        # Nothing is missing. The last picture may well be shown for minutes.
        return None
    # libav has cut the length of these to what is there.
    return claimed_s * declared / size if found.demuxer in ("wav", "avi") else claimed_s


def _shown_size(
    container: InputContainer, tracks: _Tracks, source: str, limits: Limits
) -> tuple[int, int] | None:
    """Size after rotation; the rotation comes with the first decoded frame."""
    width, height = tracks.video.codec_context.width, tracks.video.codec_context.height
    try:
        for count, packet in enumerate(container.demux([tracks.video])):
            frames: list[Any] = list(packet.decode())
            for frame in frames:
                check_pixels(frame.width, frame.height, source, limits)
                return shown_size(frame.width, frame.height, frame_orientation(frame))
            if count >= _PROBE_PACKETS:
                break
    except LIBAV_ERRORS:
        pass
    return (width, height) if width and height else None


def _too_long(source: str, seconds: float, limits: Limits) -> MediaLimitError:
    return MediaLimitError(
        source,
        f"{seconds:.0f} s are more than the {limits.max_duration_s:g} s allowed; "
        "raise the duration limit or cut it",
        limits.max_duration_s,
    )
