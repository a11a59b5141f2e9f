"""The input itself with what was read in it: a picture, a video, or a recording's time line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.export.annotate import annotate_picture
from emoscope.export.files import atomic_path
from emoscope.export.film import annotate_video, limits_of
from emoscope.export.timeline import draw_timeline, envelope
from emoscope.media import Frame, open_media
from emoscope.results import Analysis, FaceEmotion

_JPEG_QUALITY = 93
# A smaller picture is enlarged, so that there are pixels to write in.
_READABLE_PX = 640
_MOST_ENLARGED = 4


def write_annotated(
    analysis: Analysis,
    path: Path,
    source: Path,
    progress: Callable[[float, float | None], None] | None = None,
) -> None:
    """Write the picture or video with its faces marked, or the recording as a picture.

    Args:
        analysis: what was read.
        path: where to; the suffix of a picture (``.png``, ``.jpg``) says how it is encoded.
        source: the input, which is opened again.
        progress: called with the seconds done and the seconds in all, None where not known.

    Raises:
        MediaError: the input cannot be read any more.
        OSError: it cannot be written.
    """
    if analysis.kind == "video":
        annotate_video(source, analysis, path, progress)
    elif analysis.kind == "image":
        _write_picture(_marked(source, analysis), path)
    else:
        outline = envelope(source, limits=limits_of(analysis), progress=progress)
        _write_picture(draw_timeline(analysis, outline), path)


def _marked(source: Path, analysis: Analysis) -> NDArray[np.uint8]:
    with open_media(source, limits_of(analysis)) as media:
        image = next(item.image_rgb for item in media.read() if isinstance(item, Frame))
    times = min(-(-_READABLE_PX // min(image.shape[:2])), _MOST_ENLARGED)
    if times <= 1:
        return annotate_picture(image, analysis.faces)
    size = image.shape[1] * times, image.shape[0] * times
    larger = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    return annotate_picture(larger, [_enlarged(face, times) for face in analysis.faces])


def _enlarged(face: FaceEmotion, times: int) -> FaceEmotion:
    x1, y1, x2, y2 = (value * times for value in face.box_xyxy)
    return replace(face, box_xyxy=(x1, y1, x2, y2))


def _write_picture(image_rgb: NDArray[np.uint8], path: Path) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if path.suffix == ".jpg" else []
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(path.suffix, bgr, options)
    if not done:
        raise OSError(f"{path}: the picture cannot be encoded")
    with atomic_path(path) as part:
        part.write_bytes(data.tobytes())
