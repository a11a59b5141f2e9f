"""Models that all requests share: each is loaded once, whatever is asked for in which mix."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar, cast

from emoscope.analyzer import Analyzer
from emoscope.apps.api.options import AnalyzeOptions
from emoscope.apps.api.problems import ProblemError
from emoscope.apps.api.settings import ServiceSettings
from emoscope.errors import MissingExtraError, ModelError
from emoscope.face.detect import FaceDetector, load_detector
from emoscope.face.recognise import FaceRecogniser
from emoscope.fusion.translate import Translator
from emoscope.models import catalog, store
from emoscope.voice.activity import load_gate
from emoscope.voice.recognise import VoiceRecogniser
from emoscope.words.recognise import WordsRecogniser
from emoscope.words.transcribe import Transcriber

_T = TypeVar("_T")
Key = tuple[str, str]  # role, name


class Shelf:
    """The models of a service, each loaded when it is first needed; thread-safe.

    Attributes:
        base: an analyzer with the service's own choices.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._locks: dict[Key, threading.Lock] = {}
        self._loaded: dict[Key, Any] = {}
        self.base: Analyzer = _ShelfAnalyzer(self, **self._choices(AnalyzeOptions()))

    @property
    def loaded(self) -> dict[str, str]:
        """Role to ``name@version`` of what is loaded; of several in a role, all."""
        found: dict[str, list[str]] = {}
        for (role, _), model in list(self._loaded.items()):
            found.setdefault(role, []).append(model.name)
        return {role: ", ".join(sorted(names)) for role, names in found.items()}

    def load(self) -> None:
        """Load what requests usually need.

        Raises:
            ModelError: a model cannot be had.
            MissingExtraError: a model needs an extra that is not installed.
        """
        own = self._settings
        usual = self.analyzer(AnalyzeOptions(transcribe=own.transcribe))
        parts: list[Any] = [usual.detector, usual.face, usual.voice, load_gate(own.speech)]
        if own.transcribe is not None:
            parts += [usual.transcriber, usual.words]

    def analyzer(self, options: AnalyzeOptions) -> Analyzer:
        """An analyzer with a request's options over the service's choices.

        Raises:
            ProblemError: 422, a model that this service does not have.
        """
        for role in ("face", "voice", "words"):
            self._check_model(role, getattr(options, f"{role}_model"))
        if options.transcribe is not None and options.transcribe != self._settings.transcribe:
            have = self._settings.transcribe
            raise ProblemError(
                422,
                "invalid-value",
                f"this service transcribes with {have!r}" if have else "no words are read here",
                field="transcribe",
            )
        if options.transcribe is None and (options.language is not None or options.translate):
            field = "translate" if options.translate else "language"
            raise ProblemError(422, "invalid-value", f"{field} needs transcribe", field=field)
        analyzer = _ShelfAnalyzer(self, **self._choices(options))
        for name, load in (
            ("detector", lambda: analyzer.detector),
            ("speech", lambda: load_gate(options.speech or self._settings.speech)),
            ("language", lambda: options.language and analyzer.transcriber),
        ):
            if getattr(options, name) is not None:
                _try(name, load)
        return analyzer

    def has(self, role: str, name: str) -> bool:
        """Whether this one is loaded."""
        return (role, name) in self._loaded

    def get(self, key: Key, make: Callable[[], _T]) -> _T:
        """The model under this key; the first who asks makes it, the others wait."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._loaded:
                self._loaded[key] = make()
            return cast(_T, self._loaded[key])

    def _choices(self, options: AnalyzeOptions) -> dict[str, Any]:
        own = self._settings
        return {
            "face_model": options.face_model or own.face_model,
            "voice_model": options.voice_model or own.voice_model,
            "words_model": options.words_model or own.words_model,
            "detector": options.detector or own.detector,
            "speech": options.speech or own.speech,
            "transcribe": options.transcribe,
            "language": options.language,
            "translate": options.translate,
            "min_confidence": options.min_confidence,
            "fps": options.fps,
            "smooth": options.smooth,
            "limits": options.within(own.limits),
            "threads": own.model_threads,
        }

    def _check_model(self, role: str, name: str | None) -> None:
        """Only names of the catalog: a client opens no file of this machine."""
        if name is None or name == getattr(self._settings, f"{role}_model"):
            return
        spec = catalog.catalog().get(name)
        if spec is None or spec.role != role or not store.is_available(name):
            raise ProblemError(
                422,
                "invalid-value",
                f"this service has no {role} model called {name!r}; /v1/models lists them",
                field=f"{role}_model",
            )


class _ShelfAnalyzer(Analyzer):
    """An analyzer that takes its models from the shelf."""

    def __init__(self, shelf: Shelf, **choices: Any) -> None:
        super().__init__(**choices)
        self._shelf = shelf

    @cached_property
    def detector(self) -> FaceDetector:
        """The shelf's."""
        choice = self._detector_choice
        if choice == "auto":
            # Once it is loaded, nobody looks for its file.
            is_here = self._shelf.has("detector", "yunet") or store.is_available("yunet")
            choice = "yunet" if is_here else "auto"
        return self._shelf.get(("detector", choice), lambda: load_detector(choice, self._threads))

    @cached_property
    def face(self) -> FaceRecogniser:
        """The shelf's."""
        key = ("face", str(self._face_model))
        return self._shelf.get(key, lambda: FaceRecogniser(self._face_model, self._threads))

    @cached_property
    def voice(self) -> VoiceRecogniser:
        """The shelf's."""
        key = ("voice", str(self._voice_model))
        return self._shelf.get(key, lambda: VoiceRecogniser(self._voice_model, self._threads))

    @cached_property
    def words(self) -> WordsRecogniser:
        """The shelf's."""
        key = ("words", str(self._words_model))
        return self._shelf.get(key, lambda: WordsRecogniser(self._words_model, self._threads))

    @cached_property
    def transcriber(self) -> Transcriber:
        """The shelf's, told this request's language."""
        name = self._transcribe or "base"
        one = self._shelf.get(
            ("transcriber", str(name)), lambda: Transcriber(name, threads=self._threads)
        )
        return one.listening_for(self._language, translate=self._translate)

    @cached_property
    def translator(self) -> Translator:
        """The shelf's."""
        return self._shelf.get(("translation", ""), lambda: Translator(threads=self._threads))


def _try(field: str, load: Callable[[], object]) -> None:
    """Load what a request names; what cannot be had is the request's fault."""
    try:
        load()
    except (MissingExtraError, ModelError) as error:
        raise ProblemError(422, "invalid-value", str(error), field=field) from error
