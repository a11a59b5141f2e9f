"""A picture that can be looked at closely."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import Any

import streamlit as st

from emoscope.apps.dashboard.look import ASSETS
from emoscope.apps.dashboard.reading import Shown

_HTML = (
    '<div class="picture"><div class="frame" tabindex="0" role="group"'
    ' aria-label="picture; plus and minus change its size, arrows move it"><img draggable="false">'
    '</div><div class="tools">'
    '<button data-act="out" title="smaller" aria-label="smaller">−</button>'
    '<output aria-live="polite">100%</output>'
    '<button data-act="in" title="larger" aria-label="larger">+</button>'
    '<button data-act="all" title="whole picture">Whole picture</button></div></div>'
)


@cache
def _component() -> Any:
    return st.components.v2.component(
        "emoscope_picture",
        html=_HTML,
        css=(ASSETS / "picture.css").read_text(encoding="utf-8"),
        js=(ASSETS / "picture.js").read_text(encoding="utf-8"),
    )


def show(picture: Shown, alt: str, *, key: str) -> None:
    """Show a picture with buttons, wheel, two fingers and keys to enlarge it.

    Args:
        picture: what is shown.
        alt: what is to be seen, for people who hear the page.
        key: of this element.
    """
    data = {
        "source": f"data:image/jpeg;base64,{b64encode(picture.jpeg).decode('ascii')}",
        "alt": alt,
        "width": picture.width,
        "height": picture.height,
    }
    _component()(key=key, data=data)
