"""Results as files: JSON, CSV, and the picture, video or recording with what was read in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from emoscope.export.annotate import annotate_picture
from emoscope.export.files import atomic_path, write_json
from emoscope.export.film import annotate_video, limits_of
from emoscope.export.subtitles import write_srt, write_vtt
from emoscope.export.tables import write_csv
from emoscope.export.timeline import draw_timeline, envelope
from emoscope.media import Frame, open_media
from emoscope.results import Analysis, FaceEmotion

__all__ = [
    "annotate_picture",
    "annotate_video",
    "draw_timeline",
    "envelope",
    "export_all",
    "write_csv",
    "write_json",
    "write_srt",
    "write_vtt",
]

_JPEG_QUALITY = 93
# A smaller picture is enlarged, so that there are pixels to write in.
_READABLE_PX = 640
_MOST_ENLARGED = 4


def export_all(
    analysis: Analysis,
    out_dir: Path,
    progress: Callable[[float, float | None], None] | None = None,
    *,
    stem: str | None = None,
) -> list[Path]:
    """Write everything there is about one input.

    ``<stem>.json``, ``<stem>.csv`` and, by kind, ``<stem>.annotated.png`` (``.jpg`` for a JPEG),
    ``<stem>.annotated.mp4`` or ``<stem>.timeline.png``; where there are words, also ``<stem>.srt``
    and ``<stem>.vtt``. Each appears whole or not at all, and the input itself is never overwritten:
    a file that would fall on it gets ``-result`` in its name.

    Args:
        analysis: what was read; its source is opened again.
        out_dir: made where it is missing.
        progress: called with what is done and what there is in all, None where not known.
        stem: what the names start with; the source's own where None.

    Returns:
        What was written.

    Raises:
        MediaError: the input cannot be read any more.
        OSError: something cannot be written.
    """
    source = Path(analysis.source)
    stem = source.stem if stem is None else stem

    def target(ending: str) -> Path:
        path = out_dir / f"{stem}{ending}"
        taken = path.exists() and source.exists() and path.samefile(source)
        return out_dir / f"{stem}-result{ending}" if taken else path

    written = [target(".json"), target(".csv")]
    write_json(analysis, written[0])
    write_csv(analysis, written[1])
    if analysis.words:
        written += [target(".srt"), target(".vtt")]
        write_srt(analysis, written[-2])
        write_vtt(analysis, written[-1])
    if analysis.kind == "video":
        written.append(target(".annotated.mp4"))
        annotate_video(source, analysis, written[-1], progress)
    elif analysis.kind == "image":
        jpeg = source.suffix.lower() in (".jpg", ".jpeg")
        written.append(target(".annotated.jpg" if jpeg else ".annotated.png"))
        _write_picture(_annotated(source, analysis), written[-1])
    else:
        written.append(target(".timeline.png"))
        outline = envelope(source, limits=limits_of(analysis), progress=progress)
        _write_picture(draw_timeline(analysis, outline), written[-1])
    return written


def _annotated(source: Path, analysis: Analysis) -> NDArray[np.uint8]:
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
    return FaceEmotion(
        face.time_s, (x1, y1, x2, y2), face.detection_score, face.track_id, face.scores
    )


def _write_picture(image_rgb: NDArray[np.uint8], path: Path) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if path.suffix == ".jpg" else []
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(path.suffix, bgr, options)
    if not done:
        raise OSError(f"{path}: the picture cannot be encoded")
    with atomic_path(path) as part:
        part.write_bytes(data.tobytes())
