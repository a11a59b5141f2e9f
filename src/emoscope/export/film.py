"""A video with its faces marked and its voice named, as an MP4 that plays everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import av.error
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from emoscope.export.annotate import FaceMarks, FaceStyle
from emoscope.export.between import FacesBetween
from emoscope.export.files import atomic_path
from emoscope.export.soundtrack import Soundtrack
from emoscope.export.strip import VoiceStrip
from emoscope.media import Frame, Limits, open_media
from emoscope.media.container import LIBAV_ERRORS
from emoscope.results import Analysis

Progress = Callable[[float, float | None], None]

# Fine enough for every usual frame rate, and the most that MPEG-4 part 2 can write.
_TICKS = 60_000
_DEFAULT_RATE = 25.0
_BT709, _LIMITED_RANGE = 1, 1
_NO_PICTURE_PX = (320, 180)


def annotate_video(
    source_path: str | Path,
    analysis: Analysis,
    out_path: Path,
    progress: Progress | None = None,
) -> None:
    """Write the video again with what was read from it drawn in.

    Every frame keeps its time; sound is kept as AAC. H.264 where this PyAV can write it, MPEG-4
    otherwise. An odd row or column is doubled, since video sizes are even. Memory does not grow
    with length.

    Args:
        source_path: the video.
        analysis: what was read from it.
        out_path: where to write, ``.mp4``.
        progress: called with the seconds done and the seconds in all, None where not known.

    Raises:
        MediaError: the video cannot be read any more.
        OSError: the result cannot be written.
    """
    with (
        open_media(source_path, limits_of(analysis)) as media,
        atomic_path(out_path) as part,
    ):
        size_px = analysis.size_px or media.size_px or _NO_PICTURE_PX
        marks = _Marks(analysis, size_px)
        with ExitStack() as opened:
            sound = opened.enter_context(Soundtrack(source_path)) if media.has_sound else None
            film = opened.enter_context(_Film(part, size_px, media.frame_rate, sound))
            done_s = 0.0
            for item in media.read():
                if isinstance(item, Frame):
                    film.show(marks.drawn(item), item.time_s)
                    done_s = max(done_s, item.time_s)
                else:
                    film.hear(item.time_s, item.end_s)
                    done_s = max(done_s, item.end_s)
                if progress is not None:
                    progress(done_s, media.duration_s)
            film.finish()


def limits_of(analysis: Analysis) -> Limits:
    """Limits that let the same input in again, whatever limits it was read with."""
    usual = Limits()
    width, height = analysis.size_px or (0, 0)
    return Limits(
        max_pixels=max(usual.max_pixels, 2 * width * height),
        max_duration_s=max(usual.max_duration_s, 2 * analysis.duration_s),
        max_bytes=2**62,
    )


class _Marks:
    """Draws what holds at a frame's time into it."""

    def __init__(self, analysis: Analysis, size_px: tuple[int, int]) -> None:
        step_s = analysis.duration_s / max(analysis.frames_read, 1)
        self._faces = FacesBetween(analysis.faces, step_s)
        style = FaceStyle.of(size_px, [face.box_xyxy for face in analysis.faces])
        self._marks = FaceMarks(style)
        self._size_px = size_px
        self._strip = (
            VoiceStrip(analysis.voice, analysis.duration_s, size_px) if analysis.voice else None
        )

    def drawn(self, frame: Frame) -> NDArray[np.uint8]:
        """The frame's picture, drawn into."""
        image, (width, height) = frame.image_rgb, self._size_px
        if image.shape[:2] != (height, width):
            # Some streams change their size on the way; a file has one.
            image = np.asarray(cv2.resize(image, (width, height)), dtype=np.uint8)
        elif not image.flags.writeable:
            image = image.copy()
        below = self._strip.height if self._strip is not None else 0
        if self._strip is not None:
            self._strip.draw(image, frame.time_s)
        self._marks.draw(image, self._faces.at(frame.time_s), keep_below=below)
        return image


class _Film:
    """An MP4 being written; a context manager."""

    def __init__(
        self,
        path: Path,
        size_px: tuple[int, int],
        frame_rate: float | None,
        sound: Soundtrack | None,
    ) -> None:
        self._sound = sound
        self._size = size_px[0] + size_px[0] % 2, size_px[1] + size_px[1] % 2
        self._reformatter = VideoReformatter()
        self._last_tick = -1
        rate = frame_rate if frame_rate and 0 < frame_rate <= _TICKS else _DEFAULT_RATE
        self._step = max(1, round(_TICKS / rate))
        # The index in front lets a browser play the film while it loads.
        self._container = av.open(
            str(path.absolute()), "w", format="mp4", options={"movflags": "faststart"}
        )
        self._video = self._add_video(rate)
        self._track: Any = None
        if sound is not None:
            self._track = self._container.add_stream("aac", rate=sound.rate, layout=sound.layout)
            self._track.bit_rate = 96_000 if sound.layout == "mono" else 160_000

    def _add_video(self, rate: float) -> Any:
        h264 = "libx264" in av.codecs_available
        video: Any = self._container.add_stream(
            "libx264" if h264 else "mpeg4",
            rate=Fraction(rate).limit_denominator(1001),
            options={"crf": "20", "preset": "veryfast"} if h264 else {},
        )
        video.width, video.height = self._size
        video.pix_fmt = "yuv420p"
        if not h264:
            video.bit_rate = round(0.2 * self._size[0] * self._size[1] * min(rate, 60.0))
        context = video.codec_context
        context.time_base = Fraction(1, _TICKS)
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
        return video

    def show(self, image_rgb: NDArray[np.uint8], time_s: float) -> None:
        """Add a frame; one that is not later than the one before comes a tick after it."""
        height, width = image_rgb.shape[:2]
        if (width, height) != self._size:
            right, below = self._size[0] - width, self._size[1] - height
            image_rgb = np.asarray(
                cv2.copyMakeBorder(image_rgb, 0, below, 0, right, cv2.BORDER_REPLICATE),
                dtype=np.uint8,
            )
        frame = self._reformatter.reformat(
            VideoFrame.from_ndarray(image_rgb, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        self._last_tick = max(round(time_s * _TICKS), self._last_tick + 1)
        frame.time_base = Fraction(1, _TICKS)
        frame.pts, frame.duration = self._last_tick, self._step
        # The kind of the decoded picture must not force the kind of the written one.
        frame.pict_type = 0
        self._write(self._video, frame)

    def hear(self, start_s: float, end_s: float) -> None:
        """Add the source's sound up to ``end_s``; it begins at the first call's ``start_s``."""
        if self._sound is not None:
            self._sound.begin(start_s)
            for frame in self._sound.until(end_s):
                self._write(self._track, frame)

    def finish(self) -> None:
        """Write what is left and the index."""
        if self._sound is not None:
            for frame in self._sound.rest():
                self._write(self._track, frame)
        for track in (self._video, self._track):
            if track is not None:
                self._write(track, None)
        with _as_os_error():
            self._container.close()

    def _write(self, track: Any, frame: Any) -> None:
        with _as_os_error():
            self._container.mux(track.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            # The file is thrown away; that it can't be finished is no news.
            with suppress(*LIBAV_ERRORS):
                self._container.close()


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except av.error.FFmpegError as error:
        raise OSError(error.errno, error.strerror or "the video cannot be written") from error
