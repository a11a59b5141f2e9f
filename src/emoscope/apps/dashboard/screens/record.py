"""A snapshot from the camera, a clip from the microphone, read at once."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from emoscope.apps.dashboard import consent, reading_options, tray
from emoscope.apps.dashboard.session import put


def _snapshot() -> None:
    st.subheader("Snapshot", anchor=False)
    if not st.session_state.get("camera_open"):
        st.html(consent.mark("camera closed", open_=False))
        if st.button("Open the camera", icon=":material/photo_camera:", key="open-camera"):
            st.session_state["camera_open"] = True
            st.rerun()
        return
    st.html(consent.mark("camera open", open_=True))
    picture = st.camera_input("Take a picture", label_visibility="collapsed", key="camera")
    if picture is not None:
        tray.select(put(f"snapshot {_now()}.jpg", picture.getvalue()))
    if st.button("Close the camera", icon=":material/no_photography:") or picture is not None:
        st.session_state["camera_open"] = False
        st.rerun()


def _clip() -> None:
    st.subheader("Clip", anchor=False)
    with st.container(key="microphone"):
        st.html(
            f'<div class="mic-on">{consent.mark("microphone open", open_=True)}</div>'
            f'<div class="mic-off">{consent.mark("microphone closed", open_=False)}</div>'
        )
        round_ = st.session_state.setdefault("clip_round", 0)
        clip = st.audio_input(
            "Press to record, press again to end",
            key=f"clip-{round_}",
        )
    if clip is not None:
        tray.select(put(f"clip {_now()}.wav", clip.getvalue()))
        st.session_state["clip_round"] = round_ + 1
        st.rerun()


def _now() -> str:
    return datetime.now().astimezone().strftime("%H.%M.%S")


st.title("Record", anchor=False)
st.write("A picture from the camera or a few seconds from the microphone, read at once.")
if consent.asked("the camera or the microphone"):
    left, right = st.columns(2, gap="large")
    with left:
        _snapshot()
    with right:
        _clip()
        reading_options.show()
tray.show()
