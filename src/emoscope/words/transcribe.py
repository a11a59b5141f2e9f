"""From speech to text with Whisper, through faster-whisper.

Radford et al., *Robust Speech Recognition via Large-Scale Weak Supervision*, 2022. The beam search
is deterministic: where it runs into a loop, it is asked again without repetitions, instead of
drawing at random as the paper does.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope._optional import require
from emoscope.errors import ModelError, ModelIntegrityError
from emoscope.media import SAMPLE_RATE
from emoscope.models import whisper
from emoscope.models.download import Progress
from emoscope.results import Word

# Whisper's own limits (section 4.5 of the paper): above the first and below the second together
# nobody speaks; above the third the text is a loop.
NO_SPEECH = 0.6
MIN_LOGPROB = -1.0
MAX_COMPRESSION = 2.4
# A language heard with less than this is doubted where an earlier one is known.
SURE_OF_LANGUAGE = 0.5
_BEAM = 5
_LONGEST_REPEAT = 5  # tokens, when a loop is broken
_SHORTEST_S = 0.1
_JOINERS = "\u200c\u200d"  # part of words and emoji, though not printable


@dataclass(frozen=True)
class Segment:
    """One stretch of text, about a sentence.

    Attributes:
        text: as it was said, or in English where a translation was asked for.
        start_s: where it begins, seconds from the start of the medium.
        end_s: where it ends.
        language: two or three letters, as Whisper names it.
        language_probability: within [0, 1]; None where the user said which language it is.
        words: with their times; those of a translation are rough.
        english: the text in English: itself, or Whisper's translation; None where it gave none.
    """

    text: str
    start_s: float
    end_s: float
    language: str
    language_probability: float | None
    words: tuple[Word, ...]
    english: str | None


class Transcriber:
    """Whisper, ready to listen.

    Args:
        model: a known size (see :mod:`emoscope.models.whisper`), fetched on first use, or a folder
            in CTranslate2's format.
        language: what is spoken; None: heard anew in each stretch.
        translate: give the text in English.
        threads: for the network; None: the runtime's own choice.
        progress: of the download, called with the bytes so far and the bytes in all.

    Attributes:
        name: ``name@version``, or the folder's name.

    Raises:
        MissingExtraError: the ``words`` extra is not installed.
        UnknownModelError, ModelUnavailableError, ModelIntegrityError: see
            :func:`emoscope.models.whisper.folder_of`; also where the folder holds no Whisper.
        ModelError: the model does not know the language.
    """

    name: str

    def __init__(
        self,
        model: str | Path = "base",
        *,
        language: str | None = None,
        translate: bool = False,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        faster_whisper = require("faster_whisper", extra="words")
        folder, self.name = whisper.folder_of(model, obtain=True, progress=progress)
        try:
            self._model: Any = faster_whisper.WhisperModel(
                str(folder), device="cpu", compute_type="int8", cpu_threads=threads or 0
            )
        except (RuntimeError, ValueError, OSError) as error:
            what = " ".join(str(error).split())
            raise ModelIntegrityError(f"{folder}: no Whisper that can be run: {what}") from error
        self._listen_for(language, translate)

    def listening_for(self, language: str | None, *, translate: bool = False) -> Transcriber:
        """The same loaded model, told something else about what is spoken.

        Raises:
            ModelError: the model does not know the language.
        """
        other = copy.copy(self)
        other._listen_for(language, translate)
        return other

    def _listen_for(self, language: str | None, translate: bool) -> None:
        known = self._model.supported_languages
        if language is not None and language not in known:
            raise ModelError(
                f"{self.name} does not know the language {language!r}; it knows: {' '.join(known)}"
            )
        self._language = language
        self._translate = translate

    def read(
        self, waveform: NDArray[np.float32], start_s: float = 0.0, *, before: str | None = None
    ) -> list[Segment]:
        """What is said in a stretch of sound; nothing where it is silent.

        Args:
            waveform: ``(time,)`` float32 at 16 kHz. Stretches of exact zeros are not listened to:
                text that falls on them is dropped.
            start_s: where it begins, for the times.
            before: the language that was spoken before, for when the language is hardly heard.

        Raises:
            ValueError: another dtype or shape.
            ModelError: the runtime failed.
        """
        if waveform.dtype != np.float32 or waveform.ndim != 1:
            raise ValueError(
                f"expected a float32 waveform (time,), got {waveform.dtype} {waveform.shape}"
            )
        if len(waveform) < _SHORTEST_S * SAMPLE_RATE or not waveform.any():
            return []
        try:
            language, probability = self._hear_language(waveform, before)
            task = "translate" if self._translate and language != "en" else "transcribe"
            found = self._run(waveform, task, language)
            english = found
            if language != "en" and task == "transcribe":
                english = self._run(waveform, "translate", language) if found else []
        except (RuntimeError, ValueError) as error:
            what = " ".join(str(error).split())
            raise ModelError(f"{self.name}: the model failed: {what}") from error
        pairs = [(raw, raw.text) for raw in found] if english is found else _pair(found, english)
        return [
            Segment(
                text=raw.text,
                start_s=start_s + raw.start_s,
                end_s=start_s + raw.end_s,
                language=language,
                language_probability=probability,
                words=tuple(
                    Word(w.text, start_s + w.start_s, start_s + w.end_s, w.probability)
                    for w in raw.words
                ),
                english=text,
            )
            for raw, text in pairs
        ]

    def _hear_language(
        self, waveform: NDArray[np.float32], before: str | None
    ) -> tuple[str, float | None]:
        if self._language is not None:
            return self._language, None
        if not self._model.model.is_multilingual:
            return "en", None
        language, probability, everything = self._model.detect_language(waveform)
        if probability < SURE_OF_LANGUAGE and before is not None:
            return before, float(dict(everything).get(before, 0.0))
        return str(language), float(probability)

    def _run(self, waveform: NDArray[np.float32], task: str, language: str) -> list[_Raw]:
        found = self._decode(waveform, task, language)
        if any(_loops(item) for item in found):
            found = self._decode(waveform, task, language, no_repeat_ngram_size=_LONGEST_REPEAT)
        end_s = len(waveform) / SAMPLE_RATE
        kept = [_raw(item, end_s) for item in found if not (_nobody_speaks(item) or _loops(item))]
        return [raw for raw in kept if raw.text and _is_heard(raw, waveform)]

    def _decode(
        self, waveform: NDArray[np.float32], task: str, language: str, **more: Any
    ) -> list[Any]:
        segments, _ = self._model.transcribe(
            waveform,
            task=task,
            language=language,
            beam_size=_BEAM,
            temperature=0.0,
            no_speech_threshold=NO_SPEECH,
            log_prob_threshold=MIN_LOGPROB,
            compression_ratio_threshold=MAX_COMPRESSION,
            # What was misheard once would otherwise be carried on.
            condition_on_previous_text=False,
            word_timestamps=True,
            **more,
        )
        return list(segments)


@dataclass(frozen=True)
class _Raw:
    """A segment in seconds from the start of the waveform."""

    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...]


def _nobody_speaks(segment: Any) -> bool:
    return bool(segment.no_speech_prob > NO_SPEECH and segment.avg_logprob < MIN_LOGPROB)


def _loops(segment: Any) -> bool:
    return bool(segment.compression_ratio > MAX_COMPRESSION)


def _raw(segment: Any, end_s: float) -> _Raw:
    """Whisper's segment, its times within the sound and in order."""
    start = min(max(float(segment.start), 0.0), end_s)
    end = min(max(float(segment.end), start), end_s)
    words = []
    for word in segment.words or ():
        text = plain(word.word)
        if text:
            first = min(max(float(word.start), start), end)
            last = min(max(float(word.end), first), end)
            words.append(Word(text, first, last, min(max(float(word.probability), 0.0), 1.0)))
    return _Raw(plain(segment.text), start, end, tuple(words))


def plain(text: str) -> str:
    """One line, without control characters and without what bytes that are no text became."""
    signs = (" " if sign.isspace() else sign for sign in text)
    kept = (s for s in signs if s == " " or s in _JOINERS or (s.isprintable() and s != "\ufffd"))
    return " ".join("".join(kept).split())


def _is_heard(raw: _Raw, waveform: NDArray[np.float32]) -> bool:
    first, last = round(raw.start_s * SAMPLE_RATE), round(raw.end_s * SAMPLE_RATE)
    return bool(waveform[first : max(last, first + 1)].any())


def _pair(found: Iterable[_Raw], english: list[_Raw]) -> list[tuple[_Raw, str | None]]:
    """Each segment with its translation: two passes need not cut the sound at the same places.

    A translated segment belongs where most of it falls; a segment that gets none so takes the one
    that covers most of it, and None if none touches it.
    """
    found = list(found)
    own: list[list[str]] = [[] for _ in found]
    for item in english:
        shares = [_overlap(item, raw) for raw in found]
        if max(shares, default=0.0) > 0:
            own[int(np.argmax(shares))].append(item.text)
    pairs: list[tuple[_Raw, str | None]] = []
    for raw, texts in zip(found, own, strict=True):
        if not texts:
            best = max(english, key=lambda item: _overlap(item, raw), default=None)
            texts = [best.text] if best is not None and _overlap(best, raw) > 0 else []
        pairs.append((raw, " ".join(texts) or None))
    return pairs


def _overlap(one: _Raw, other: _Raw) -> float:
    return min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
