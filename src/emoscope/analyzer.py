"""From a file to an :class:`~emoscope.results.Analysis`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Protocol

from emoscope.face.detect import DetectorChoice, FaceDetector, load_detector
from emoscope.face.recognise import FaceRecogniser
from emoscope.fusion.timeline import Smooth
from emoscope.fusion.translate import Translator
from emoscope.media import Frame, Limits, Sound, open_media
from emoscope.results import Analysis, Kind
from emoscope.stream import EmotionStream, FaceParts, VoiceParts, WordParts
from emoscope.voice.activity import GateChoice, load_gate
from emoscope.voice.recognise import VoiceRecogniser
from emoscope.words.recognise import WordsRecogniser
from emoscope.words.transcribe import Transcriber

DEFAULT_FPS = 10.0
DEFAULT_MIN_CONFIDENCE = 0.3
_FACE_BATCH = 32
# Seconds between detections in a video; a face seldom moves far in that time.
_DETECT_INTERVAL_S = 0.2

Progress = Callable[[float, float | None], None]


class OpenedMedium(Protocol):
    """What an analyzer reads; :class:`emoscope.media.Media` is one."""

    @property
    def source(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def duration_s(self) -> float | None: ...
    def read(self, fps: float | None = None) -> Iterator[Frame | Sound]: ...


class Analyzer:
    """Reads files; loads each model once, when it is first needed.

    Args:
        face_model: a name from the catalog, an ``.onnx`` file, or a training run's folder.
        voice_model: likewise.
        detector: ``yunet``, ``haar``, or ``auto`` for YuNet where its file is to be had.
        speech: ``silero``, ``light``, or ``auto`` for Silero where it is installed.
        transcribe: read words too, with this Whisper: ``tiny``, ``base``, ``small``, ``medium``,
            ``large-v3``, ``turbo`` (fetched when first needed), or a folder in CTranslate2's
            format. None: words are not read.
        language: what is spoken, two or three letters; None: heard anew in each passage.
        translate: give the words in English.
        words_model: likewise as ``face_model``, or the folder of a Hugging Face text classifier
            exported to ONNX.
        min_confidence: below this a reading abstains (its ``top`` is None).
        fps: frames per second of a video that are looked at, at most.
        smooth: how the fused answers of a video are steadied: ``none``, ``window`` (mean of the
            last second) or ``exponential`` (forgets with half a second).
        limits: how many pixels, seconds and bytes are accepted.
        threads: for the networks; None: all cores that this process may use.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        face_model: str | Path = "emoscope-face",
        voice_model: str | Path = "emoscope-voice",
        detector: DetectorChoice = "auto",
        speech: GateChoice = "auto",
        transcribe: str | Path | None = None,
        language: str | None = None,
        translate: bool = False,
        words_model: str | Path = "emoscope-words",
        min_confidence: float = DEFAULT_MIN_CONFIDENCE,
        fps: float = DEFAULT_FPS,
        smooth: Smooth = "none",
        limits: Limits | None = None,
        threads: int | None = None,
    ) -> None:
        if not fps > 0:
            raise ValueError(f"fps must be positive, got {fps}")
        if not 0.0 <= min_confidence <= 1.0:
            raise ValueError(f"min_confidence must be within [0, 1], got {min_confidence}")
        if transcribe is None and (language is not None or translate):
            raise ValueError("language and translate need transcribe")
        self._face_model, self._voice_model = face_model, voice_model
        self._ships = (face_model, voice_model) == ("emoscope-face", "emoscope-voice")
        self._transcribe, self._words_model = transcribe, words_model
        self._language, self._translate = language, translate
        self._detector_choice: DetectorChoice = detector
        self._speech: GateChoice = speech
        self._min_confidence = min_confidence
        self._fps = fps
        self._smooth: Smooth = smooth
        self._limits = limits or Limits()
        self._threads = threads

    @cached_property
    def detector(self) -> FaceDetector:
        """The face detector, loaded when first asked for."""
        return load_detector(self._detector_choice, self._threads)

    @cached_property
    def face(self) -> FaceRecogniser:
        """The face model, loaded when first asked for."""
        return FaceRecogniser(self._face_model, self._threads)

    @cached_property
    def voice(self) -> VoiceRecogniser:
        """The voice model, loaded when first asked for."""
        return VoiceRecogniser(self._voice_model, self._threads)

    @cached_property
    def transcriber(self) -> Transcriber:
        """Whisper, fetched and loaded when first asked for; ``base`` where none was chosen."""
        return Transcriber(
            self._transcribe or "base",
            language=self._language,
            translate=self._translate,
            threads=self._threads,
        )

    @cached_property
    def words(self) -> WordsRecogniser:
        """The text model, loaded when first asked for."""
        return WordsRecogniser(self._words_model, self._threads)

    @cached_property
    def translator(self) -> Translator:
        """What translates between face and voice, loaded when first asked for."""
        return Translator(threads=self._threads)

    def stream(
        self, *, detect_every: int = 1, face_batch: int = 1, keep_s: float | None = None
    ) -> EmotionStream:
        """A fresh stream that shares this analyzer's models; see :class:`EmotionStream`."""
        return EmotionStream(
            lambda: FaceParts(self.detector, self.face),
            lambda: VoiceParts(load_gate(self._speech), self.voice),
            words=(
                None
                if self._transcribe is None
                else lambda: WordParts(self.transcriber, self.words)
            ),
            # It belongs to the models that ship; the embeddings of others mean nothing to it.
            translator=(lambda: self.translator) if self._ships else None,
            min_confidence=self._min_confidence,
            detect_every=detect_every,
            face_batch=face_batch,
            smooth=self._smooth,
            keep_s=keep_s,
        )

    def analyze(self, source: str | Path, *, progress: Progress | None = None) -> Analysis:
        """Read one picture, recording or video.

        Args:
            source: path of a local file.
            progress: called with the seconds read so far and the length of the medium, None where
                the file does not say.

        Raises:
            MediaError: the file cannot be read; its subclasses say why.
            ModelError: a model cannot be had.
        """
        with open_media(source, self._limits) as media:
            return self.analyze_media(media, progress=progress)

    def analyze_media(self, media: OpenedMedium, *, progress: Progress | None = None) -> Analysis:
        """Read an opened medium, wherever it is decoded.

        Args:
            media: from :func:`emoscope.media.open_media`, or what another process decodes.
            progress: as for :meth:`analyze`.

        Raises:
            MediaError: it breaks off; its subclasses say why.
            ModelError: a model cannot be had.
        """
        stream = self.stream(
            detect_every=max(1, round(self._fps * _DETECT_INTERVAL_S)), face_batch=_FACE_BATCH
        )
        done_s = 0.0
        for item in media.read(self._fps):
            if isinstance(item, Frame):
                stream.push_frame(item)
                done_s = max(done_s, item.time_s)
            else:
                stream.push_sound(item)
                done_s = max(done_s, item.end_s)
            if progress is not None:
                progress(done_s, media.duration_s)
        return stream.close(source=media.source, kind=media.kind, duration_s=media.duration_s)


def analyze(source: str | Path, **options: object) -> Analysis:
    """Read one picture, recording or video with a fresh :class:`Analyzer`.

    Args:
        source: path of a local file.
        options: as for :class:`Analyzer`.

    Raises:
        MediaError: the file cannot be read; its subclasses say why.
        ModelError: a model cannot be had.
    """
    return Analyzer(**options).analyze(source)  # type: ignore[arg-type]
