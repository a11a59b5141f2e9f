"""Whether words are read too, and in which language."""

from __future__ import annotations

import streamlit as st

from emoscope.apps.dashboard.session import choice, choose, whispers

_NONE = "off"
_HEARD = "heard"
_LANGUAGES = {
    _HEARD: "heard",
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "pl": "Polish",
    "tr": "Turkish",
    "ru": "Russian",
    "ar": "Arabic",
    "hi": "Hindi",
    "ja": "Japanese",
    "zh": "Chinese",
}


def show() -> None:
    """Two short menus; what is chosen holds for files that are added from now on."""
    sizes = whispers()
    if not sizes:
        st.caption("Words are not read: no Whisper is on this machine. Models says how to get one.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size = st.selectbox(
            "Words, with Whisper",
            [_NONE, *sizes],
            index=[_NONE, *sizes].index(choice().transcribe or _NONE),
            width=180,
        )
        language = st.selectbox(
            "Language spoken",
            list(_LANGUAGES),
            index=list(_LANGUAGES).index(choice().language or _HEARD),
            format_func=lambda code: _LANGUAGES[code],
            disabled=size == _NONE,
            width=180,
        )
    choose(
        transcribe=None if size == _NONE else size,
        language=None if language == _HEARD else language,
    )
