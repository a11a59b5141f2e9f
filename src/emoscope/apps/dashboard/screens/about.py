"""What this says about people, what it does not, and what it must not be used for."""

from __future__ import annotations

import streamlit as st

from emoscope import __version__
from emoscope.apps.dashboard import papers
from emoscope.apps.dashboard.look import SYMBOLS, chip
from emoscope.labels import COLOURS

st.title("About", anchor=False)
with st.container(width=780):
    st.write(
        f"emoscope {__version__} reads how emotion *appears* in faces, voices and words. It runs "
        "on this machine; nothing is sent anywhere, and no picture or sound is kept."
    )
    page = papers.page("responsible-use.md")
    if page is not None:
        st.markdown(page.replace("# Responsible use", "### Responsible use", 1))
    st.markdown("### Colours and shapes")
    st.write("The same everywhere: on pictures, charts, time lines and in the live window.")
    chips = "".join(chip(label) for label in COLOURS if label in SYMBOLS)
    st.html(f'<div class="emo-chips">{chips}{chip(None)}</div>')
