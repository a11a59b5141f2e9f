"""What a visitor agrees to before a camera or microphone is opened for the first time."""

from __future__ import annotations

import streamlit as st


def asked(what: str) -> bool:
    """Whether the visitor has agreed; asks where not.

    Args:
        what: would be opened, for example ``the camera``.
    """
    if st.session_state.get("consent"):
        return True
    with st.container(border=True, key="consent"):
        st.subheader(f"Before {what} opens", anchor=False)
        st.markdown(
            "- What is seen and heard goes to this program on this machine and nowhere else.\n"
            "- Pictures and sound are kept in memory while this page is open, and not after.\n"
            "- The answer says how expression *appears*, not what somebody feels.\n"
            "- Everybody who is seen or heard should know of it and agree. Not for use on people "
            "at work or in education."
        )
        if st.button("I agree", type="primary", icon=":material/check:", key="agree"):
            st.session_state["consent"] = True
            st.rerun()
    return False


def mark(text: str, *, open_: bool) -> str:
    """A dot that tells whether a camera or microphone is open, as HTML."""
    return f'<span class="emo-mark{"" if open_ else " off"}" role="status">{text}</span>'
