"""What was read before: kept only where it is switched on; results, never pictures or sound."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from emoscope.apps.dashboard import downloads, result
from emoscope.apps.dashboard.look import chip, plain
from emoscope.apps.dashboard.session import history_switch
from emoscope.apps.dashboard.trend import chart
from emoscope.errors import EmoscopeError
from emoscope.export import Format

if TYPE_CHECKING:
    from emoscope.history import Entry, History

PER_PAGE = 20
_DAYS = {7: "7 days", 30: "30 days", 90: "90 days", 365: "a year"}
_MODALITIES = {"fused": "together", "face": "faces", "voice": "voices", "words": "words"}
_ICONS = {
    "image": ":material/image:",
    "audio": ":material/graphic_eq:",
    "video": ":material/movie:",
}


def _trend(history: History) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.segmented_control(
            "Days", list(_DAYS), default=30, format_func=_DAYS.__getitem__, required=True
        )
        modality = st.segmented_control(
            "Of", list(_MODALITIES), default="face", format_func=_MODALITIES.__getitem__,
            required=True,
        )  # fmt: skip
    drawn = chart(history.trend(int(days or 30)), modality or "face")
    with st.container(height=290, border=False):
        if drawn is None:
            st.caption(f"Nothing was kept of {_MODALITIES[modality or 'face']} in this time.")
        else:
            st.altair_chart(drawn, width="stretch", height=265)


def _list(history: History) -> None:
    search = st.text_input(
        "Search", placeholder="name, kind or emotion", icon=":material/search:", key="search"
    )
    before = st.session_state.get("history_before")
    if search != st.session_state.get("history_searched", ""):
        before = None
    st.session_state["history_searched"] = search
    entries = history.list(search or None, limit=PER_PAGE + 1, before=before)
    if not entries:
        st.info("Nothing found." if search else "Nothing is kept yet.", icon=":material/history:")
    for entry in entries[:PER_PAGE]:
        _row(history, entry)
    _turn(entries, before)


def _turn(entries: Sequence[Entry], before: int | None) -> None:
    with st.container(horizontal=True):
        newest = before is not None and st.button("Newest", icon=":material/first_page:")
        older = len(entries) > PER_PAGE and st.button("Older", icon=":material/chevron_right:")
    if newest or older:
        st.session_state["history_before"] = entries[PER_PAGE - 1].id if older else None
        st.rerun()


def _row(history: History, entry: Entry) -> None:
    label = entry.labels.get("fused") or entry.labels.get("face") or entry.labels.get("voice")
    shown = st.session_state.get("history_shown") == entry.id
    with st.container(border=True, key=f"entry-{entry.id}"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            pressed = st.button(
                f"{plain(entry.source)} · {entry.at:%d %b %Y, %H:%M}",
                icon=_ICONS[entry.kind],
                type="primary" if shown else "secondary",
                width="stretch",
                key=f"row-kept-{entry.id}",
            )
            st.html(chip(label) if label else '<span class="emo-note">–</span>', width=130)
            deleted = st.button(
                "", icon=":material/delete:", help="Delete this one", key=f"forget-{entry.id}"
            )
        if shown:
            analysis = history.show(entry.id)
            result.summary(analysis)
            downloads.show(analysis, key=f"kept-{entry.id}")
    if deleted:
        history.delete(entry.id)
    if pressed:
        st.session_state["history_shown"] = None if shown else entry.id
    if deleted or pressed:
        st.rerun()


def _export(format_: Format) -> bytes:
    from emoscope.history import History

    with History.open() as history, tempfile.TemporaryDirectory(prefix="emoscope-") as folder:
        path = Path(folder) / "history"
        history.export(path, format_)
        return path.read_bytes()


def _all(history: History) -> None:
    count = history.count()
    if not count:
        return
    with st.container(horizontal=True):
        st.download_button(
            "Export all, JSON lines",
            lambda: _export(Format.JSON),
            file_name="emoscope-history.jsonl",
            mime="application/jsonl",
            icon=":material/download:",
            on_click="ignore",
        )
        if Format.PARQUET in downloads.here():
            st.download_button(
                "Export all, Parquet",
                lambda: _export(Format.PARQUET),
                file_name="emoscope-history.parquet",
                mime=Format.PARQUET.media_types[0],
                icon=":material/download:",
                on_click="ignore",
            )
        with st.popover("Delete all", icon=":material/delete_forever:"):
            results = "the one result" if count == 1 else f"all {count} results"
            st.write(f"This deletes {results} for good.")
            if st.button("Yes, delete all", type="primary", key="delete-all"):
                history.delete_all()
                st.rerun()


st.title("History", anchor=False)
if not history_switch():
    st.info(
        "Off: nothing is kept. Switched on, the results of what you have read from now on are "
        "kept in your own data folder on this machine, without pictures and sound.",
        icon=":material/history_toggle_off:",
    )
else:
    try:
        from emoscope.history import History

        with History.open() as opened:
            _trend(opened)
            _list(opened)
            _all(opened)
    except EmoscopeError as error:
        st.error(str(error), icon=":material/error:")
