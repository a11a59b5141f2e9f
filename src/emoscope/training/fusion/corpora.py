"""Which items fusion is fitted on, and which others it is measured on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import DatasetError
from emoscope.face.detect import DetectorChoice, load_detector
from emoscope.face.recognise import FaceRecogniser
from emoscope.fusion.quality import MEASURES, Curve, sharpness
from emoscope.labels import SHARED
from emoscope.models import catalog
from emoscope.training.datasets import fer2013, speech
from emoscope.training.datasets.corpora import Clip, SpeechCorpus
from emoscope.training.datasets.ferplus import labelled_by_votes
from emoscope.training.datasets.tree import list_files
from emoscope.training.evaluate.items import read_faces
from emoscope.training.fusion import curves
from emoscope.training.fusion.readings import (
    Readings,
    face_readings,
    halves,
    kept_in,
    renamed,
    voice_readings,
)
from emoscope.training.fusion.words import fit_words_curve, word_readings
from emoscope.voice.recognise import VoiceRecogniser

FIT_SPEAKERS = {"ravdess": ("15", "16")}
REPORT_SPEAKERS = {
    "ravdess": ("17", "18", "19", "20"),
    "emodb": ("12", "14"),
    "tess": ("YAF",),
}
TESS_PER_LABEL = 40
_SCENES = 1000


@dataclass(frozen=True)
class Part:
    """One modality's side of a fit.

    Attributes:
        fit: readings to fit on.
        report: readings to measure on.
        curves: quality curves, fitted on ``fit`` and on worsened copies of it.
        text: what both are, in words.
    """

    fit: Readings
    report: Readings
    curves: Mapping[str, Curve]
    text: str

    @property
    def prior(self) -> NDArray[np.float64]:
        """What the model answers on average, ``(7,)``."""
        mean: NDArray[np.float64] = self.fit.probs.mean(0)
        share: NDArray[np.float64] = mean / mean.sum()
        return share


def faces(data_dir: Path, cache: Path | None) -> Part:
    """FER2013's validation pictures, by FER+'s votes, in two halves; the model knows neither.

    Raises:
        DatasetError: the corpus is missing or laid out differently.
    """
    recogniser = FaceRecogniser("emoscope-face")
    key = f"{_digest('emoscope-face')} fer2013 validation by votes"
    items = labelled_by_votes(fer2013.load(data_dir, "validation"))
    whole = kept_in(cache, key, lambda: face_readings(recogniser, items))
    first = halves(whole.names)
    crops = items.crops[first]
    twice = fer2013.near_duplicates(items.crops[~first], crops)
    fit, report = whole.take(first), whole.take(~first).take(~twice)
    prior = fit.probs.mean(0)

    def changed(mark: str, made: Callable[[], NDArray[np.uint8]]) -> Readings:
        def read() -> Readings:
            worse = made()
            answers = recogniser.labels.to_shared(read_faces(recogniser, worse)[0])
            sharp = [(np.nan, np.nan, np.nan, sharpness(crop)) for crop in worse]
            return Readings(fit.names, fit.groups, fit.truth, answers, np.array(sharp))

        return renamed(kept_in(cache, f"{key} fit {mark}", read), mark)

    small = [
        changed(f"{size} px", lambda size=size: curves.shrunk(crops, size))  # type: ignore[misc]
        for size in curves.SIZES_PX
    ]
    soft = [
        changed(f"blur {s}", lambda s=s: curves.blurred(crops, s))  # type: ignore[misc]
        for s in curves.BLURS_PX
    ]
    sizes = np.repeat([*curves.SIZES_PX, crops.shape[1]], len(fit)).astype(np.float64)
    found = {"size_px": curves.fit_levels(sizes, Readings.join([*small, fit]), prior)}
    blurred = Readings.join([fit, *soft])
    found["sharpness"] = curves.fit_curve(_measure("face", "sharpness", blurred), blurred, prior)
    for name in ("yunet", "haar"):
        scored = _scored(name, recogniser, crops, fit, cache, key)
        if scored is not None:
            measure = _measure("face", f"{name}_score", scored)
            found[f"{name}_score"] = curves.fit_curve(measure, scored, prior, bins=6)
    text = (
        f"FER2013 validation (never trained on) by FER+'s winning votes, in halves by the "
        f"SHA-256 of the names: {len(fit)} to fit, {len(report)} to report "
        f"({int(twice.sum())} near-duplicates of the former left out)"
    )
    return Part(fit, report, found, text)


def _scored(
    name: DetectorChoice,
    recogniser: FaceRecogniser,
    crops: NDArray[np.uint8],
    fit: Readings,
    cache: Path | None,
    key: str,
) -> Readings | None:
    """Faces found by a detector, with its scores; None where the detector's file is missing."""
    detector = load_detector("auto" if name == "yunet" else name)
    if detector.name.split("@")[0] != name:
        return None

    def read() -> Readings:
        rows, scores, cuts = curves.detected(detector, crops[:_SCENES], recogniser.crop_size)
        answers = recogniser.labels.to_shared(read_faces(recogniser, cuts)[0])
        measures = np.full((len(rows), len(MEASURES["face"])), np.nan)
        measures[:, MEASURES["face"].index(f"{name}_score")] = scores
        part = fit.take(rows)
        return Readings(part.names, part.groups, part.truth, answers, measures)

    return kept_in(cache, f"{key} fit scenes {detector.name}", read)


def voices(folders: Mapping[str, Path], cache: Path | None) -> Part:
    """Speakers that the voice model was not trained on: two held back, the others reported.

    Args:
        folders: ``ravdess``, and if they are there ``emodb`` and ``tess``.
        cache: where answers are kept.

    Raises:
        DatasetError: a corpus is missing or laid out differently.
    """
    recogniser = VoiceRecogniser("emoscope-voice")
    digest = _digest("emoscope-voice")
    key = f"{digest} {sorted(FIT_SPEAKERS.items())}"
    loaded: list[SpeechCorpus] = []

    def clips() -> SpeechCorpus:
        if not loaded:
            loaded.append(_read("ravdess", folders["ravdess"], FIT_SPEAKERS["ravdess"]))
        return loaded[0]

    fit = kept_in(cache, f"{key} fit", lambda: voice_readings(recogniser, clips()))
    prior = fit.probs.mean(0)

    def changed(
        mark: str, change: Callable[[NDArray[np.float32], int], NDArray[np.float32]]
    ) -> Readings:
        def read() -> Readings:
            return voice_readings(recogniser, clips(), change)

        return renamed(kept_in(cache, f"{key} fit {mark}", read), mark)

    short = [
        changed(f"{s} s", lambda x, _, s=s: curves.cut(x, s))  # type: ignore[misc]
        for s in curves.SECONDS
    ]
    loud = [
        changed(f"{d} dB", lambda x, row, d=d: curves.noisy(x, d, row))  # type: ignore[misc]
        for d in curves.NOISES_DB
    ]
    shorter, louder = Readings.join([*short, fit]), Readings.join([*loud, fit])
    found = {
        "voiced_s": curves.fit_curve(_measure("voice", "voiced_s", shorter), shorter, prior),
        "snr_db": curves.fit_curve(_measure("voice", "snr_db", louder), louder, prior),
    }
    parts = [
        kept_in(
            cache,
            f"{digest} {name} {who} {TESS_PER_LABEL}",
            lambda name=name, who=who: voice_readings(  # type: ignore[misc]
                recogniser, _read(name, folders[name], who)
            ),
        )
        for name, who in REPORT_SPEAKERS.items()
        if name in folders
    ]
    report = Readings.join(parts)
    _all_labels("voices", fit, report)
    told = "; ".join(
        f"{n} {', '.join(REPORT_SPEAKERS[n])}" for n in REPORT_SPEAKERS if n in folders
    )
    text = (
        f"voices: ravdess 15, 16 to fit ({len(fit)} clips; the voice model's temperature stands "
        f"on them too); {told} to report ({len(report)} clips; of tess {TESS_PER_LABEL} a label)"
    )
    return Part(fit, report, found, text)


def words(data_dir: Path, cache: Path | None) -> Part:
    """GoEmotions' dev comments with one label, in two halves.

    Raises:
        DatasetError: the corpus is missing or laid out differently.
    """
    key = f"{_digest('emoscope-words')} goemotions dev"
    whole = kept_in(cache, key, lambda: word_readings(data_dir / "dev.tsv"))
    first = halves(whole.names)
    fit, report = whole.take(first), whole.take(~first)
    _all_labels("words", fit, report)
    text = (
        f"GoEmotions dev (never trained on), comments with one label, in halves by the SHA-256 of "
        f"their ids: {len(fit)} to fit, {len(report)} to report"
    )
    return Part(fit, report, fit_words_curve(fit), text)


def _read(corpus: str, data_dir: Path, speakers: tuple[str, ...]) -> SpeechCorpus:
    clips = [clip for clip in speech.list_clips(corpus, data_dir) if clip.speaker in speakers]
    if not clips:
        raise DatasetError(f"{data_dir}: no clip of {corpus} {', '.join(speakers)}")
    if corpus == "tess":
        clips = _some(clips)
    return speech.read_clips(clips, speech.corpus_labels(corpus), list_files(data_dir))


def _some(clips: list[Clip]) -> list[Clip]:
    """At most so many of each label, by the SHA-256 of the files' names."""
    order = sorted(clips, key=lambda clip: hashlib.sha256(clip.path.name.encode()).hexdigest())
    labels = sorted({clip.label for clip in clips})
    return [c for label in labels for c in [c for c in order if c.label == label][:TESS_PER_LABEL]]


def _measure(modality: str, name: str, readings: Readings) -> NDArray[np.float64]:
    column: NDArray[np.float64] = readings.measures[:, MEASURES[modality].index(name)]
    return column


def _all_labels(what: str, *parts: Readings) -> None:
    for part in parts:
        lacking = [name for k, name in enumerate(SHARED) if not (part.truth == k).any()]
        if lacking:
            raise DatasetError(f"{what}: no item of {', '.join(lacking)}; give more corpora")


def _digest(model: str) -> str:
    return catalog.find(model).sha256
