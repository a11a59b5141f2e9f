"""The formats that results are written in, the same for library, command line and services.

``write(analysis, Path("talk.TextGrid"), Format.TEXTGRID)`` writes one, ``render`` gives its bytes.
"""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path

from emoscope.export.files import atomic_path
from emoscope.results import Analysis

Progress = Callable[[float, float | None], None]


class Format(StrEnum):
    """What results can be written as.

    - ``JSON``: everything, see docs/schema/emoscope-1.json
    - ``CSV``: one row per reading, see :mod:`emoscope.export.tables`
    - ``CSV_WIDE``: one row per moment, see :mod:`emoscope.export.wide`
    - ``PARQUET``: one row per reading, the same columns for every input, see
      :mod:`emoscope.export.parquet`
    - ``SRT``, ``VTT``: what was said, or how it sounded, as subtitles
    - ``TEXTGRID``, ``EAF``: tiers for Praat and ELAN
    - ``ANNOTATED``: the picture or video with its faces marked (sound kept), the recording as a
      time line
    """

    JSON = "json"
    CSV = "csv"
    CSV_WIDE = "csv-wide"
    PARQUET = "parquet"
    SRT = "srt"
    VTT = "vtt"
    TEXTGRID = "textgrid"
    EAF = "eaf"
    ANNOTATED = "annotated"

    @property
    def media_types(self) -> tuple[str, ...]:
        """All that it can be, as HTTP names them."""
        return _MEDIA_TYPES[self]

    def media_type(self, analysis: Analysis) -> str:
        """What it is for this input."""
        return _MEDIA_TYPES[self][_variant(analysis) if self is Format.ANNOTATED else 0]

    def ending(self, analysis: Analysis) -> str:
        """What its files are called after the stem: ``.json``, ``.annotated.jpg`` ..."""
        return _ENDINGS[self][_variant(analysis) if self is Format.ANNOTATED else 0]

    def applies_to(self, analysis: Analysis) -> bool:
        """Whether there is anything to write: a picture has no subtitles and no tiers."""
        return self.refusal(analysis) is None

    def refusal(self, analysis: Analysis) -> str | None:
        """Why there is nothing to write, None where there is."""
        if self not in (Format.SRT, Format.VTT, Format.TEXTGRID, Format.EAF):
            return None
        if analysis.kind == "image":
            return f"there is no {self} of a picture"
        spoken = analysis.voice or any(said.text.strip() for said in analysis.words)
        if self in (Format.SRT, Format.VTT) and not spoken:
            return f"there is no {self} where nobody speaks"
        return None


def usual_formats(analysis: Analysis) -> tuple[Format, ...]:
    """What is written where nobody says what: JSON, CSV, words as subtitles, annotated media."""
    formats = [Format.JSON, Format.CSV, Format.ANNOTATED]
    if analysis.words:
        formats[2:2] = [Format.SRT, Format.VTT]
    return tuple(one for one in formats if one.applies_to(analysis))


def write(
    analysis: Analysis,
    path: Path,
    format: Format,  # noqa: A002
    progress: Progress | None = None,
    *,
    source: Path | None = None,
) -> Path:
    """Write one format; the file appears whole or not at all.

    Args:
        analysis: what was read.
        path: where to; its folder is made where it is missing.
        format: what to write.
        progress: for annotated media: called with what is done and what there is in all, None where
            not known.
        source: the input, for annotated media, where ``analysis.source`` is only its name.

    Returns:
        ``path``.

    Raises:
        ValueError: the format does not apply to this input.
        MissingExtraError: Parquet needs the ``parquet`` extra.
        MediaError: the input cannot be read any more (annotated media).
        OSError: it cannot be written.
    """
    _check(analysis, format)
    if format is Format.ANNOTATED:
        from emoscope.export.annotated import write_annotated

        write_annotated(analysis, path, source or Path(analysis.source), progress)
        return path
    content = render(analysis, format)
    with atomic_path(path) as part:
        part.write_bytes(content)
    return path


def render(
    analysis: Analysis,
    format: Format,  # noqa: A002
    progress: Progress | None = None,
    *,
    source: Path | None = None,
) -> bytes:
    """The bytes that :func:`write` would write; raises the same."""
    _check(analysis, format)
    if format is Format.PARQUET:
        from emoscope.export.parquet import parquet_bytes

        return parquet_bytes(analysis)
    if format is Format.ANNOTATED:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"out{format.ending(analysis)}"
            return write(analysis, path, format, progress, source=source).read_bytes()
    if format is Format.JSON:
        text = json.dumps(analysis.to_dict(), ensure_ascii=False, indent=2) + "\n"
    else:
        module, function = _TEXTS[format]
        text = getattr(importlib.import_module(f"emoscope.export.{module}"), function)(analysis)
    # A name that is no text becomes \\udc80 and the like, which JSON even reads back.
    return text.encode("utf-8", "backslashreplace")


def export_all(
    analysis: Analysis,
    out_dir: Path,
    progress: Progress | None = None,
    *,
    stem: str | None = None,
    formats: Iterable[Format] | None = None,
    source: Path | None = None,
) -> list[Path]:
    """Write several formats of one input, ``<stem>.json`` and so on.

    The input itself is never overwritten: a file that would fall on it gets ``-result`` in its
    name.

    Args:
        analysis: what was read.
        out_dir: made where it is missing.
        progress: see :func:`write`.
        stem: what the names start with; the source's own where None.
        formats: what to write, without those that do not apply; :func:`usual_formats` where None.
        source: see :func:`write`.

    Returns:
        What was written.

    Raises:
        MissingExtraError: Parquet needs the ``parquet`` extra.
        MediaError: the input cannot be read any more.
        OSError: something cannot be written.
    """
    medium = source or Path(analysis.source)
    stem = medium.stem if stem is None else stem
    wanted = usual_formats(analysis) if formats is None else dict.fromkeys(formats)
    written = []
    for one in wanted:
        if one.applies_to(analysis):
            path = out_dir / f"{stem}{one.ending(analysis)}"
            if path.exists() and medium.exists() and path.samefile(medium):
                path = out_dir / f"{stem}-result{one.ending(analysis)}"
            written.append(write(analysis, path, one, progress, source=medium))
    return written


def _check(analysis: Analysis, format: Format) -> None:  # noqa: A002
    refusal = format.refusal(analysis)
    if refusal is not None:
        raise ValueError(refusal)


def _variant(analysis: Analysis) -> int:
    """Which of the annotated media: PNG, JPEG, MP4, the time line."""
    if analysis.kind == "image":
        return int(Path(analysis.source).suffix.lower() in (".jpg", ".jpeg"))
    return 2 if analysis.kind == "video" else 3


_TEXTS = {
    Format.CSV: ("tables", "csv_text"),
    Format.CSV_WIDE: ("wide", "csv_text"),
    Format.SRT: ("subtitles", "srt_text"),
    Format.VTT: ("subtitles", "vtt_text"),
    Format.TEXTGRID: ("textgrid", "textgrid_text"),
    Format.EAF: ("eaf", "eaf_text"),
}
_ENDINGS = {
    Format.JSON: (".json",),
    Format.CSV: (".csv",),
    Format.CSV_WIDE: (".wide.csv",),
    Format.PARQUET: (".parquet",),
    Format.SRT: (".srt",),
    Format.VTT: (".vtt",),
    Format.TEXTGRID: (".TextGrid",),
    Format.EAF: (".eaf",),
    Format.ANNOTATED: (".annotated.png", ".annotated.jpg", ".annotated.mp4", ".timeline.png"),
}
_MEDIA_TYPES = {
    Format.JSON: ("application/json",),
    Format.CSV: ("text/csv",),
    Format.CSV_WIDE: ("text/csv",),
    Format.PARQUET: ("application/vnd.apache.parquet",),
    Format.SRT: ("application/x-subrip",),
    Format.VTT: ("text/vtt",),
    Format.TEXTGRID: ("text/praat-textgrid",),
    Format.EAF: ("text/x-eaf+xml",),
    Format.ANNOTATED: ("image/png", "image/jpeg", "video/mp4", "image/png"),
}
