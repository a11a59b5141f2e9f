"""Which models are used, what each was measured to do, and fetching others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from emoscope.apps.dashboard import papers
from emoscope.apps.dashboard.session import choice, choose, models_for
from emoscope.errors import EmoscopeError
from emoscope.models import catalog, store, whisper

Fetch = Callable[..., Path]
_DETECTORS = {
    "auto": "best at hand",
    "yunet": "YuNet",
    "haar": "Haar cascade of OpenCV",
}


@st.cache_data(show_spinner=False)
def _metrics(name: str) -> Mapping[str, Any]:
    from emoscope.models.load import load

    return dict(load(name).metadata.metrics)


def _chosen() -> None:
    now = choice()
    faces, voices = models_for("face"), models_for("voice")
    detectors = [name for name in _DETECTORS if name != "yunet" or store.is_available("yunet")]
    left, middle, right = st.columns(3)
    face = left.selectbox("Faces are read by", faces, index=_at(faces, now.face_model))
    voice = middle.selectbox("Voices are read by", voices, index=_at(voices, now.voice_model))
    detector = right.selectbox(
        "Faces are found by",
        detectors,
        index=_at(detectors, now.detector),
        format_func=lambda name: _DETECTORS[name],
    )
    choose(face_model=face, voice_model=voice, detector=detector)
    st.caption("This holds for files that are added from now on, and for Live.")


def _at(names: list[str], name: str) -> int:
    return names.index(name) if name in names else 0


def _model(spec: catalog.ModelSpec) -> None:
    here = store.is_available(spec.name)
    used = spec.name in (choice().face_model, choice().voice_model)
    state = "in use" if used else "ships with emoscope" if spec.packaged else "fetched"
    state = state if here else "not on this machine"
    with st.expander(f"**{spec.name}** {spec.version} · {spec.title} · *{state}*"):
        if not here and not spec.packaged:
            _fetch(spec.name, spec.size_bytes, store.fetch, spec.name)
        card = papers.card(spec.name) or "This installation has no card of this model."
        if here and spec.role in ("face", "voice", "words"):
            measured, whole = st.tabs(["Measured", "Model card"])
            with measured:
                _measured(spec.name)
            whole.markdown(card)
        else:
            st.markdown(card)
        st.caption(f"{spec.source}. Licence: {spec.licence}.")


def _measured(name: str) -> None:
    try:
        rows = papers.figures(_metrics(name))
    except EmoscopeError as error:
        st.error(str(error), icon=":material/error:")
        return
    matrix = papers.matrices().get(name)
    if rows:
        st.markdown("##### Figures, with 95% intervals")
        st.table(rows)
    if matrix is None:
        st.caption("No confusion matrix of this model was kept.")
    else:
        st.markdown("##### Confusion matrix")
        st.html(papers.matrix_table(matrix))
        st.caption(f"{matrix.model}: {matrix.protocol} (n {matrix.n:,}).")


def _fetch(name: str, size_bytes: int, fetch: Fetch, *arguments: Any) -> None:
    """A button, and a bar in its place while the file comes."""
    place = st.empty()
    size = f"{size_bytes / 1e6:,.1f} MB"
    if not place.button(f"Fetch, {size}", icon=":material/download:", key=f"fetch-{name}"):
        return
    bar = place.progress(0.0, f"Fetching {name}")

    def progress(done: float, total: float | None) -> None:
        if total:
            bar.progress(min(done / total, 1.0), f"Fetching {name}: {done / 1e6:,.1f} of {size}")

    try:
        fetch(*arguments, progress=progress)
    except EmoscopeError as error:
        place.error(str(error), icon=":material/error:")
    else:
        st.rerun()


st.title("Models", anchor=False)
_chosen()
st.subheader("All models", anchor=False)
for one in catalog.catalog().values():
    _model(one)
st.subheader("Whisper, for words", anchor=False)
st.write("Turns speech into words, in about a hundred languages; chosen where files are added.")
for size in whisper.known().values():
    ready = whisper.is_available(size)
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(f"**{size.name}**")
        if ready:
            st.badge("fetched", color="green", icon=":material/check:")
        else:
            _fetch(size.name, size.size_bytes, whisper.fetch, size)
