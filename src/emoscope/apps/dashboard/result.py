"""One file with everything that was read in it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emoscope.apps.dashboard import downloads, picture, timeline
from emoscope.apps.dashboard.bars import bars, heading
from emoscope.apps.dashboard.desk import Item
from emoscope.apps.dashboard.look import chip, colour, plain
from emoscope.apps.dashboard.reading import FaceView, Reading
from emoscope.apps.dashboard.sentence import headline, sentence
from emoscope.results import Analysis, TextEmotion, clock

_KINDS = {"image": "picture", "audio": "recording", "video": "video"}
_MOST_VOICES = 12


def show(item: Item) -> None:
    """Draw a file that was read."""
    reading = item.reading
    assert reading is not None
    summary(reading.analysis)
    if reading.analysis.kind == "image":
        _show_picture(reading, item.number)
    elif reading.analysis.kind == "audio":
        _show_recording(reading, item.number)
    else:
        _show_video(reading, item.number)
    downloads.show(reading.analysis, reading.annotated, key=f"download-{item.number}")


def summary(analysis: Analysis) -> None:
    """The label, the sentence, and what was read by what."""
    big = mark(analysis).replace('class="emo-chip', 'class="emo-chip big', 1)
    st.html(f'<div class="emo-summary">{big}<p>{escape(sentence(analysis))}</p></div>')
    facts = [f"**{plain(analysis.source)}**", _KINDS[analysis.kind]]
    if analysis.size_px is not None:
        facts.append("{} × {}".format(*analysis.size_px))
    if analysis.kind != "image":
        facts.append(clock(analysis.duration_s, 0.1))
    facts.append(", ".join(analysis.models.values()))
    st.caption(" · ".join(facts))


def mark(analysis: Analysis) -> str:
    """The whole input as one label, as HTML."""
    found = headline(analysis)
    if found is not None:
        return chip(*found)
    faces = len(analysis.track_ids)
    return f'<span class="emo-chip plain">{f"{faces} faces" if faces else "nothing found"}</span>'


def _show_picture(reading: Reading, number: int) -> None:
    assert reading.shown is not None
    left, right = st.columns([3, 2], gap="large")
    with left:
        picture.show(reading.shown, sentence(reading.analysis), key=f"picture-{number}")
    with right:
        _show_faces(reading)


def _show_recording(reading: Reading, number: int) -> None:
    player = f"player-{number}"
    with st.container(key=player):
        if reading.sound is None:
            st.caption("Browsers do not play this format; the time line below still shows it.")
        else:
            st.audio(reading.sound[0], format=reading.sound[1])
    timeline.show(reading.analysis, reading.peaks, player, key=f"timeline-{number}")
    _show_voice(reading.analysis)
    _show_words(reading.analysis)


def _show_video(reading: Reading, number: int) -> None:
    player = f"player-{number}"
    left, right = st.columns(2, gap="large")
    with left, st.container(key=player):
        st.video(reading.annotated)
    with right:
        timeline.show(reading.analysis, reading.peaks, player, key=f"timeline-{number}")
    if reading.faces:
        st.subheader("Faces", anchor=False)
        _show_faces(reading)
    _show_voice(reading.analysis)
    _show_words(reading.analysis)


def _show_faces(reading: Reading) -> None:
    if not reading.faces:
        st.info("No face was found.", icon=":material/face:")
        return
    many = len(reading.faces) > 2 and reading.analysis.kind == "image"
    with st.container(height=560 if many else "content", border=many):
        across = 2 if reading.analysis.kind == "video" and len(reading.faces) > 1 else 1
        for place, face in zip(_places(len(reading.faces), across), reading.faces, strict=True):
            with place:
                _show_face(face, reading)
    rest = len(reading.analysis.track_ids) - len(reading.faces)
    if rest > 0:
        st.caption(f"{rest} more faces are in the downloads.")


def _places(count: int, across: int) -> Iterator[DeltaGenerator]:
    """So many places, row by row, so that they keep their order where the page is narrow."""
    for start in range(0, count, across):
        row = st.columns(across, gap="large") if across > 1 else [st.container()]
        yield from row[: count - start]


def _show_face(face: FaceView, reading: Reading) -> None:
    alone = len(reading.analysis.track_ids) == 1
    name = "Face" if alone else f"Face {face.track_id + 1}"
    note = ""
    if reading.analysis.kind == "video":
        note = f"{clock(face.start_s, 0.1)} to {clock(face.end_s, 0.1)}"
    source = f"data:image/jpeg;base64,{b64encode(face.jpeg).decode('ascii')}"
    st.html(
        f'<div class="emo-face"><img src="{source}" width="96" height="96" alt="{name}" '
        f'style="border-color:{colour(face.scores.top)}"><div>'
        f"{heading(name, face.scores, note)}{bars(face.scores, name)}</div></div>"
    )


def _show_voice(analysis: Analysis) -> None:
    if not analysis.has_sound:
        return
    st.subheader("Voice", anchor=False)
    if not analysis.voice:
        st.info("No speech was heard.", icon=":material/mic_off:")
        return
    shown = analysis.voice[:_MOST_VOICES]
    for place, voice in zip(_places(len(shown), 3), shown, strict=True):
        span = f"{clock(voice.start_s, 0.1)} to {clock(voice.end_s, 0.1)}"
        with place:
            st.html(heading(span, voice.scores) + bars(voice.scores, f"voice, {span}"))
    if len(analysis.voice) > len(shown):
        st.caption(f"{len(analysis.voice) - len(shown)} later stretches are in the time line.")


def _show_words(analysis: Analysis) -> None:
    if "transcriber" not in analysis.models:
        return
    st.subheader("Words", anchor=False)
    if not analysis.words:
        st.info("No words were made out.", icon=":material/speech_to_text:")
        return
    passages = "".join(_passage(said) for said in analysis.words)
    st.html(f'<div class="emo-words">{passages}</div>')


def _passage(said: TextEmotion) -> str:
    language = said.language or "?"
    if said.language_probability is not None:
        language = f"{language} {said.language_probability:.0%}"
    # The time below each word, where everybody sees it, not only under a pointer.
    words = "".join(
        f'<ruby title="to {clock(word.end_s, 0.1)}">{escape(word.text)}'
        f"<rt>{clock(word.start_s, 0.1)}</rt></ruby>"
        for word in said.words
    )
    span = f"{clock(said.start_s, 0.1)} to {clock(said.end_s, 0.1)}"
    return (
        f'<div class="passage"><div class="emo-heading"><span>{span}</span>'
        f"{chip(said.scores.top, said.scores.confidence)}"
        f'<span class="emo-note">{escape(language)}</span></div>{words or escape(said.text)}</div>'
    )
