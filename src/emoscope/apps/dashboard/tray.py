"""The files on a visitor's desk: a row for each, and the chosen one in full below."""

from __future__ import annotations

from html import escape

import streamlit as st

from emoscope.apps.dashboard import result
from emoscope.apps.dashboard.desk import Item
from emoscope.apps.dashboard.look import plain
from emoscope.apps.dashboard.session import desk

_LOOK_EVERY_S = 0.4
_MOST_ROWS = 6
_ROW_PX = 56
_STATE_PX = 150
_ICONS = {"image": "image", "audio": "graphic_eq", "video": "movie"}


def select(item: Item) -> None:
    """Show this file below, once it is read."""
    st.session_state["selected"] = item.number


def show() -> None:
    """The rows and, below, the chosen file."""
    items = desk().items
    if not items:
        return
    numbers = [item.number for item in items]
    if st.session_state.get("selected") not in numbers:
        st.session_state["selected"] = numbers[-1]
    _rows()
    chosen = items[numbers.index(st.session_state["selected"])]
    with st.container(key="result"):
        if chosen.state == "done":
            if chosen.problem:
                st.warning(plain(chosen.problem), icon=":material/warning:")
            result.show(chosen)
        elif chosen.state == "failed":
            st.error(f"**{plain(chosen.name)}**: {plain(chosen.problem)}", icon=":material/error:")
        else:
            st.caption("It shows here as soon as it is read.")


def _rows() -> None:
    before = _seen()
    if not desk().is_busy:
        _draw_rows()
        return

    @st.fragment(run_every=_LOOK_EVERY_S)
    def rows() -> None:
        if _seen() != before:  # what lies below must be drawn again too
            st.rerun()
        _draw_rows()

    rows()


def _draw_rows() -> None:
    items = desk().items
    many = len(items) > _MOST_ROWS
    with st.container(height=_MOST_ROWS * _ROW_PX if many else "content", key="tray"):
        for item in items:
            _row(item)
    if len(items) > 1:
        st.button(
            "Remove all", type="tertiary", icon=":material/delete:", on_click=_clear, args=items
        )


def _seen() -> tuple[object, ...]:
    """What the page below the rows depends on."""
    open_or_not = ((item.number, item.is_open) for item in desk().items)
    return st.session_state.get("selected"), *open_or_not


def _clear(*items: Item) -> None:
    for item in items:
        desk().remove(item)


def _row(item: Item) -> None:
    chosen = st.session_state.get("selected") == item.number
    kind = item.reading.analysis.kind if item.reading else None
    icon = _ICONS[kind] if kind else "error" if item.state == "failed" else "hourglass_top"
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        st.button(
            plain(item.name) or "unnamed",
            key=f"row-{item.number}",
            icon=f":material/{icon}:",
            type="primary" if chosen else "secondary",
            width="stretch",
            on_click=select,
            args=(item,),
        )
        st.html(_state(item), width=_STATE_PX)
        label = f"Remove {plain(item.name)}"
        st.button(
            "",
            key=f"away-{item.number}",
            icon=":material/close:",
            help=label,
            on_click=_clear,
            args=(item,),
        )


def _state(item: Item) -> str:
    if item.state == "done":
        assert item.reading is not None
        return result.mark(item.reading.analysis)
    if item.state == "failed":
        return '<span class="emo-note">cannot be read</span>'
    said = "waiting" if item.state == "waiting" else f"{item.share:.0%}"
    return (
        f'<div class="emo-state" role="progressbar" aria-valuenow="{item.share * 100:.0f}" '
        f'aria-label="{escape(item.name)}"><span class="emo-track"><span '
        f'style="width:{max(item.share, 0.02):.0%}"></span></span><span>{said}</span></div>'
    )
