"""What Streamlit runs: the pages, and what all of them share."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from emoscope.apps.dashboard.look import ASSETS, style_sheet

# Not called "pages": Streamlit would run the files of such a folder without this one.
SCREENS = Path(__file__).with_name("screens")

st.set_page_config(
    page_title="emoscope",
    page_icon=str(ASSETS / "icon.svg"),
    layout="wide",
    menu_items={"About": "emoscope reads how emotion appears in faces, voices and words."},
)
st.html(style_sheet())
st.logo(str(ASSETS / "logo.svg"), size="large")
page = st.navigation(
    [
        st.Page(
            SCREENS / "analyse.py", title="Analyse", icon=":material/upload_file:", default=True
        ),
        st.Page(SCREENS / "record.py", title="Record", icon=":material/photo_camera:"),
        st.Page(SCREENS / "live.py", title="Live", icon=":material/sensors:"),
        st.Page(SCREENS / "models.py", title="Models", icon=":material/neurology:"),
        st.Page(SCREENS / "history.py", title="History", icon=":material/history:"),
        st.Page(SCREENS / "about.py", title="About", icon=":material/info:"),
    ],
    position="top",
)
page.run()
