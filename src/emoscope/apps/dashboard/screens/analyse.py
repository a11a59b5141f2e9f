"""Pictures, recordings and videos from the visitor's disk."""

from __future__ import annotations

import streamlit as st

from emoscope.apps.dashboard import reading_options, tray
from emoscope.apps.dashboard.reading import PICTURES, SOUNDS, VIDEOS
from emoscope.apps.dashboard.session import put

st.title("Analyse")
st.write("How emotion appears in a picture, a recording or a video. Nothing leaves this machine.")

round_ = st.session_state.setdefault("upload_round", 0)
uploads = st.file_uploader(
    "Drop pictures, recordings and videos here",
    type=[*PICTURES, *SOUNDS, *VIDEOS],
    accept_multiple_files=True,
    key=f"uploads-{round_}",
)
reading_options.show()
if uploads:
    added = [put(upload.name, upload.getvalue()) for upload in uploads]
    tray.select(added[0])
    # A fresh field: the files are on the desk now, and their bytes need not be held twice.
    st.session_state["upload_round"] = round_ + 1
    st.rerun()
tray.show()
