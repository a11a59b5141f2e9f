"""The service behind the Live page: in this process, on this machine's address alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from emoscope.apps.dashboard.session import Choice

if TYPE_CHECKING:
    from emoscope.apps.api.background import RunningService


@st.cache_resource(max_entries=2, show_spinner=False, on_release=lambda found: found.stop())
def service(chosen: Choice) -> RunningService:
    """A running service with the chosen models, the same for all visitors.

    Raises:
        MissingExtraError: the ``api`` extra is not installed.
        RuntimeError: it did not start.
    """
    from emoscope.apps.api.background import serve_in_background
    from emoscope.apps.api.settings import ServiceSettings

    return serve_in_background(
        ServiceSettings(
            face_model=chosen.face_model,
            voice_model=chosen.voice_model,
            detector=chosen.detector,  # type: ignore[arg-type]
            workers=1,
        )
    )
