"""What was said as subtitles: SubRip and WebVTT (www.w3.org/TR/webvtt1)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from emoscope.export.files import atomic_path
from emoscope.results import Analysis

_LINE = 42  # characters, as broadcasters have it
_SHORTEST_S = 0.001  # a cue must not be empty


def write_srt(analysis: Analysis, path: Path) -> None:
    """Write the words as SubRip in UTF-8.

    Raises:
        OSError: it cannot be written.
    """
    cues = (
        f"{number}\n{_clock(start_s, ',')} --> {_clock(end_s, ',')}\n{text}\n"
        for number, (start_s, end_s, text) in enumerate(_cues(analysis), 1)
    )
    _write("\n".join(cues), path)


def write_vtt(analysis: Analysis, path: Path) -> None:
    """Write the words as WebVTT in UTF-8.

    Raises:
        OSError: it cannot be written.
    """
    cues = (
        f"{_clock(start_s, '.')} --> {_clock(end_s, '.')}\n{_escaped(text)}\n"
        for start_s, end_s, text in _cues(analysis)
    )
    _write("\n".join(["WEBVTT\n", *cues]), path)


def _cues(analysis: Analysis) -> Iterator[tuple[float, float, str]]:
    for said in analysis.words:
        # An empty line, or an arrow, would end or begin a cue.
        words = " ".join(said.text.split()).replace("-->", "→")
        lines = textwrap.wrap(words, _LINE, break_long_words=False, break_on_hyphens=False)
        if lines:
            yield said.start_s, max(said.end_s, said.start_s + _SHORTEST_S), "\n".join(lines)


def _clock(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{milliseconds:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _write(text: str, path: Path) -> None:
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
