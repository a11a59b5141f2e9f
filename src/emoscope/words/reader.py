"""From stretches of speech to words with what they express."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emoscope.results import Scores, TextEmotion
from emoscope.words.passages import Passage, Passages
from emoscope.words.recognise import WordsRecogniser
from emoscope.words.transcribe import Segment, Transcriber


class WordsReader:
    """Reads one medium's speech, stretch by stretch.

    The text model reads English: what was said in another language is read in Whisper's
    translation, and the result says so.

    Args:
        transcriber: may be shared with other readers.
        recogniser: likewise.
        min_confidence: below this a reading abstains.
    """

    def __init__(
        self, transcriber: Transcriber, recogniser: WordsRecogniser, min_confidence: float = 0.0
    ) -> None:
        self._transcriber, self._recogniser = transcriber, recogniser
        self._min_confidence = min_confidence
        self._passages = Passages()
        self._language: str | None = None

    @property
    def models(self) -> dict[str, str]:
        """What reads, by role."""
        return {"transcriber": self._transcriber.name, "words": self._recogniser.name}

    def push(self, start_s: float, waveform: NDArray[np.float32]) -> list[TextEmotion]:
        """Take the next stretch of speech; give the words of what it ends. See :class:`Passages`.

        Raises:
            ModelError: a model failed.
        """
        return self._read(self._passages.push(start_s, waveform))

    def quiet(self, heard_s: float) -> list[TextEmotion]:
        """Nobody speaks at ``heard_s``: give the words of what cannot go on any more."""
        return self._read(self._passages.quiet(heard_s))

    def flush(self) -> list[TextEmotion]:
        """The medium ends: give the words that are left."""
        return self._read(self._passages.flush())

    def _read(self, passages: list[Passage]) -> list[TextEmotion]:
        segments: list[Segment] = []
        for passage in passages:
            found = self._transcriber.read(passage.waveform, passage.start_s, before=self._language)
            if found:
                self._language = found[-1].language
            segments += found
        texts = [segment.english for segment in segments if segment.english is not None]
        rows = iter(self._recogniser.read(texts)[0] if texts else ())
        return [
            self._emotion(segment, None if segment.english is None else next(rows))
            for segment in segments
        ]

    def _emotion(self, segment: Segment, probs: NDArray[np.float32] | None) -> TextEmotion:
        labels = self._recogniser.labels
        if probs is None:  # no text that the model could read: it knows nothing, and says so
            scores = Scores.of(labels, np.ones(len(labels)), 1.0)
        else:
            scores = Scores.of(labels, probs, self._min_confidence)
        own = segment.english == segment.text
        return TextEmotion(
            start_s=segment.start_s,
            end_s=segment.end_s,
            text=segment.text,
            scores=scores,
            language=segment.language,
            language_probability=segment.language_probability,
            words=segment.words,
            translated=segment.language != "en" and segment.english is not None,
            scored_text=None if own else segment.english,
        )
