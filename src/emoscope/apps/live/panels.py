"""What stands in the cards beside the picture: all together, the face, the voice."""

from __future__ import annotations

from dataclasses import dataclass

from emoscope.apps.live.layout import (
    LONGEST_ROW,
    Layout,
    head_height,
    together_height,
    voice_head_height,
)
from emoscope.apps.live.shapes import draw_badge, draw_bar, draw_dot, draw_text_to
from emoscope.apps.live.theme import AMBER, CARD, FAINT, SOFT, SPEECH, TEXT, TRACK, Sizes
from emoscope.apps.live.view import View
from emoscope.export.annotate import UNSURE_WORD
from emoscope.export.canvas import Canvas, Rect
from emoscope.export.glyphs import shortened, text_width
from emoscope.export.palette import Rgb, emotion_colour
from emoscope.labels import SHARED, VOICE_LABELS
from emoscope.live.state import LiveFace, LiveState
from emoscope.results import FusedEmotion, Scores
from emoscope.translated import TranslatedReading

QUIETEST_DBFS = -60.0
"""Where the level meter begins."""

HELD_S = 10.0
"""For so long a voice that fell silent stands before a translated one takes its place."""


@dataclass(frozen=True)
class Reading:
    """An answer as a card shows it.

    Attributes:
        scores: probabilities over its labels.
        label: None: unsure.
        confidence: probability of the label, of the best one where it is unsure.
        look: ``read``; ``held`` from a while ago; ``translated`` from the other side.
    """

    scores: Scores
    label: str | None
    confidence: float
    look: str = "read"


@dataclass(frozen=True)
class TogetherCard:
    """What all say together.

    Attributes:
        fused: None where nothing is there.
        label: None: unsure.
        confidence: probability of the label, of the best one where it is unsure.
    """

    fused: FusedEmotion | None
    label: str | None
    confidence: float

    @classmethod
    def of(cls, state: LiveState) -> TogetherCard:
        return cls(state.fused, state.fused_label, fused_confidence(state))

    def draw(self, canvas: Canvas, layout: Layout) -> None:
        rect, sizes = layout.together, layout.sizes
        left, right = rect.x1 + sizes.pad, rect.x2 - sizes.pad
        # The content is centred where the card is higher than it needs to be.
        top = rect.y1 + sizes.pad + (rect.height - together_height(sizes)) / 2
        middle = top + 0.65 * sizes.note
        canvas.text(left, middle, "together", sizes.note, SOFT)
        fused = self.fused
        if fused is not None and fused.modalities:
            room = right - left - text_width("together", sizes.note) - sizes.text
            said = _weights(fused)
            fits = next((line for line in said if text_width(line, sizes.note) <= room), "")
            draw_text_to(canvas, right, middle, fits, sizes.note, SOFT)
        middle = top + 1.3 * sizes.note + 0.85 * sizes.big
        if fused is None:
            canvas.text(left, middle, "nothing yet", sizes.big, FAINT)
        else:
            dot = round(0.58 * sizes.big)
            draw_dot(canvas, left, middle, dot, emotion_colour(self.label))
            word = self.label or UNSURE_WORD
            canvas.text(left + 1.6 * dot, middle, word, sizes.big, TEXT, "bold")
            if self.label is not None:
                draw_text_to(canvas, right, middle, f"{self.confidence:.0%}", sizes.big, TEXT)
        self._draw_congruence(canvas, left, right, middle + 0.75 * sizes.big, sizes)

    def _draw_congruence(
        self, canvas: Canvas, left: int, right: int, top: float, sizes: Sizes
    ) -> None:
        value = None if self.fused is None else self.fused.congruence
        middle = top + 1.0 * sizes.text
        canvas.text(left, middle, "congruence", sizes.text, SOFT)
        said = "–" if value is None else f"{value:.2f}"
        draw_text_to(canvas, right, middle, said, sizes.text, TEXT if value is not None else FAINT)
        thick = max(4, round(0.42 * sizes.text))
        y = round(middle + 1.2 * sizes.text)
        bar = Rect(left, y, right, y + thick)
        draw_bar(canvas, bar, value or 0.0, _congruence_colour(value or 0.0), look="full")


@dataclass(frozen=True)
class FaceCard:
    """The face that leads.

    Attributes:
        reading: None where there is no face.
        others: how many more faces there are.
        empty: what is said where there is no reading.
    """

    reading: Reading | None
    others: int
    empty: str

    @classmethod
    def of(cls, state: LiveState, view: View) -> FaceCard:
        face = state.leading_face
        empty = "no face" if view.camera.name is not None else "camera off"
        translated = _translated(state, view, "face")
        if face is None:
            return cls(translated, 0, empty)
        return cls(_face_reading(face), len(state.faces) - 1, empty)

    def draw(self, canvas: Canvas, layout: Layout) -> None:
        rect, sizes = layout.face, layout.sizes
        title = "face" if not self.others else f"face, 1 of {self.others + 1}"
        draw_head(canvas, rect, sizes, title, self.reading, self.empty)
        top = rect.y1 + head_height(sizes)
        draw_rows(canvas, rect, top, sizes, self.reading, SHARED)


@dataclass(frozen=True)
class VoiceCard:
    """The voice.

    Attributes:
        reading: the last one, or a translated one.
        level_dbfs: of the sound now, in whole decibels; None without a microphone.
        speaking: somebody speaks.
        empty: what is said where there is no reading.
    """

    reading: Reading | None
    level_dbfs: int | None
    speaking: bool
    empty: str

    @classmethod
    def of(cls, state: LiveState, view: View) -> VoiceCard:
        level = None if view.microphone.name is None else round(state.level_dbfs)
        reading = _voice_reading(state)
        if reading is None or (
            state.voice is not None and state.time_s - state.voice.end_s > HELD_S
        ):
            reading = _translated(state, view, "voice") or reading
        if view.microphone.name is None:
            empty = "microphone off"
        elif view.voice_mode == "key":
            empty = "press a, then speak"
        else:
            empty = "nobody spoke yet"
        return cls(reading, level, state.speaking, empty)

    def draw(self, canvas: Canvas, layout: Layout) -> None:
        rect, sizes = layout.voice, layout.sizes
        draw_head(canvas, rect, sizes, "voice", self.reading, self.empty)
        self._draw_level(canvas, rect, rect.y1 + head_height(sizes) + 0.55 * sizes.text, sizes)
        top = rect.y1 + voice_head_height(sizes)
        draw_rows(canvas, rect, top, sizes, self.reading, VOICE_LABELS.names)

    def _draw_level(self, canvas: Canvas, rect: Rect, middle: float, sizes: Sizes) -> None:
        left, right = rect.x1 + sizes.pad, rect.x2 - sizes.pad
        said = "speaking" if self.speaking else "silent"
        if self.level_dbfs is None:
            said = "off"
        dot = max(5, round(0.6 * sizes.text))
        draw_dot(canvas, left, middle, dot, SPEECH if self.speaking else FAINT)
        canvas.text(left + 1.6 * dot, middle, said, sizes.note, SPEECH if self.speaking else SOFT)
        x = round(left + 1.6 * dot + text_width("speaking", sizes.note) + 0.9 * sizes.text)
        # Segments, as a meter has them.
        thick = max(4, round(0.55 * sizes.text))
        step = max(3, round(0.32 * sizes.text))
        top = round(middle - thick / 2)
        share = level_share(self.level_dbfs)
        last = right - step + max(1, step // 3)
        for at in range(x, last, step):
            lit = (at - x) / max(1, last - x) < share
            colour = (SPEECH if self.speaking else SOFT) if lit else TRACK
            if lit and (at - x) / max(1, last - x) > level_share(-6):
                colour = AMBER
            canvas.rectangle(
                Rect(at, top, at + max(1, step - max(1, step // 3)), top + thick), colour
            )


def draw_head(
    canvas: Canvas, rect: Rect, sizes: Sizes, title: str, reading: Reading | None, empty: str
) -> None:
    """A card's title on the left, its answer on the right."""
    left, right = rect.x1 + sizes.pad, rect.x2 - sizes.pad
    middle = rect.y1 + 0.7 * sizes.pad + 0.85 * sizes.text
    canvas.text(left, middle, title, sizes.note, SOFT)
    room = left + text_width(title, sizes.note) + 0.8 * sizes.text
    if reading is None:
        said = shortened(empty, sizes.note, right - room)
        draw_text_to(canvas, right, middle, said, sizes.note, FAINT)
        return
    if reading.look != "read":
        colour = AMBER if reading.look == "translated" else SOFT
        room = (
            draw_badge(
                canvas, room - 0.2 * sizes.text, middle, reading.look, sizes.note, colour, CARD
            )
            + 0.5 * sizes.text
        )
    word, share = UNSURE_WORD, ""
    if reading.label is not None:
        word, share = reading.label, f"{reading.confidence:.0%}"
    ink = TEXT if reading.look == "read" else SOFT
    wide = text_width(share, sizes.text) + 0.45 * sizes.text
    if share and right - wide - text_width(word, sizes.text, "bold") - 0.9 * sizes.text >= room:
        right = round(
            draw_text_to(canvas, right, middle, share, sizes.text, ink) - 0.45 * sizes.text
        )
    x = draw_text_to(canvas, right, middle, word, sizes.text, ink, "bold")
    dot = round(0.6 * sizes.text)
    if x - 1.6 * dot >= room:
        draw_dot(canvas, x - 1.6 * dot, middle, dot, emotion_colour(reading.label))


def draw_rows(
    canvas: Canvas,
    rect: Rect,
    top: float,
    sizes: Sizes,
    reading: Reading | None,
    labels: tuple[str, ...],
) -> None:
    """One bar per probability; empty tracks where there is no reading."""
    left, right = rect.x1 + sizes.pad, rect.x2 - sizes.pad
    if reading is not None:
        labels = reading.scores.labels
    row = min((rect.y2 - 0.6 * sizes.pad - top) / len(labels), LONGEST_ROW * sizes.text)
    px = min(sizes.text, row / 1.15)
    if px < 5:
        return
    words = max(text_width(label, px) for label in labels) + 0.8 * px
    numbers = text_width("100%", px) + 0.3 * px
    thick = max(4, round(min(0.5 * px, 0.34 * row)))
    for number, label in enumerate(labels):
        middle = top + (number + 0.5) * row
        chosen = reading is not None and label == reading.label
        ink = TEXT if chosen else SOFT
        if reading is None:
            ink = FAINT
        canvas.text(left, middle, label, px, ink, "regular")
        y = round(middle - thick / 2)
        bar = Rect(round(left + words), y, round(right - numbers), y + thick)
        share = 0.0 if reading is None else reading.scores.probabilities[number]
        look = reading.look if reading is not None else "read"
        colour = emotion_colour(label)
        if look == "held":
            colour = _mixed(colour, CARD, 0.45)
        draw_bar(canvas, bar, share, colour, look="hollow" if look == "translated" else "full")
        if reading is not None:
            draw_text_to(canvas, right, middle, f"{share:.0%}", px, ink)


def fused_confidence(state: LiveState) -> float:
    """What is shown beside the fused label; 0 where nothing is there."""
    if state.fused_confidence is not None:
        return state.fused_confidence
    return 0.0 if state.fused is None else state.fused.scores.confidence


def level_share(level_dbfs: float | None) -> float:
    """How far the level meter is filled, within [0, 1]."""
    if level_dbfs is None:
        return 0.0
    return min(max(1.0 - level_dbfs / QUIETEST_DBFS, 0.0), 1.0)


def _weights(fused: FusedEmotion) -> tuple[str, ...]:
    """Whose answer it is, longest first."""
    names = fused.modalities
    if len(names) == 1:
        return (f"{names[0]} alone",)
    return " · ".join(f"{name} {fused.weights[name]:.0%}" for name in names), " + ".join(names)


def _face_reading(face: LiveFace) -> Reading:
    return Reading(face.scores, face.label, face.confidence, "held" if face.held else "read")


def _voice_reading(state: LiveState) -> Reading | None:
    voice = state.voice
    if voice is None:
        return None
    return Reading(voice.scores, voice.label, voice.confidence, "held" if voice.held else "read")


def _translated(state: LiveState, view: View, to: str) -> Reading | None:
    found: TranslatedReading | None = state.translated
    if found is None or not view.show_translated or found.to != to:
        return None
    return Reading(found.scores, found.scores.top, found.scores.confidence, "translated")


def _congruence_colour(value: float) -> Rgb:
    """From amber, where they contradict each other, to green."""
    return _mixed(AMBER, SPEECH, value)


def _mixed(first: Rgb, second: Rgb, share: float) -> Rgb:
    """``share`` of the second colour in the first."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
