"""What can be taken home: the result in every format that says something about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import PurePath

import streamlit as st

from emoscope.export import Format, render
from emoscope.results import Analysis

_TITLES: Mapping[Format, tuple[str, str]] = {
    Format.ANNOTATED: ("Annotated", "The file itself with what was read in it"),
    Format.JSON: ("JSON", "Everything, for programs"),
    Format.CSV: ("CSV", "One row for each reading"),
    Format.CSV_WIDE: ("CSV, wide", "One row for each moment"),
    Format.PARQUET: ("Parquet", "One row for each reading, for data frames"),
    Format.SRT: ("SRT", "Subtitles"),
    Format.VTT: ("WebVTT", "Subtitles for web pages"),
    Format.TEXTGRID: ("TextGrid", "Tiers for Praat"),
    Format.EAF: ("EAF", "Tiers for ELAN"),
}


def here() -> list[Format]:
    """Those that can be written in this installation."""
    return [one for one in _TITLES if one is not Format.PARQUET or find_spec("pyarrow") is not None]


def formats(analysis: Analysis) -> list[Format]:
    """Those of them that say something about this input."""
    return [one for one in here() if one.applies_to(analysis)]


def show(analysis: Analysis, annotated: bytes | None = None, *, key: str) -> None:
    """One button for each format; what it gives is made when it is pressed.

    Args:
        analysis: what was read.
        annotated: the medium with what was read in it; None where there is no medium any more.
        key: of the place that holds the buttons.
    """
    st.subheader("Downloads", anchor=False)
    stem = PurePath(analysis.source).stem or "result"
    with st.container(horizontal=True, key=key):
        for one in formats(analysis):
            data: bytes | Callable[[], bytes] = partial(render, analysis, one)
            if one is Format.ANNOTATED:
                if annotated is None:
                    continue
                data = annotated
            title, what = _TITLES[one]
            st.download_button(
                title,
                data,
                file_name=f"{stem}{one.ending(analysis)}",
                mime=one.media_type(analysis),
                help=what,
                icon=":material/download:",
                key=f"{key}-{one.value}",
                on_click="ignore",
            )
