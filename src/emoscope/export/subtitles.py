"""Subtitles: SubRip and WebVTT (www.w3.org/TR/webvtt1).

What was said; where nobody wrote that down, how each stretch of voice sounded: ``[sad]``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from emoscope.export.plain import UNSURE_WORD, one_line
from emoscope.labels import plain_label
from emoscope.results import Analysis

_LINE = 42  # characters, as broadcasters have it
_SHORTEST_S = 0.001  # a cue must not be empty

# SubRip has no escapes: players take these for tags, and a backslash for a line's end.
_SRT_PLAIN = str.maketrans({"<": "‹", ">": "›", "{": "(", "}": ")", "\\": "/"})
_VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def srt_text(analysis: Analysis) -> str:
    """The cues as SubRip."""
    cues = (
        f"{number}\n{_clock(start_s, ',')} --> {_clock(end_s, ',')}\n"
        f"{_lines(text.translate(_SRT_PLAIN))}\n"
        for number, (start_s, end_s, text) in enumerate(_cues(analysis), 1)
    )
    return "\n".join(cues)


def vtt_text(analysis: Analysis) -> str:
    """The cues as WebVTT."""
    cues = (
        f"{_clock(start_s, '.')} --> {_clock(end_s, '.')}\n{_lines(text).translate(_VTT_ESCAPES)}\n"
        for start_s, end_s, text in _cues(analysis)
    )
    return "\n".join(["WEBVTT\n", *cues])


def _cues(analysis: Analysis) -> Iterator[tuple[float, float, str]]:
    """Start and end in seconds, and one line that is not empty; by start."""
    found = [(said.start_s, said.end_s, one_line(said.text)) for said in analysis.words]
    if not any(text for _, _, text in found):
        found = [
            (voice.start_s, voice.end_s, f"[{plain_label(voice.scores.top or UNSURE_WORD)}]")
            for voice in analysis.voice
        ]
    for start_s, end_s, text in sorted(found, key=lambda cue: cue[0]):
        if text:
            yield start_s, max(end_s, start_s + _SHORTEST_S), text


def _lines(text: str) -> str:
    wrapped = textwrap.wrap(text, _LINE, break_long_words=False, break_on_hyphens=False)
    return "\n".join(wrapped)


def _clock(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{milliseconds:03}"
