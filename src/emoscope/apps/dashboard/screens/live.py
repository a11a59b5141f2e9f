"""The browser's own camera and microphone, read as they run; the page itself asks for consent."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from emoscope.apps.dashboard import live_service
from emoscope.apps.dashboard.session import choice
from emoscope.errors import EmoscopeError

st.title("Live", anchor=False)
with st.container(key="live"):
    try:
        with st.spinner("Starting…"):
            running = live_service.service(choice())
    except (EmoscopeError, RuntimeError) as error:
        st.error(f"Live cannot start: {error}", icon=":material/error:")
    else:
        query = urlencode({"key": running.key, "theme": st.context.theme.type or "light"})
        st.iframe(f"{running.url}/live?{query}", height=860, alt="live reading")
