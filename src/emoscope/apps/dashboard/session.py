"""What one visitor has chosen and asked for, and what all visitors share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from emoscope.apps.dashboard.desk import Desk, Item
from emoscope.apps.dashboard.reading import LIMITS, Reader, Reading
from emoscope.models import catalog, store, whisper

if TYPE_CHECKING:
    from emoscope.analyzer import Analyzer


@dataclass(frozen=True)
class Choice:
    """How files are read.

    Attributes:
        face_model: a name from the catalog.
        voice_model: likewise.
        detector: ``auto``, ``yunet`` or ``haar``.
        transcribe: a Whisper that is on this machine; None: words are not read.
        language: what is spoken; None: heard.
    """

    face_model: str = "emoscope-face"
    voice_model: str = "emoscope-voice"
    detector: str = "auto"
    transcribe: str | None = None
    language: str | None = None


def choice() -> Choice:
    """This visitor's choice."""
    found = st.session_state.setdefault("choice", Choice())
    assert isinstance(found, Choice)
    return found


def choose(**changes: Any) -> None:
    """Change this visitor's choice."""
    st.session_state["choice"] = replace(choice(), **changes)


def desk() -> Desk:
    """This visitor's files."""
    if "desk" not in st.session_state:
        st.session_state["desk"] = Desk()
    found: Desk = st.session_state["desk"]
    return found


def put(name: str, data: bytes) -> Item:
    """Have a file read with the present choice, and shown as soon as it is."""
    chosen = choice()
    return desk().add(Item(name, data, lambda: reader(chosen), keep=_keeper()))


def _keeper() -> Callable[[Reading], None] | None:
    if not keeps_history():
        return None
    from emoscope.history import History

    def keep(reading: Reading) -> None:
        history = History.open()
        try:
            history.add(reading.analysis)
        finally:
            history.close()

    return keep


def keeps_history() -> bool:
    """Whether this visitor switched history on."""
    return bool(st.session_state.get("history_on", False))


def history_switch() -> bool:
    """A switch for history, off at first; whether it is on."""
    on = st.toggle("Keep the results of what I read", value=keeps_history(), key="history_toggle")
    st.session_state["history_on"] = on
    return on


@st.cache_resource(max_entries=8, show_spinner=False)
def analyzer(chosen: Choice) -> Analyzer:
    """The models of a choice, loaded once for all visitors."""
    from emoscope.analyzer import Analyzer

    return Analyzer(
        face_model=chosen.face_model,
        voice_model=chosen.voice_model,
        detector=chosen.detector,  # type: ignore[arg-type]
        transcribe=chosen.transcribe,
        language=chosen.language if chosen.transcribe else None,
        smooth="exponential",
        limits=LIMITS,
    )


@st.cache_resource(max_entries=8, show_spinner=False, on_release=lambda found: found.close())
def reader(chosen: Choice) -> Reader:
    """What reads files as chosen: decoded in a child process, so that none can do harm here."""
    from emoscope.apps.dashboard.guarded import GuardedReader

    return GuardedReader(analyzer(chosen))


def models_for(role: str) -> list[str]:
    """Models of a role that are on this machine."""
    specs = catalog.catalog().values()
    return [spec.name for spec in specs if spec.role == role and store.is_available(spec.name)]


def whispers() -> list[str]:
    """Sizes of Whisper that are on this machine, smallest first; none without the extra."""
    from importlib.util import find_spec

    if find_spec("faster_whisper") is None:
        return []
    return [size for size, spec in whisper.known().items() if whisper.is_available(spec)]
