"""Frames and sound in, moments out: the only place where time lives.

A picture is a stream of one frame, a recording a stream without frames, a video has both. The
stream reads no clock and starts no thread: the same input gives the same output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emoscope.face.crop import crop_faces, crop_rule
from emoscope.face.detect import FaceDetector
from emoscope.face.recognise import FaceRecogniser
from emoscope.face.track import FaceTracker, Track
from emoscope.fusion.timeline import Smooth, TimeLine, drop_before, models_of
from emoscope.fusion.translate import Translator, missing_side
from emoscope.media.frames import Frame, Sound
from emoscope.models.spaces import Modality, other
from emoscope.results import (
    Analysis,
    FaceEmotion,
    Kind,
    Moment,
    Scores,
    TextEmotion,
    VoiceEmotion,
)
from emoscope.translated import TranslatedReading
from emoscope.voice.activity import SpeechGate
from emoscope.voice.memory import SoundMemory
from emoscope.voice.recognise import VoiceRecogniser, reading_spans
from emoscope.voice.spans import Span
from emoscope.words.reader import WordsReader
from emoscope.words.recognise import WordsRecogniser
from emoscope.words.transcribe import Transcriber

RECENT_S = 3.0  # how old a face may be that is in view, or a reading that is translated
GAP_S = 0.1  # sound that begins later than this after the last one does not go on from it
_LEAST_READ_S = 0.25  # shorter stretches are not read on their own


@dataclass(frozen=True)
class FaceParts:
    """What reads faces: a detector and a recogniser."""

    detector: FaceDetector
    recogniser: FaceRecogniser


@dataclass(frozen=True)
class VoiceParts:
    """What reads voices: a speech gate of this stream's own and a recogniser."""

    gate: SpeechGate
    recogniser: VoiceRecogniser


@dataclass(frozen=True)
class WordParts:
    """What reads words: a transcriber and a recogniser of text."""

    transcriber: Transcriber
    recogniser: WordsRecogniser


class EmotionStream:
    """Reads emotion from frames and sound as they come.

    Args:
        faces: gives the parts that read faces; called when the first frame comes.
        voice: gives the parts that read voices; called when the first sound comes.
        words: gives the parts that read words, likewise; None: words are not read.
        translator: gives what translates between face and voice, for :attr:`moment` while one of
            the two is not there; None: nothing is translated.
        min_confidence: below this a reading abstains.
        detect_every: detection runs on every so many frames; between them boxes are predicted.
        face_batch: crops that are gathered before the network runs. 1: each frame is read at once,
            as a live picture needs it. The results are the same.
        smooth: how the fused answers of the whole are steadied over time, see
            :func:`emoscope.fusion.timeline.smoothed`; by default each moment stands for itself,
            so that a modality that speaks alone is given as it is.
        keep_s: readings older than this, in seconds, are forgotten, so that a stream without an
            end does not grow; None: all are kept for :meth:`close`.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        faces: Callable[[], FaceParts],
        voice: Callable[[], VoiceParts],
        *,
        words: Callable[[], WordParts] | None = None,
        translator: Callable[[], Translator] | None = None,
        min_confidence: float = 0.0,
        detect_every: int = 1,
        face_batch: int = 1,
        smooth: Smooth = "none",
        keep_s: float | None = None,
    ) -> None:
        if detect_every < 1 or face_batch < 1:
            raise ValueError(
                f"detect_every and face_batch must be at least 1, got {detect_every}, {face_batch}"
            )
        if not 0.0 <= min_confidence <= 1.0:
            raise ValueError(f"min_confidence must be within [0, 1], got {min_confidence}")
        # What is recent may still be fused and translated.
        if keep_s is not None and not keep_s >= RECENT_S:
            raise ValueError(f"keep_s must be at least {RECENT_S}, got {keep_s}")
        self._keep_s = keep_s
        self._together = TimeLine(min_confidence, smooth)
        self._make_faces, self._make_voice, self._make_words = faces, voice, words
        self._make_translator = translator
        self._translator: Translator | None = None
        # The last embedding of each, with its time: what may be translated.
        self._embeddings: dict[Modality, tuple[float, NDArray[np.float32]]] = {}
        self._face_parts: FaceParts | None = None
        self._voice_parts: VoiceParts | None = None
        self._words_reader: WordsReader | None = None
        self._min_confidence = min_confidence
        self._detect_every = detect_every
        self._face_batch = face_batch
        self._tracker = FaceTracker()
        self._waiting: list[tuple[float, Track, NDArray[np.uint8]]] = []
        self._sound = SoundMemory()
        self._faces: list[FaceEmotion] = []
        self._voice: list[VoiceEmotion] = []
        self._passing: VoiceEmotion | None = None  # of speech that still goes on
        self._words: list[TextEmotion] = []
        self._current: tuple[FaceEmotion, ...] = ()
        self._frames = 0
        self._frame_s = 0.0
        self._size_px: tuple[int, int] | None = None
        self._closed = False

    def push_frame(self, frame: Frame) -> None:
        """Look at the next frame.

        Raises:
            ValueError: time runs backwards, or the stream was closed.
        """
        self._check_open()
        if self._frames and frame.time_s < self._frame_s:
            raise ValueError(f"frames run backwards: {frame.time_s} after {self._frame_s}")
        height, width = frame.image_rgb.shape[:2]
        if self._face_parts is None:
            self._face_parts = self._make_faces()
            self._size_px = (width, height)
        parts = self._face_parts
        if self._frames % self._detect_every == 0:
            detections = parts.detector.detect(frame.image_rgb)
            tracks = self._tracker.update(frame.time_s, detections)
        else:
            tracks = self._tracker.predict(frame.time_s)
        self._frames += 1
        self._frame_s = frame.time_s
        self._together.add_frame(frame.time_s)
        tracks = [track for track in tracks if track.in_view(width, height)]
        if tracks:
            crops = crop_faces(
                frame.image_rgb,
                [track.box_xyxy for track in tracks],
                parts.detector.name,
                parts.recogniser.crop_size,
            )
            self._waiting += [
                (frame.time_s, track, crop) for track, crop in zip(tracks, crops, strict=True)
            ]
        else:
            self._current = ()
        if len(self._waiting) >= self._face_batch:
            self._read_faces()
        self._forget()

    def push_sound(self, sound: Sound, *, read: bool = True) -> None:
        """Listen to the next stretch of sound.

        Where sound is missing before it, by more than :data:`GAP_S`, the speech before ends there.

        Args:
            sound: begins where the one before ended, or later.
            read: read the speech that ends in it; False: only :meth:`read_sound` reads.

        Raises:
            ValueError: the stream was closed.
        """
        self._check_open()
        if self._voice_parts is None:
            self._voice_parts = self._make_voice()
            self._voice_parts.gate.reset()
            if self._make_words is not None:
                words = self._make_words()
                self._words_reader = WordsReader(
                    words.transcriber, words.recogniser, self._min_confidence
                )
        if self._sound.end_s and sound.time_s - self._sound.end_s > GAP_S:
            self._end_speech(read)
            self._sound = SoundMemory()
        self._sound.push(sound)
        spans = self._voice_parts.gate.push(sound.waveform)
        if read:
            self._read_voice(spans)
            self._read_words(spans)
        self._forget()

    def read_sound(
        self, start_s: float, end_s: float, *, passing: bool = False
    ) -> VoiceEmotion | None:
        """Read a stretch of the last sound as one, whatever the speech gate says.

        Args:
            start_s: where it begins, seconds from the start of the medium.
            end_s: where it ends; what is no longer or not yet remembered is left out.
            passing: of speech that still goes on: it stands in :attr:`moment` until the next
                reading, and is no part of what :meth:`close` gives.

        Returns:
            The reading; None where less than a quarter of a second of it is there.

        Raises:
            ValueError: the stream was closed.
        """
        self._check_open()
        start, end = self._sound.remembered(start_s, end_s)
        if self._voice_parts is None or end - start < _LEAST_READ_S:
            return None
        voice = self._read_parts([Span(start, end)], passing)[-1]
        self._forget()
        return voice

    @property
    def moment(self) -> Moment:
        """What holds now: the faces last read, the last voice, whether somebody speaks.

        ``fused`` takes the last readings of voice and words as long as they are recent.
        """
        time_s = max(self._frame_s if self._frames else 0.0, self._sound.end_s)
        speaking = self._voice_parts is not None and self._voice_parts.gate.speaking
        if time_s - self._frame_s > RECENT_S:  # sound goes on where no frame comes any more
            self._current = ()
        voice = self._passing or (self._voice[-1] if self._voice else None)
        fused = self._together.now(time_s, len(self._current), self._words)
        translated = self._translated(time_s, speaking)
        return Moment(time_s, self._current, voice, speaking, fused, translated)

    def close(
        self, *, source: str = "stream", kind: Kind = "video", duration_s: float | None = None
    ) -> Analysis:
        """Read what is still waiting and give everything that was found.

        Args:
            source: the name of the input, for the record.
            kind: ``image``, ``audio`` or ``video``.
            duration_s: length of the medium; None: where the last frame or sound ended.

        Raises:
            ValueError: the stream was closed before.
        """
        self._check_open()
        self._closed = True
        if self._waiting:
            self._read_faces()
        self._end_speech()
        seen_s = max(self._frame_s, self._sound.end_s)
        fused = self._together.whole(self._words)
        return Analysis(
            source=source,
            kind=kind,
            duration_s=seen_s if duration_s is None else duration_s,
            size_px=self._size_px,
            has_sound=self._voice_parts is not None,
            frames_read=self._frames,
            models=self._models() | models_of(fused),
            faces=tuple(self._faces),
            voice=tuple(sorted(self._voice, key=lambda voice: voice.start_s)),
            words=tuple(self._words),
            fused=fused,
        )

    def _models(self) -> dict[str, str]:
        models = {}
        if self._face_parts is not None:
            models["detector"] = self._face_parts.detector.name
            models["face"] = self._face_parts.recogniser.name
        if self._voice_parts is not None:
            models["speech"] = self._voice_parts.gate.name
            models["voice"] = self._voice_parts.recogniser.name
        if self._words_reader is not None:
            models |= self._words_reader.models
        return models

    def _read_faces(self) -> None:
        assert self._face_parts is not None
        recogniser = self._face_parts.recogniser
        probs, embeddings = recogniser.read(np.stack([crop for _, _, crop in self._waiting]))
        found = [
            FaceEmotion(
                time_s=time_s,
                box_xyxy=track.box_xyxy,
                detection_score=track.score,
                track_id=track.track_id,
                scores=Scores.of(recogniser.labels, row, self._min_confidence),
                box_held=track.held,
            )
            for (time_s, track, _), row in zip(self._waiting, probs, strict=True)
        ]
        detector = self._face_parts.detector.name
        rule = crop_rule(detector)
        for face, (_, _, crop) in zip(found, self._waiting, strict=True):
            left, _, right, _ = rule.region(face.box_xyxy)
            self._together.add_face(face, crop, right - left, detector)
        self._waiting.clear()
        self._faces += found
        self._current = tuple(face for face in found if face.time_s == self._frame_s)
        largest = max(range(len(found)), key=lambda row: _prominence(found[row]))
        self._embeddings["face"] = (found[largest].time_s, embeddings[largest])

    def _end_speech(self, read: bool = True) -> None:
        """Nothing follows the sound heard so far: read what is still open."""
        if self._voice_parts is None:
            return
        spans = self._voice_parts.gate.flush()
        if not read:
            return
        self._read_voice(spans)
        self._read_words(spans)
        if self._words_reader is not None:
            self._words += self._words_reader.flush()

    def _read_voice(self, spans: list[Span]) -> None:
        parts = [part for span in spans for part in reading_spans(span)]
        if parts:
            self._read_parts(parts, passing=False)

    def _read_parts(self, parts: list[Span], passing: bool) -> list[VoiceEmotion]:
        """One reading for each part, in seconds of sound heard."""
        assert self._voice_parts is not None
        recogniser = self._voice_parts.recogniser
        waveforms = [self._sound.between(p.start_s, p.end_s) for p in parts]
        probs, embeddings = recogniser.read(waveforms)
        found = [
            VoiceEmotion(
                self._sound.medium_time(part.start_s),
                self._sound.medium_time(part.end_s),
                Scores.of(recogniser.labels, row, self._min_confidence),
            )
            for part, row in zip(parts, probs, strict=True)
        ]
        self._passing = found[-1] if passing else None
        if not passing:
            self._voice += found
        self._embeddings["voice"] = (found[-1].end_s, embeddings[-1])
        for voice, waveform in zip(found, waveforms, strict=True):
            self._together.add_voice(voice, waveform, passing=passing)
        return found

    def _forget(self) -> None:
        """Drop the readings that are older than ``keep_s``."""
        if self._keep_s is None:
            return
        before_s = max(self._frame_s, self._sound.end_s) - self._keep_s
        drop_before(self._faces, before_s, lambda face: face.time_s)
        drop_before(self._voice, before_s, lambda voice: voice.end_s)
        drop_before(self._words, before_s, lambda text: text.end_s)
        self._together.forget(before_s)

    def _translated(self, time_s: float, speaking: bool) -> TranslatedReading | None:
        """What the modality that is not there would be like, from a recent reading of the other."""
        if self._make_translator is None:
            return None
        to = missing_side(bool(self._current), speaking)
        kept = None if to is None else self._embeddings.get(other(to))
        if to is None or kept is None or time_s - kept[0] > RECENT_S:
            return None
        if self._translator is None:
            self._translator = self._make_translator()
        return self._translator.reading(*kept, to, self._min_confidence)

    def _read_words(self, spans: list[Span]) -> None:
        reader = self._words_reader
        if reader is None or self._voice_parts is None:
            return
        for span in spans:
            waveform = self._sound.between(span.start_s, span.end_s)
            self._words += reader.push(self._sound.medium_time(span.start_s), waveform)
        if not self._voice_parts.gate.speaking:
            self._words += reader.quiet(self._sound.end_s)

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("the stream was closed; make a new one")


def _prominence(face: FaceEmotion) -> tuple[float, float]:
    """Latest first, then by size times the detector's score."""
    x1, y1, x2, y2 = face.box_xyxy
    return face.time_s, (x2 - x1) * (y2 - y1) * face.detection_score
